//! Any bytes as files of /proc, a cgroup's path or lists of accounts: no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peregrine_world::{Accounts, identify, parse};

fuzz_target!(|bytes: &[u8]| {
    parse::parse_stat(bytes);
    parse::parse_status(bytes);
    parse::parse_cgroup(bytes);
    assert!(!identify(bytes).short().is_empty());
    let half = bytes.len() / 2;
    Accounts::parse(&bytes[..half], &bytes[half..]).user(0);
});
