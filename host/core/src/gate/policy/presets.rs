//! The presets that the binary carries, each a stack of rule files.
//!
//! `guardrails` is under all of them: a preset says what else is let through or asked for.

use super::PolicySource;

/// A preset: which rules, in which order, and which of these files sets its default.
struct Preset {
    name: &'static str,
    /// The files, the first to match first. The one of the preset's own name has its settings.
    layers: &'static [Layer],
}

type Layer = (&'static str, &'static str);

const GUARDRAILS: Layer = ("guardrails", include_str!("presets/guardrails.yaml"));
/// Harmless reads: no preset, but a part of two.
const READS: Layer = ("reads", include_str!("presets/reads.yaml"));
const STRICT: Layer = ("strict", include_str!("presets/strict.yaml"));
const DEFAULT: Layer = ("default", include_str!("presets/default.yaml"));
const PERMISSIVE: Layer = ("permissive", include_str!("presets/permissive.yaml"));

const PRESETS: [Preset; 4] = [
    Preset { name: "guardrails", layers: &[GUARDRAILS] },
    Preset { name: "default", layers: &[GUARDRAILS, READS, DEFAULT] },
    Preset { name: "strict", layers: &[GUARDRAILS, READS, STRICT] },
    // In front: it takes back what guardrails only ask for.
    Preset { name: "permissive", layers: &[PERMISSIVE, GUARDRAILS] },
];

/// The names of the presets.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| preset.name)
}

/// The files of a preset, in order.
pub(super) fn layers(name: &str) -> Option<impl Iterator<Item = PolicySource<'static>>> {
    let preset = PRESETS.iter().find(|preset| preset.name == name)?;
    Some(preset.layers.iter().map(|(name, text)| PolicySource { name, text }))
}
