//! Any bytes as a cgroup's path: what is taken for a container has an id as runtimes give them, which
//! stands in the path, and lies within its user's part of the tree as a whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peregrine_world::{Runtime, identify};

/// Containers in one another that are told apart.
const DEPTH: usize = 4;

fuzz_target!(|path: &[u8]| {
    let container = identify(path);
    assert!(!container.short().is_empty());
    let ids: Vec<_> = std::iter::successors(container.id(), |id| id.outer.as_deref()).collect();
    assert!(ids.len() <= DEPTH);
    for id in &ids {
        let full = id.full();
        let is_name = matches!(id.runtime, Runtime::Lxc | Runtime::LibvirtLxc);
        let is_hex =
            full.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        assert!(if is_name { !full.is_empty() } else { is_hex && (12..=64).contains(&full.len()) });
        assert!(path.windows(full.len()).any(|part| part == full.as_bytes()));
        assert_eq!(id.owner, ids[0].owner);
    }
});
