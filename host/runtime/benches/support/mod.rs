//! A host to measure: a home with plugins in its folder, a bus on its journal, and nothing that would run beside.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::bus::{Bus, BusOptions};
use tollgate_core::home::Home;
use tollgate_core::journal::{Durability, JournalOptions};
use tollgate_core::session::Sessions;
use tollgate_core::time::Clock;
use tollgate_runtime::{InProcess, Limits, RuntimeOptions, SignatureRules};

/// What starts a runtime on the home `folder`, with these plugins in it: name, component, grant. Sessions that name no
/// root work in the folder `folder` is in.
pub fn options(folder: &Path, durability: Durability, plugins: &[(&str, &[u8], &str)]) -> RuntimeOptions {
    let home = Home::at(folder);
    std::fs::create_dir_all(home.plugins()).unwrap();
    for (name, component, grant) in plugins {
        std::fs::write(home.plugins().join(format!("{name}.wasm")), component).unwrap();
        std::fs::write(home.plugins().join(format!("{name}.toml")), grant).unwrap();
    }
    let journal = JournalOptions { path: home.journal(), durability };
    let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap();
    let roots = folder.parent().map(Path::to_path_buf).into_iter().collect();
    RuntimeOptions {
        home,
        sessions: Arc::new(Sessions::open(&bus, roots).unwrap()),
        bus,
        asker: None,
        defaults: Limits::default(),
        compiler: Arc::new(InProcess),
        watch: false,
        rescan: Duration::from_secs(5),
        signatures: SignatureRules::default(),
    }
}
