//! What a component is and whether this host can run it: size, format, interface version and world, told before
//! anything is compiled; and linking what was. Nothing runs here.

use crate::bindings::exports::tollgate::plugin::{gate, handler, lifecycle};
use crate::host::GuestState;
use crate::limits::MAX_CORE_INSTANCES;
use sha2::{Digest, Sha256};
use std::fmt;
use tollgate_core::hex::hex;
use wasmparser::{Parser, Payload};
use wasmtime::component::{Component, InstancePre, Linker};

/// The largest component file, in bytes.
pub const MAX_COMPONENT_BYTES: u64 = 64 << 20;
/// The interface version that this host offers.
pub(crate) const INTERFACE_VERSION: &str = "0.1.0";
const INTERFACE: &str = "tollgate:plugin/";
/// WASI packages that are linked; of those only clocks, random and output do anything.
const WASI: &[&str] = &["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// At which step a file was refused. The names are a contract of events and the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It could not be read, or is no regular file.
    Read,
    /// It is too large.
    Size,
    /// It is not a WebAssembly component.
    Format,
    /// It was built against another version of the interface.
    Version,
    /// It lacks an export of the worlds, or imports what no world offers.
    World,
    /// Its signature is missing or wrong.
    Signature,
    /// Its name is no plugin name, or not the one it describes itself with.
    Name,
    /// It does not compile.
    Compile,
    /// Describing itself failed.
    Describe,
    /// It needs what it asks for in a way the host does not understand.
    Needs,
    /// Its grant file, or the configuration in it, is wrong.
    Config,
    /// Its `init` failed.
    Init,
}

impl Stage {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Size => "size",
            Self::Format => "format",
            Self::Version => "version",
            Self::World => "world",
            Self::Signature => "signature",
            Self::Name => "name",
            Self::Compile => "compile",
            Self::Describe => "describe",
            Self::Needs => "needs",
            Self::Config => "config",
            Self::Init => "init",
        }
    }
}

/// Why a file does not serve; what served before goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused at {stage}: {cause}")]
pub struct Rejection {
    /// At which step.
    pub stage: Stage,
    /// What is wrong and what mends it.
    pub cause: String,
    /// It is no word on the file: the host failed, and tries again by itself. Any other is refused until it changes.
    pub passing: bool,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Rejection {
    pub(crate) fn new(stage: Stage, cause: impl Into<String>) -> Self {
        Self { stage, cause: crate::fault::cut(cause.into(), crate::fault::MAX_MESSAGE_BYTES), passing: false }
    }

    /// A failure of the host's that may pass.
    pub(crate) fn passing(stage: Stage, cause: impl Into<String>) -> Self {
        Self { passing: true, ..Self::new(stage, cause) }
    }
}

/// What a plugin can do, told by what its component exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// Handles events.
    Observer,
    /// Gates tool calls too.
    Guard,
}

impl World {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observer => "observer",
            Self::Guard => "guard",
        }
    }
}

/// What a component imports and exports, read without running or compiling it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) world: World,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

/// Hex of the SHA-256 of a file.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Reads what the component imports and exports, and refuses what this host cannot run.
pub(crate) fn inspect(bytes: &[u8]) -> Result<Interface, Rejection> {
    if bytes.len() as u64 > MAX_COMPONENT_BYTES {
        return Err(Rejection::new(Stage::Size, format!("over {MAX_COMPONENT_BYTES} bytes")));
    }
    if !Parser::is_component(bytes) {
        let cause = if Parser::is_core_wasm(bytes) {
            "a core module, not a component; build it with `--target wasm32-wasip2`"
        } else {
            "not a WebAssembly component"
        };
        return Err(Rejection::new(Stage::Format, cause));
    }
    let Outline { imports, exports, modules } =
        outline(bytes).map_err(|error| Rejection::new(Stage::Format, format!("damaged: {error}")))?;
    if modules > MAX_CORE_INSTANCES {
        let cause = format!("it has {modules} core modules, at most {MAX_CORE_INSTANCES} are taken");
        return Err(Rejection::new(Stage::Size, cause));
    }
    for name in imports.iter().chain(&exports) {
        check_version(name)?;
    }
    for import in &imports {
        if !import.starts_with(INTERFACE) && !WASI.iter().any(|package| import.starts_with(package)) {
            return Err(Rejection::new(Stage::World, format!("it imports `{import}`, which no plugin world offers")));
        }
    }
    let exported = |interface: &str| exports.iter().any(|export| export == &full(interface));
    for needed in ["lifecycle", "handler"] {
        if !exported(needed) {
            let cause = format!(
                "it does not export `{}`: in Rust `tollgate_sdk::export_observer!(YourPlugin)`, or `export_guard!`, \
                 does; else see the worlds of tollgate:plugin",
                full(needed)
            );
            return Err(Rejection::new(Stage::World, cause));
        }
    }
    let world = if exported("gate") { World::Guard } else { World::Observer };
    Ok(Interface { world, imports, exports })
}

fn full(interface: &str) -> String {
    format!("{INTERFACE}{interface}@{INTERFACE_VERSION}")
}

fn check_version(name: &str) -> Result<(), Rejection> {
    let Some(interface) = name.strip_prefix(INTERFACE) else { return Ok(()) };
    match interface.split_once('@') {
        Some((_, INTERFACE_VERSION)) => Ok(()),
        found => Err(Rejection::new(
            Stage::Version,
            format!(
                "it was built against tollgate:plugin {}, this host offers {INTERFACE_VERSION}; \
                 rebuild it with the tollgate-sdk of that version, or with the `wit/` of a new package",
                found.map_or("without a version", |(_, version)| version)
            ),
        )),
    }
}

/// What a component's sections say.
#[derive(Default)]
struct Outline {
    /// Names of the outermost component's imports.
    imports: Vec<String>,
    /// And of its exports.
    exports: Vec<String>,
    /// Core modules, those of components within it included: each is compiled, used or not.
    modules: usize,
}

fn outline(bytes: &[u8]) -> Result<Outline, wasmparser::BinaryReaderError> {
    let Outline { mut imports, mut exports, mut modules } = Outline::default();
    let mut nested = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } => {
                modules += 1;
                nested += 1;
            }
            Payload::ComponentSection { .. } => nested += 1,
            Payload::End(_) => nested = nested.saturating_sub(1),
            Payload::ComponentImportSection(section) if nested == 0 => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if nested == 0 => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(Outline { imports, exports, modules })
}

/// Where the exports of a component are, looked up once.
#[derive(Clone)]
pub(crate) struct Exports {
    pub(crate) lifecycle: lifecycle::GuestIndices,
    pub(crate) handler: handler::GuestIndices,
    pub(crate) gate: Option<gate::GuestIndices>,
}

/// A compiled component with its imports linked, ready to be instantiated.
#[derive(Clone)]
pub(crate) struct Loaded {
    instance_pre: InstancePre<GuestState>,
    exports: Exports,
}

impl Loaded {
    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        self.instance_pre.engine()
    }

    pub(crate) fn instance_pre(&self) -> &InstancePre<GuestState> {
        &self.instance_pre
    }

    pub(crate) fn exports(&self) -> &Exports {
        &self.exports
    }
}

/// Links the code of an inspected component.
pub(crate) fn link(
    linker: &Linker<GuestState>,
    interface: &Interface,
    component: &Component,
) -> Result<Loaded, Rejection> {
    let world = |error: wasmtime::Error| Rejection::new(Stage::World, format!("{error:#}"));
    let instance_pre = linker.instantiate_pre(component).map_err(world)?;
    let exports = Exports {
        lifecycle: lifecycle::GuestIndices::new(&instance_pre).map_err(world)?,
        handler: handler::GuestIndices::new(&instance_pre).map_err(world)?,
        gate: match interface.world {
            World::Guard => Some(gate::GuestIndices::new(&instance_pre).map_err(world)?),
            World::Observer => None,
        },
    };
    Ok(Loaded { instance_pre, exports })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;

    fn refused(bytes: &[u8], stage: Stage, part: &str) {
        let rejection = inspect(bytes).unwrap_err();
        assert_eq!(rejection.stage, stage, "{rejection}");
        assert!(rejection.cause.contains(part), "{rejection}");
    }

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn what_is_no_component_is_refused() {
        refused(b"", Stage::Format, "not a WebAssembly component");
        refused(b"PK\x03\x04 a zip", Stage::Format, "not a WebAssembly component");
        refused(&vec![0; 1 << 20], Stage::Format, "not a WebAssembly component");
        refused(&component("(module)"), Stage::Format, "wasm32-wasip2");
        refused(b"\0asm\x0d\0\x01\0then noise", Stage::Format, "damaged");
        refused(&vec![0; MAX_COMPONENT_BYTES as usize + 1], Stage::Size, "bytes");
    }

    #[test]
    fn worlds_and_versions_are_read_from_the_names() {
        refused(&component("(component)"), Stage::World, "lifecycle");
        let other = r#"(component (import "tollgate:plugin/log@9.0.0" (instance)))"#;
        refused(&component(other), Stage::Version, "9.0.0");
        refused(&component(r#"(component (import "wasi:http/types@0.2.0" (instance)))"#), Stage::World, "wasi:http");
        let nested = r#"(component (component (import "tollgate:plugin/log@9.0.0" (instance))))"#;
        refused(&component(nested), Stage::World, "lifecycle");
        let exports = |gate: &str| {
            format!(
                r#"(component (instance $i)
                   (export "tollgate:plugin/lifecycle@0.1.0" (instance $i))
                   (export "tollgate:plugin/handler@0.1.0" (instance $i)) {gate})"#
            )
        };
        assert_eq!(inspect(&component(&exports(""))).unwrap().world, World::Observer);
        let gate = r#"(export "tollgate:plugin/gate@0.1.0" (instance $i))"#;
        assert_eq!(inspect(&component(&exports(gate))).unwrap().world, World::Guard);
    }

    /// Whatever the bytes are, they are refused at one of the steps that read them, or are what a plugin is.
    fn is_judged(bytes: &[u8]) {
        match inspect(bytes) {
            Ok(interface) => assert!(interface.exports.contains(&full("lifecycle")), "{interface:?}"),
            Err(Rejection { stage, cause, .. }) => {
                assert!(matches!(stage, Stage::Format | Stage::Version | Stage::World), "{stage}: {cause}");
                assert!(!cause.is_empty() && cause.len() <= crate::fault::MAX_MESSAGE_BYTES + "…".len());
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_after_the_header_are_judged(noise in proptest::collection::vec(proptest::num::u8::ANY, 0..4_096)) {
            is_judged(&[b"\0asm\x0d\0\x01\0".as_slice(), &noise].concat());
        }

        #[test]
        fn a_damaged_component_is_judged(
            damage in proptest::collection::vec((0.0..1.0_f64, proptest::num::u8::ANY), 1..20),
            length in 0.0..=1.0_f64,
        ) {
            let mut bytes = tollgate_bundled::guests::COUNTER.to_vec();
            // Most of a component is code, which is read when it is compiled: half of the damage is to its ends.
            for (number, (at, byte)) in damage.iter().enumerate() {
                let part = if number % 2 == 0 { bytes.len() } else { 2_048 };
                let at = bytes.len() - 1 - (at * part as f64) as usize;
                if let Some(place) = bytes.get_mut(at) { *place = *byte; }
            }
            bytes.truncate((length.sqrt() * bytes.len() as f64) as usize);
            is_judged(&bytes);
        }
    }

    #[test]
    fn a_digest_is_hex() {
        assert_eq!(digest(b"")[..8], *"e3b0c442");
    }
}
