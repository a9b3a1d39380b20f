//! A journal that refuses to record an expiry: it is tried again, and not at once.

use super::host::Host;
use super::{MINUTE, question, settled};
use crate::event::Draft;
use crate::interactions::{Ask, State};
use crate::journal::Durability;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tollgate_events::EventType;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Counts warnings.
struct Warnings(Arc<AtomicUsize>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().contains("interactions")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Emits until nothing of this size fits.
async fn fill(host: &Host, bytes: usize) {
    let event_type = EventType::parse("test.fill").unwrap();
    let payload: Arc<str> = format!("{{\"x\":\"{}\"}}", "x".repeat(bytes)).into();
    while host.bus.emit(Draft::new(event_type.clone(), "core", Arc::clone(&payload))).await.is_ok() {}
}

#[tokio::test]
async fn an_expiry_that_is_not_recorded_is_tried_again_a_while_later() {
    let warnings = Arc::new(AtomicUsize::new(0));
    let _warned = tracing::subscriber::set_default(Warnings(Arc::clone(&warnings)));
    let host = Host::new(Durability::Normal);
    let asked = host.interactions.ask(Ask { ttl: Some(MINUTE), ..question("s1") }).await.unwrap();
    host.bus.limit_pages(1).await.unwrap();
    for bytes in [1_000, 1] {
        fill(&host, bytes).await;
    }
    host.move_on(MINUTE);
    host.until(|| warnings.load(Ordering::SeqCst) == 1).await;
    host.bus.limit_pages(u32::MAX).await.unwrap();
    assert_eq!(host.interactions.get(&asked.id).await.unwrap().unwrap().state, State::Pending);
    host.move_on(Duration::from_secs(5));
    assert_eq!(settled(&host, &asked.id).await.state, State::Expired);
    assert_eq!(warnings.load(Ordering::SeqCst), 1, "refused once, then after a while recorded");
}
