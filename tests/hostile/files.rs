//! Files that are no components at all.

use super::world::{Case, World};
use std::fs::File;
use tollgate_bundled::guests;

#[test]
fn a_file_of_zeros() {
    Case::new("zeros", &[0; 100_000]).is_refused("format", "not a WebAssembly component");
}

/// It is refused by its size alone: reading it would show in the host's memory.
#[test]
fn a_file_of_100_mb() {
    let world = World::new();
    let case = Case::new("huge", &[]).with_memory(0);
    world.beside(&case, || {
        let aside = world.home.path().join("plugins/.huge.new");
        File::create(&aside).unwrap().set_len(100_000_000).unwrap();
        std::fs::rename(&aside, world.home.path().join("plugins/huge.wasm")).unwrap();
        world.refused("huge", "size", "huge.wasm is over 67108864 bytes");
    });
}

#[test]
fn a_header_then_noise() {
    let noise: Vec<u8> = (0..100_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let component = [b"\0asm\x0d\0\x01\0".as_slice(), &noise].concat();
    Case::new("noise", &component).is_refused("format", "damaged");
}

#[test]
fn half_a_component() {
    Case::new("half", &guests::COUNTER[..guests::COUNTER.len() / 2]).is_refused("format", "damaged");
}

#[test]
fn a_zip() {
    let zip = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    Case::new("zip", zip).is_refused("format", "not a WebAssembly component");
}
