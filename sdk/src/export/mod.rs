//! Exporting a plugin from its component. Owns the glue between the traits and the generated exports.
//!
//! The exports exist on wasm alone: a native linker refuses their names. Natively the macros only check
//! that the traits are implemented.

use crate::{Config, Description, Event, Failure, Guard, Level, Plugin, ToolCall, Verdict, log};
use std::cell::RefCell;
use std::sync::Once;

/// Exports a type that implements [`Plugin`] as an observer; once in a component.
#[macro_export]
macro_rules! export_observer {
    ($plugin:ty) => {
        // Named, so that a second one is refused in words.
        const A_COMPONENT_EXPORTS_ONE_PLUGIN: fn() = $crate::export::assert_plugin::<$plugin>;
        const _: fn() = A_COMPONENT_EXPORTS_ONE_PLUGIN;

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, clippy::allow_attributes, reason = "the canonical ABI's exports")]
        const _: () = {
            $crate::__component!($plugin);
    $crate::bindings::export_observer_world!(Component with_types_in $crate::bindings);
        };
    };
}

/// Exports a type that implements [`Plugin`] and [`Guard`] as a guard, which is an observer too; once in a component.
#[macro_export]
macro_rules! export_guard {
    ($plugin:ty) => {
        const A_COMPONENT_EXPORTS_ONE_PLUGIN: fn() = $crate::export::assert_guard::<$plugin>;
        const _: fn() = A_COMPONENT_EXPORTS_ONE_PLUGIN;

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, clippy::allow_attributes, reason = "the canonical ABI's exports")]
        const _: () = {
            $crate::__component!($plugin);
            impl $crate::bindings::guard::exports::tollgate::plugin::gate::Guest for Component {
                fn check(call: $crate::ToolCall) -> Result<$crate::Verdict, String> {
                    PLUGIN.with(|plugin| $crate::export::check(plugin, &call))
                }
            }
    $crate::bindings::export_observer_world!(Component with_types_in $crate::bindings);
    $crate::bindings::guard::export_gate_world!(Component with_types_in $crate::bindings::guard);
        };
    };
}

/// The part that observers and guards share: the instance's one plugin value and its exports.
#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    ($plugin:ty) => {
        struct Component;
        thread_local! {
            static PLUGIN: ::std::cell::RefCell<$plugin> = ::std::cell::RefCell::default();
        }
        impl $crate::bindings::exports::tollgate::plugin::lifecycle::Guest for Component {
            fn describe() -> $crate::Description {
                $crate::export::describe::<$plugin>()
            }
            fn init(config: String) -> Result<(), String> {
                PLUGIN.with(|plugin| $crate::export::init(plugin, config))
            }
            fn stop() {
                PLUGIN.with($crate::export::stop)
            }
        }
        impl $crate::bindings::exports::tollgate::plugin::handler::Guest for Component {
            fn handle(event: $crate::Event) -> Result<(), $crate::Failure> {
                PLUGIN.with(|plugin| $crate::export::handle(plugin, &event))
            }
        }
    };
}

const REENTERED: &str = "called while another call is in flight";

/// Compiles only for plugins.
pub fn assert_plugin<P: Plugin>() {}

/// Compiles only for guards.
pub fn assert_guard<P: Guard>() {}

/// `lifecycle.describe`.
#[must_use]
pub fn describe<P: Plugin>() -> Description {
    report_panics();
    P::describe()
}

/// `lifecycle.init`.
///
/// # Errors
/// The plugin's own.
pub fn init<P: Plugin>(plugin: &RefCell<P>, config: String) -> Result<(), String> {
    report_panics();
    plugin.try_borrow_mut().map_err(|_| REENTERED.to_owned())?.init(&Config::new(config))
}

/// `lifecycle.stop`.
pub fn stop<P: Plugin>(plugin: &RefCell<P>) {
    if let Ok(mut plugin) = plugin.try_borrow_mut() {
        plugin.stop();
    }
}

/// `handler.handle`.
///
/// # Errors
/// The plugin's own.
pub fn handle<P: Plugin>(plugin: &RefCell<P>, event: &Event) -> Result<(), Failure> {
    plugin.try_borrow_mut().map_err(|_| Failure::Failed(REENTERED.to_owned()))?.handle(event)
}

/// `gate.check`.
///
/// # Errors
/// The plugin's own.
pub fn check<P: Guard>(plugin: &RefCell<P>, call: &ToolCall) -> Result<Verdict, String> {
    plugin.try_borrow_mut().map_err(|_| REENTERED.to_owned())?.check(call)
}

/// Sends a panic's message and place through `log`, prefixed `panic: `, before the trap drops the instance.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let message = info.payload_as_str().unwrap_or("(no text)");
            let place = info.location().map(|at| format!(" at {at}")).unwrap_or_default();
            log::write(Level::Error, &format!("panic: {message}{place}"));
            default(info);
        }));
    });
}

#[cfg(test)]
mod tests;
