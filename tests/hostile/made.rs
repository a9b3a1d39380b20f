//! Components that no compiler makes, written as text or put together from bytes.

use super::world::Case;
use tollgate_bundled::guests;

/// An empty core module.
const EMPTY_MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// What an observer written as text has of its own.
#[derive(Default)]
struct Parts<'a> {
    /// Imports of the component, and the core instance that hands them on.
    imports: &'a str,
    core_imports: &'a str,
    with: &'a str,
    /// With `$hostile`, which runs for each `demo.loop`.
    guest: &'a str,
}

fn observer(name: &str, parts: &Parts<'_>) -> Vec<u8> {
    let length = format!("\\{:02x}\\00\\00\\00", name.len());
    let text = include_str!("observer.wat")
        .replace("CORE-IMPORTS", parts.core_imports)
        .replace("IMPORTS", parts.imports)
        .replace("WITH", parts.with)
        .replace("GUEST", parts.guest)
        .replace("LENG", &length)
        .replace("NAME", name);
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn table_growth() {
    let guest = r"(table $table 1 funcref)
        (func $hostile
          (loop $again
            (br_if $again (i32.ne (table.grow $table (ref.null func) (i32.const 100000)) (i32.const -1))))
          unreachable)";
    let component = observer("tables", &Parts { guest, ..Parts::default() });
    Case::new("tables", &component).is_given_up("tables");
}

#[test]
fn a_million_handles() {
    let imports = r#"(import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
        (alias export $poll "pollable" (type $pollable))
        (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
          (alias outer 1 $pollable (type $outer))
          (export "pollable" (type $pollable (eq $outer)))
          (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
        (core func $subscribe (canon lower (func $clock "subscribe-duration")))
        (core instance $host (export "subscribe" (func $subscribe)))"#;
    let guest = r"(func $hostile (local $left i32)
        (local.set $left (i32.const 1000000))
        (loop $again
          (drop (call $subscribe (i64.const 3600000000000)))
          (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))";
    let core_imports = r#"(import "host" "subscribe" (func $subscribe (param i64) (result i32)))"#;
    let with = r#"(with "host" (instance $host))"#;
    let component = observer("handles", &Parts { imports, core_imports, with, guest });
    let world = Case::new("handles", &component).given_up("handles");
    let faulted = world.faulted("handles", 3);
    assert_eq!(faulted[0]["payload"]["message"], "resource table has no free keys");
}

/// Handles of a resource that the component itself defines: the host keeps nothing for them but their numbers.
#[test]
fn a_million_handles_of_its_own() {
    let imports = r#"(type $own (resource (rep i32)))
        (core func $new (canon resource.new $own))
        (core instance $host (export "new" (func $new)))"#;
    let guest = r"(func $hostile (local $left i32)
        (local.set $left (i32.const 1000000))
        (loop $again
          (drop (call $new (i32.const 1)))
          (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))";
    let core_imports = r#"(import "host" "new" (func $new (param i32) (result i32)))"#;
    let with = r#"(with "host" (instance $host))"#;
    let component = observer("own-handles", &Parts { imports, core_imports, with, guest });
    let world = Case::new("own-handles", &component).given_up("handles");
    let message = world.faulted("own-handles", 3)[0]["payload"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("handle limit exceeded"), "{message}");
}

#[test]
fn a_deep_recursion_that_keeps_nothing_in_memory() {
    let guest = r"(func $down (param i32)
          (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
        (func $hostile (call $down (i32.const 100000)))";
    let component = observer("deep", &Parts { guest, ..Parts::default() });
    Case::new("deep", &component).is_given_up("stack_overflow");
}

#[test]
fn a_function_with_a_very_long_name() {
    let name = "x".repeat(20_000);
    let guest = format!("(func ${name} unreachable) (func $hostile (call ${name}))");
    let component = observer("named", &Parts { guest: &guest, ..Parts::default() });
    let world = Case::new("named", &component).given_up("trap");
    let fault = &world.faulted("named", 3)[0]["payload"];
    let backtrace = fault["backtrace"].as_str().unwrap();
    assert!(backtrace.contains("xxxx") && backtrace.len() <= 8 * 1_024 + "…".len(), "{} bytes", backtrace.len());
}

/// A component that asks for more random bytes in one call than a call gives.
#[test]
fn a_megabyte_of_random_bytes_at_once() {
    let component = random("(func $hostile (call $bytes (i64.const 1048576) (i32.const 1024)))");
    let world = Case::new("random", &component).given_up("trap");
    let message = world.faulted("random", 3)[0]["payload"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("exceeds limit 65536"), "{message}");
}

/// An observer with `$bytes`, which asks the host for random bytes.
fn random(guest: &str) -> Vec<u8> {
    let imports = r#"(import "wasi:random/random@0.2.0" (instance $random
          (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
        (core module $memory (memory (export "memory") 4)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192)))
        (core instance $memory (instantiate $memory))
        (core func $bytes (canon lower (func $random "get-random-bytes")
          (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
        (core instance $host (export "bytes" (func $bytes)))"#;
    let core_imports = r#"(import "host" "bytes" (func $bytes (param i64 i32)))"#;
    let with = r#"(with "host" (instance $host))"#;
    observer("random", &Parts { imports, core_imports, with, guest })
}

#[test]
fn a_flood_of_random_bytes() {
    let component =
        random("(func $hostile (loop $again (call $bytes (i64.const 65536) (i32.const 1024)) (br $again)))");
    Case::new("random", &component).grant("[limits]\ntimeout_ms = 60_000\n").is_given_up("out_of_fuel");
}

#[test]
fn a_trap_in_start() {
    let guest = "(func $hostile) (func $boom unreachable) (start $boom)";
    let component = observer("boom", &Parts { guest, ..Parts::default() });
    Case::new("boom", &component).is_refused("describe", "trap: wasm trap: wasm `unreachable` instruction executed");
}

#[test]
fn a_hundred_core_modules() {
    let mut component = observer("many", &Parts { guest: "(func $hostile)", ..Parts::default() });
    for _ in 0..100 {
        component.extend([1, EMPTY_MODULE.len() as u8]);
        component.extend(EMPTY_MODULE);
    }
    Case::new("many", &component).is_refused("size", "101 core modules");
}

/// One core module is enough for as many instances as a component likes.
#[test]
fn a_hundred_core_instances() {
    let mut component = observer("many", &Parts { guest: "(func $hostile)", ..Parts::default() });
    component.extend([1, EMPTY_MODULE.len() as u8]);
    component.extend(EMPTY_MODULE);
    // A section with one instance: of the second module, with no arguments.
    component.extend([2, 4, 1, 0, 1, 0].repeat(100));
    Case::new("many", &component).is_refused("describe", "instances: ");
}

/// A core module may have several memories or tables: few instances are enough for many.
#[test]
fn a_hundred_memories_and_a_hundred_tables() {
    for (module, part) in [
        ("(module (memory 0) (memory 0) (memory 0) (memory 0))", "instances: resource limit exceeded: memory"),
        ("(module (table 0 funcref) (table 0 funcref) (table 0 funcref) (table 0 funcref))", "limit exceeded: table"),
    ] {
        let mut component = observer("many", &Parts { guest: "(func $hostile)", ..Parts::default() });
        let module = wat::parse_str(module).unwrap();
        component.extend([1, u8::try_from(module.len()).unwrap()]);
        component.extend(module);
        component.extend([2, 4, 1, 0, 1, 0].repeat(25));
        Case::new("many", &component).is_refused("describe", part);
    }
}

#[test]
fn the_wrong_world() {
    let component = wat::parse_str(r#"(component (import "wasi:http/types@0.2.0" (instance)))"#).unwrap();
    Case::new("wrong", &component).is_refused("world", "wasi:http/types@0.2.0");
    Case::new("empty", &wat::parse_str("(component)").unwrap()).is_refused("world", "tollgate:plugin/lifecycle@0.1.0");
}

#[test]
fn an_unknown_version() {
    let component = tollgate_bundled::renamed(guests::COUNTER, "@0.1.0", "@9.1.0");
    let cause = "it was built against tollgate:plugin 9.1.0, this host offers 0.1.0; rebuild it";
    Case::new("counter-to-come", &component).is_refused("version", cause);
}
