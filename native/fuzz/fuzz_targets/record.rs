//! Any bytes as a record: no panic, and a path is no longer than what it is made from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peregrine_capture::{decode, event::Kind};

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some(event)) = decode(bytes) else { return };
    let path = match &event.kind {
        Kind::Open(open) => open.resolved,
        Kind::Exec(exec) => exec.executable_path,
        Kind::Fork(fork) => fork.cgroup,
        Kind::ExecFailed(exec) => exec.base,
        _ => return,
    };
    let mut text = Vec::new();
    path.write_to(&mut text);
    assert!(text.len() <= bytes.len() + 1);
});
