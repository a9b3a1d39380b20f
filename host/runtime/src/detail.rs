//! Everything about one plugin, as people inspect it.

use crate::grant::{GrantDifference, Mode};
use crate::limits::Limits;
use crate::plugin::{Plugin, PluginStatus};

/// How events reach a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryDetail {
    /// `durable` or `live`.
    pub mode: &'static str,
    /// Guests that handle its events.
    pub instances: usize,
    /// How long a change waits for a call in flight, in milliseconds.
    pub drain_ms: u64,
    /// Older events go to the dead letters, in milliseconds; none: commands after ten minutes, others never.
    pub max_age_ms: Option<u64>,
}

/// Everything about one plugin.
#[derive(Debug, Clone)]
pub struct PluginDetail {
    /// Its line of the list.
    pub status: PluginStatus,
    /// What it says it is for.
    pub summary: String,
    /// Interfaces that its component imports.
    pub imports: Vec<String>,
    /// Interfaces that its component exports.
    pub exports: Vec<String>,
    /// What it cannot do without.
    pub needs: Vec<String>,
    /// What it can use.
    pub wants: Vec<String>,
    /// What it asks for against what it has; none where it never described itself.
    pub grant: Option<GrantDifference>,
    /// What one call may use.
    pub limits: Limits,
    /// Canonical tools that it gates; `*` for all.
    pub gates: Vec<String>,
    /// Patterns of the events that it handles.
    pub subscriptions: Vec<String>,
    /// How events reach it; none while nothing of it serves.
    pub delivery: Option<DeliveryDetail>,
    /// JSON Schema of its `[config]`.
    pub config_schema: Option<String>,
}

impl PluginDetail {
    pub(crate) fn of(plugin: &Plugin, status: PluginStatus, grant: Option<GrantDifference>, defaults: Limits) -> Self {
        let face = plugin.face();
        let serving = face.serving.as_ref();
        let description =
            serving.map(|version| &version.description).or(face.waiting.as_ref().map(|waiting| &waiting.description));
        let texts = |asks: &[crate::grant::Ask]| asks.iter().map(ToString::to_string).collect();
        let interface = serving.map(|version| &version.interface);
        Self {
            summary: description.map(|said| said.summary.clone()).unwrap_or_default(),
            imports: interface.map(|interface| interface.imports.clone()).unwrap_or_default(),
            exports: interface.map(|interface| interface.exports.clone()).unwrap_or_default(),
            needs: description.map(|said| texts(&said.needs)).unwrap_or_default(),
            wants: description.map(|said| texts(&said.wants)).unwrap_or_default(),
            grant,
            limits: serving.map_or(defaults, |version| version.limits),
            gates: description.map(|said| said.gates.clone()).unwrap_or_default(),
            subscriptions: description
                .map(|said| said.subscriptions.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            delivery: serving.map(|version| {
                let delivery = &version.grant.delivery;
                DeliveryDetail {
                    mode: match delivery.mode {
                        Mode::Durable => "durable",
                        Mode::Live => "live",
                    },
                    instances: delivery.instances(),
                    drain_ms: u64::try_from(delivery.drain().as_millis()).unwrap_or(u64::MAX),
                    max_age_ms: delivery.max_age_ms,
                }
            }),
            config_schema: description
                .and_then(|said| said.config_schema.as_ref().map(|schema| schema.text().to_owned())),
            status,
        }
    }
}
