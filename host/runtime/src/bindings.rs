//! What the bindings generator makes of `wit/`: the one module of generated code.
//!
//! It binds the `guard` world, which includes everything of an observer; which exports a component has is
//! looked up interface by interface. Strings of events and calls are borrowed, so that handing one to a
//! guest allocates nothing on the host.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "guard",
    imports: {
        "tollgate:plugin/bus.emit-now": async | trappable,
        "tollgate:plugin/data.sync": async | trappable,
        "tollgate:plugin/interactions": async | trappable,
        "tollgate:plugin/process.start": async | trappable,
        "tollgate:plugin/process.[method]child.next-output": async | trappable,
        "tollgate:plugin/process.[method]child.wait": async | trappable,
        "tollgate:plugin/store": async | trappable,
        "tollgate:plugin/workspace": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
    with: {
        "tollgate:plugin/process.child": crate::host::process::Child,
    },
});
