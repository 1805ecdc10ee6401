//! Whatever is forked, the world stays within its limits.

use crate::support::{Key, exec, exit, fork};
use peregrine_world::{Limits, Roots, World};
use proptest::prelude::*;

fn bounded(processes: usize, bytes: usize) -> World {
    let roots = Roots { proc: "/nonexistent".into(), host: "/nonexistent".into() };
    World::with_roots(Limits { processes, bytes, heals_per_second: 0 }, roots)
}

const INIT: Key = (1, 1);

fn key(number: u32) -> Key {
    (number, u64::from(number))
}

#[test]
fn the_ended_go_first_and_the_oldest_end_before_others() {
    let mut world = bounded(32, 1 << 20);
    world.apply(&exec(INIT, (0, 0), "init", b"init\0", 1));
    for pid in 2..=31 {
        world.apply(&fork(INIT, key(pid), "x"));
    }
    for pid in [20, 10, 30] {
        world.apply(&exit(key(pid), 1000 + u64::from(30 - pid)));
    }
    // Full at 32: room for two is made at once.
    world.apply(&fork(INIT, key(40), "x"));
    world.apply(&fork(INIT, key(41), "x"));
    assert_eq!(world.stats().evictions, 2);
    assert!(world.process(20, 20).is_none() && world.process(10, 10).is_none());
    assert!(world.process(30, 30).is_some(), "the last to end is kept longest");
    assert_eq!(world.stats().ended, 1);
}

#[test]
fn of_the_living_the_oldest_without_children_goes() {
    let mut world = bounded(32, 1 << 20);
    world.apply(&exec(INIT, (0, 0), "init", b"init\0", 1));
    world.apply(&fork(INIT, key(2), "shell"));
    world.apply(&fork(key(2), key(3), "child"));
    for pid in 4..=33 {
        world.apply(&fork(INIT, key(pid), "x"));
    }
    let is_known = |pid| world.process(pid, 0).is_some();
    assert!(is_known(1) && is_known(2), "those with children stay");
    assert!(!is_known(3) && !is_known(4));
    assert!((5..=33).all(is_known));
}

#[test]
fn an_endless_line_of_parents_is_bounded_and_keeps_its_newest() {
    let mut world = bounded(512, 1 << 20);
    world.apply(&exec(INIT, (0, 0), "init", b"init\0", 1));
    for pid in 2..5000 {
        world.apply(&fork(key(pid - 1), key(pid), "line"));
        assert!(world.process(pid - 1, 0).is_some(), "the parent of {pid} is gone");
        assert!(world.stats().processes <= 512);
    }
    let last = world.process(4999, 4999).expect("the newest");
    assert_eq!(world.ancestors(last).count(), 128);
}

#[test]
fn large_arguments_are_given_up_before_the_limit_of_bytes_is_passed_far() {
    let limit = 1 << 20;
    let mut world = bounded(100_000, limit);
    let arguments = vec![b'a'; 32_000];
    for pid in 2..500 {
        world.apply(&fork(INIT, key(pid), "x"));
        world.apply(&exec(key(pid), INIT, "x", &arguments, 1000 + u64::from(pid)));
        assert!(world.stats().bytes <= limit + 80_000, "{}", world.stats().bytes);
    }
    assert!(world.stats().evictions > 400);
    assert!(world.process(499, 499).is_some());
}

#[test]
fn one_process_that_execs_for_ever_keeps_one_image() {
    let mut world = bounded(100, 1 << 20);
    let before = world.stats().bytes;
    for time in 2..1000 {
        world.apply(&exec(INIT, (0, 0), "x", &[b'a'; 1000], time));
    }
    assert!(world.stats().bytes < before + 4000, "{}", world.stats().bytes);
}

#[test]
fn forks_share_their_makers_texts() {
    let mut world = bounded(10_000, 1 << 20);
    world.apply(&exec(INIT, (0, 0), "x", &[b'a'; 30_000], 1));
    let before = world.stats().bytes;
    for pid in 2..1000 {
        world.apply(&fork(INIT, key(pid), "x"));
    }
    assert_eq!(world.stats().bytes, before);
}

/// ns between two passes of `reap`.
const INTERVAL: u64 = 100_000_000;

/// What may happen to one of a few pids.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Fork(u32, u32),
    Exec(u32),
    Exit(u32),
    Reap(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (1u32..12, 1u32..12).prop_map(|(maker, child)| Deed::Fork(maker, child)),
        2 => (1u32..12).prop_map(Deed::Exec),
        2 => (1u32..12).prop_map(Deed::Exit),
        1 => (0u64..20).prop_map(Deed::Reap),
    ]
}

proptest! {
    /// Against a plain list: what the list knows, the world knows, unless it had to be given up.
    #[test]
    fn the_table_is_a_list_of_processes(deeds in prop::collection::vec(deed(), 1..200), limit in 2usize..40) {
        let mut world = bounded(limit, 1 << 20);
        let mut list: Vec<(Key, Option<u64>)> = Vec::new();
        let mut next_reap = 0;
        for (index, deed) in deeds.into_iter().enumerate() {
            let time = (index as u64 + 100) * INTERVAL;
            let living = |list: &[(Key, Option<u64>)], pid: u32| {
                list.iter().rev().find(|(key, end)| key.0 == pid && end.is_none()).map(|it| it.0)
            };
            match deed {
                Deed::Fork(maker, child) if living(&list, child).is_none() => {
                    let maker = living(&list, maker).unwrap_or((999, 1));
                    world.apply(&fork(maker, (child, time), "x"));
                    list.push(((child, time), None));
                }
                Deed::Exec(pid) => if let Some(key) = living(&list, pid) {
                    world.apply(&exec(key, (0, 0), "y", b"y\0", time));
                },
                Deed::Exit(pid) => if let Some(key) = living(&list, pid) {
                    world.apply(&exit(key, time));
                    list.iter_mut().filter(|it| it.0 == key).for_each(|it| it.1 = Some(time));
                },
                Deed::Reap(age) => {
                    let before = time - age * INTERVAL;
                    world.reap(before);
                    if before >= next_reap {
                        next_reap = before + INTERVAL;
                        list.retain(|(_, end)| end.is_none_or(|end| end >= before));
                    }
                }
                Deed::Fork(..) => {}
            }
            prop_assert!(world.stats().processes <= limit);
            let is_whole = world.stats().evictions == 0;
            let n_known = list.iter().filter(|(key, end)| {
                world.process(key.0, key.1).is_some_and(|it| it.end.map(|end| end.time) == *end)
            }).count();
            if is_whole {
                prop_assert_eq!(n_known, list.len());
                prop_assert_eq!(world.stats().processes, list.len());
            }
            prop_assert!(world.stats().ended <= world.stats().processes);
        }
        let mut world = world;
        world.reap(u64::MAX);
        prop_assert_eq!(world.stats().ended, 0);
    }
}
