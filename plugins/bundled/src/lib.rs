//! The bundled plugins as components, with the grants that let each do its job.
//!
//! Built from their packages by this crate's build script; nothing here runs them. What the author's kit writes into a
//! new package and builds it with is here too, so that both are the ones that these plugins were built with.

include!(concat!(env!("OUT_DIR"), "/guests.rs"));
include!(concat!(env!("OUT_DIR"), "/sources.rs"));

#[path = "../build/toolchain.rs"]
pub mod toolchain;

/// The script that makes a compiler for [`toolchain::TARGET`] where the toolchain has none.
pub const TOOLCHAIN_SCRIPT: &str = include_str!("../wasm-sysroot.sh");

/// A plugin that comes with the binary.
#[derive(Debug, Clone, Copy)]
pub struct BundledPlugin {
    /// Its name, which is its file's stem.
    pub name: &'static str,
    /// The component.
    pub component: &'static [u8],
    /// The grant file's text: just what the plugin needs.
    pub grant: &'static str,
}

/// What a new home's plugin folder holds.
pub const PLUGINS: &[BundledPlugin] = &[
    BundledPlugin { name: "audit", component: AUDIT, grant: include_str!("../../audit/grant.toml") },
    BundledPlugin { name: "test-runner", component: TEST_RUNNER, grant: include_str!("../../test-runner/grant.toml") },
    BundledPlugin {
        name: "merge-resolver",
        component: MERGE_RESOLVER,
        grant: include_str!("../../merge-resolver/grant.toml"),
    },
    BundledPlugin { name: "translation", component: TRANSLATION, grant: include_str!("../../translation/grant.toml") },
];

/// The example guard, for the demonstration; a new home does not hold it.
pub const NO_SECRETS_PLUGIN: BundledPlugin = BundledPlugin {
    name: "no-secrets",
    component: NO_SECRETS,
    grant: include_str!("../../examples/no-secrets/grant.toml"),
};

/// A component in which `from` is `to` wherever it stands: a guest under another name, or with other wishes.
///
/// # Panics
/// Where they are not of one length: the text's length stands beside it.
#[cfg(feature = "guests")]
#[must_use]
pub fn renamed(component: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "{from} and {to} are not of one length");
    let mut bytes = component.to_vec();
    let found: Vec<usize> = component
        .windows(from.len())
        .enumerate()
        .filter(|(_, part)| *part == from.as_bytes())
        .map(|(at, _)| at)
        .collect();
    for at in found {
        if let Some(part) = bytes.get_mut(at..at + to.len()) {
            part.copy_from_slice(to.as_bytes());
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
