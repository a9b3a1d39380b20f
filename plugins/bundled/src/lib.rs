//! The bundled plugins as components, with the grants that let each do its job.
//!
//! Built from their packages by this crate's build script; nothing here runs them.

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

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

#[cfg(test)]
#[path = "../build/toolchain.rs"]
mod toolchain;

#[cfg(test)]
mod tests;
