//! `/metrics`: the counters of `/api/stats` and `/api/plugins` in the text format that Prometheus reads
//! (exposition format 0.0.4). Owns the names; counts nothing itself.

use crate::state::{MAX_STREAMS, State};
use axum::extract::State as Shared;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::fmt::{Display, Write as _};
use tollgate_runtime::PluginStatus;

/// What Prometheus calls the format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) async fn metrics(Shared(state): Shared<State>) -> Response {
    let mut page = Page::default();
    let counted = state.bus.statistics();
    page.one("tollgate_events_published_total", "counter", "Events recorded.", counted.published);
    page.one("tollgate_events_filtered_total", "counter", "Events that the bus filter kept out.", counted.filtered);
    page.one("tollgate_events_rejected_total", "counter", "Events refused.", counted.rejected);
    page.family("tollgate_events_total", "counter", "Events recorded, by type.");
    for (event_type, count) in &counted.by_type {
        page.sample("tollgate_events_total", &[("type", event_type)], count);
    }
    page.family("tollgate_subscriber_delivered_total", "counter", "Events handed to a subscriber.");
    for one in &counted.subscribers {
        page.sample("tollgate_subscriber_delivered_total", &[("subscriber", &one.name)], one.delivered);
    }
    page.family("tollgate_subscriber_dropped_total", "counter", "Events that a subscriber missed and was told of.");
    for one in &counted.subscribers {
        page.sample("tollgate_subscriber_dropped_total", &[("subscriber", &one.name)], one.dropped);
    }
    page.one("tollgate_journal_head", "gauge", "The newest seq.", state.bus.journal().head());
    let streams = MAX_STREAMS - state.streams.available_permits();
    page.one("tollgate_streams", "gauge", "Live streams.", streams);
    page.one("tollgate_uptime_seconds", "gauge", "Since the daemon started.", state.started.elapsed().as_secs());
    page.plugins(&state.runtime.list());
    ([(CONTENT_TYPE, FORMAT)], page.0).into_response()
}

/// A page in the making: a family's samples follow its name.
#[derive(Default)]
struct Page(String);

impl Page {
    fn plugins(&mut self, plugins: &[PluginStatus]) {
        type Counter = (&'static str, &'static str, &'static str, fn(&PluginStatus) -> u64);
        let counters: [Counter; 15] = [
            ("tollgate_plugin_calls_total", "counter", "Calls of a plugin, gate calls included.", |one| one.calls),
            ("tollgate_plugin_failed_total", "counter", "Calls answered with an error.", |one| one.failed),
            ("tollgate_plugin_faults_total", "counter", "Calls that ended in a fault.", |one| one.faults),
            ("tollgate_plugin_dead_letters_total", "counter", "Events given up.", |one| one.dead_letters),
            ("tollgate_plugin_over_budget_total", "counter", "Host calls over a budget.", |one| one.over_budget),
            ("tollgate_plugin_fuel_total", "counter", "Fuel of all calls.", |one| one.fuel),
            ("tollgate_plugin_fuel_max", "gauge", "Fuel of the call that took most.", |one| one.fuel_max),
            ("tollgate_plugin_throttles_total", "counter", "Waits for the next minute's fuel.", |one| one.throttles),
            ("tollgate_plugin_quarantines_total", "counter", "Quarantines begun or prolonged.", |one| one.quarantines),
            ("tollgate_plugin_quarantined", "gauge", "1 while the plugin is in quarantine.", |one| {
                u64::from(one.state == tollgate_runtime::PluginState::Quarantined)
            }),
            ("tollgate_plugin_instances", "gauge", "Guests that handle events.", |one| one.instances as u64),
            ("tollgate_plugin_queue", "gauge", "Events that wait.", |one| one.queue),
            ("tollgate_plugin_lag", "gauge", "Seqs behind the head while events wait.", |one| one.lag),
            ("tollgate_plugin_memory_bytes", "gauge", "Bytes of all guests' memories.", |one| one.memory_bytes),
            ("tollgate_plugin_serving", "gauge", "1 while the plugin serves.", |one| {
                u64::from(one.state == tollgate_runtime::PluginState::Serving)
            }),
        ];
        for (name, kind, help, count) in counters {
            self.family(name, kind, help);
            for plugin in plugins {
                self.sample(name, &[("plugin", &plugin.name)], count(plugin));
            }
        }
        let name = "tollgate_plugin_call_duration_seconds";
        self.family(name, "summary", "How long calls take, since the start.");
        for plugin in plugins {
            for (quantile, micros) in [("0.5", plugin.p50_us), ("0.99", plugin.p99_us)] {
                let seconds = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
                self.sample(name, &[("plugin", &plugin.name), ("quantile", quantile)], seconds);
            }
        }
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let open = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{label}=\"{escaped}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_follow_their_family_and_labels_are_escaped() {
        let mut page = Page::default();
        page.family("x_total", "counter", "Of x.");
        page.sample("x_total", &[("name", "a\"b\\c\nd"), ("kind", "k")], 3);
        page.one("y", "gauge", "Of y.", 4);
        let expected = "# HELP x_total Of x.\n# TYPE x_total counter\nx_total{name=\"a\\\"b\\\\c\\nd\",kind=\"k\"} 3\n\
                        # HELP y Of y.\n# TYPE y gauge\ny 4\n";
        assert_eq!(page.0, expected);
    }
}
