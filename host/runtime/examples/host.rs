//! A whole host in one file: a bus, a folder of plugins, and events that reach them.
//!
//! `cargo run -p tollgate-runtime --example host -- FOLDER` serves the plugins in `FOLDER/plugins`, emits one
//! event a line of standard input (its type), and prints what the plugins emit.

use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::bus::{Bus, BusOptions, Delivery, Overflow};
use tollgate_core::event::Draft;
use tollgate_core::events::{EventType, PatternSet};
use tollgate_core::home::Home;
use tollgate_core::journal::{Durability, JournalOptions};
use tollgate_core::session::Sessions;
use tollgate_core::time::Clock;
use tollgate_runtime::{InProcess, Limits, Runtime, RuntimeOptions, SignatureRules};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: host FOLDER")?;
    let home = Home::at(std::path::absolute(folder)?);
    let journal = JournalOptions { path: home.journal(), durability: Durability::Memory };
    let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() })?;
    let mut live = bus.subscribe(PatternSet::all(), Overflow::DropOldest);
    tokio::spawn(async move {
        while let Some(delivery) = live.next().await {
            if let Delivery::Event(event) = delivery {
                println!("{} {} {} {}", event.seq, event.source, event.event_type, event.payload);
            }
        }
    });
    let options = RuntimeOptions {
        home,
        bus: bus.clone(),
        sessions: Arc::new(Sessions::open(&bus, Vec::new())?),
        asker: None,
        defaults: Limits::default(),
        compiler: Arc::new(InProcess),
        signatures: SignatureRules::default(),
        watch: true,
        rescan: Duration::from_secs(5),
    };
    let runtime = Runtime::start(options).await?;
    for status in runtime.list() {
        println!("{} {}", status.name, status.state.as_str());
    }
    let (lines, mut typed) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = typed.recv().await {
        match EventType::parse(line.trim()) {
            Ok(event_type) => drop(bus.emit(Draft::new(event_type, "webui", "{}")).await?),
            Err(error) => eprintln!("{error}"),
        }
    }
    runtime.shutdown().await;
    bus.close().await;
    Ok(())
}
