//! Hook inputs of every agent: no bytes panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::hooks::{AgentHook, HookContext};

fuzz_target!(|bytes: &[u8]| {
    for agent in AgentHook::ALL {
        let _ = agent.read(bytes, HookContext::default());
    }
});
