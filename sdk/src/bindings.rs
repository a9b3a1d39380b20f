//! The guest's bindings, made from the WIT. Everything here is generated; the rest of the crate gives it names.
//!
//! A guard is an observer that exports `gate` besides, so the gate has a world of its own here and a guard
//! exports both: the types of the two are then the same Rust types.
#![allow(clippy::all, clippy::allow_attributes, missing_docs, reason = "generated: documented in wit/")]

wit_bindgen::generate!({
    path: "wit",
    world: "tollgate:plugin/observer",
    additional_derives: [Clone, PartialEq, Eq],
    pub_export_macro: true,
    export_macro_name: "export_observer_world",
    default_bindings_module: "tollgate_sdk::bindings",
});

/// The export that makes an observer a guard.
pub mod guard {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package tollgate:sdk;
            world gate-only { export tollgate:plugin/gate@0.1.0; }
        ",
        world: "tollgate:sdk/gate-only",
        with: {
            "tollgate:plugin/types@0.1.0": super::tollgate::plugin::types,
            "tollgate:plugin/gate@0.1.0": generate,
        },
        additional_derives: [Clone, PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_gate_world",
        default_bindings_module: "tollgate_sdk::bindings::guard",
    });
}
