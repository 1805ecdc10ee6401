//! A `/proc` that goes away, is cut, or is larger than the world: a folder made by hand.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use crate::support::{Key, exec, exit, fork, read};
use peregrine_world::{Limits, Reader, Roots, SnapshotError, World};
use proptest::prelude::*;

const TICK: u64 = 10_000_000;
const INIT: Key = (1, TICK);
const STATUS: &str = "Name:\tx\nUid:\t7\t7\t7\t7\nGid:\t8\t8\t8\t8\nNStgid:\t5\nNSpid:\t5\n\
    NSpgid:\t5\nNSsid:\t5\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n";

/// Removed with the test.
struct FakeProc(PathBuf);

impl FakeProc {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("peregrine-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("folder");
        Self(folder)
    }

    /// A process that began at `ticks`.
    fn put(&self, pid: u32, ticks: u64, command: &str) {
        let folder = self.0.join(pid.to_string());
        fs::create_dir_all(&folder).expect("folder");
        let stat = format!("{pid} ({command}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {ticks} 0 0");
        for (name, text) in [
            ("stat", stat.as_str()),
            ("status", STATUS),
            ("cgroup", "0::/a.scope\n"),
            ("cmdline", &format!("{command}\0")),
            ("environ", "A=b\0"),
            ("loginuid", "4294967295"),
        ] {
            fs::write(folder.join(name), text).expect(name);
        }
        for (name, target) in [("exe", "/usr/bin/env"), ("cwd", "/tmp")] {
            // It is there already when a process is put twice.
            symlink(target, folder.join(name)).ok();
        }
    }

    fn world(&self, limits: Limits) -> World {
        World::with_roots(limits, Roots { proc: self.0.clone(), host: "/nonexistent".into() })
    }
}

impl Drop for FakeProc {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Goes on with a heal to its end.
fn heal(world: &mut World) -> peregrine_world::SnapshotStats {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < end, "the heal does not end");
        if let Some(stats) = world.heal_on().expect("readable") {
            return stats;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_process_without_some_of_its_files_is_read_or_gone() {
    let proc = FakeProc::new("partial");
    for (pid, name) in (10..).zip(["stat", "status", "cgroup", "cmdline", "environ", "exe", "cwd"])
    {
        proc.put(pid, 5, "partial");
        fs::remove_file(proc.0.join(pid.to_string()).join(name)).expect(name);
    }
    let mut world = proc.world(Limits::default());
    let stats = world.snapshot().expect("readable");
    // Without the first two it cannot be told who that is.
    assert_eq!((stats.gone, stats.added), (2, 5), "{stats:?}");
    assert!(world.process(10, 0).is_none() && world.process(11, 0).is_none());
    assert!((12..=16).all(|pid| world.process(pid, 0).is_some()));
}

#[test]
fn a_stat_cut_at_any_byte_is_a_process_or_none() {
    let proc = FakeProc::new("cut");
    proc.put(10, 5, "cut");
    let path = proc.0.join("10/stat");
    let whole = fs::read(&path).expect("stat");
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).expect("stat");
        let mut world = proc.world(Limits::default());
        let stats = world.snapshot().expect("readable");
        assert_eq!(stats.added + stats.gone, 1, "{length} bytes: {stats:?}");
    }
}

#[test]
fn when_proc_goes_away_what_events_told_stays() {
    let proc = FakeProc::new("unmounted");
    proc.put(1, 1, "init");
    let mut world = proc.world(Limits::default());
    world.snapshot().expect("readable");
    world.apply(&fork(INIT, (2, 9 * TICK), "child"));
    fs::remove_dir_all(&proc.0).expect("remove");
    assert!(matches!(world.snapshot_after_gap(), Err(SnapshotError::Unreadable { .. })));
    assert!(world.begin_heal().is_ok());
    assert!(matches!(world.heal_on(), Err(SnapshotError::Unreadable { .. })));
    assert!(!world.is_healing(), "it is not tried for ever");
    assert!(world.process(1, 0).is_some() && world.process(2, 0).is_some());
    assert!(read(&mut world, 77, 77).is_placeholder());
}

#[test]
fn processes_that_vanish_while_all_are_read_are_gone_and_nothing_else_happens() {
    let proc = FakeProc::new("vanishing");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let churn = scope.spawn(|| churn(&proc, &is_over));
        for _ in 0..10 {
            let mut world = proc.world(Limits::default());
            let stats = world.snapshot().expect("readable");
            assert!(stats.added + stats.gone <= 100, "{stats:?}");
        }
        is_over.store(true, Ordering::SeqCst);
        churn.join().expect("churn").expect("files");
    });
}

/// Makes and removes processes until told to stop.
fn churn(proc: &FakeProc, is_over: &AtomicBool) -> io::Result<()> {
    while !is_over.load(Ordering::SeqCst) {
        for pid in 10..60 {
            proc.put(pid, u64::from(pid), "churn");
        }
        for pid in 10..60 {
            fs::remove_dir_all(proc.0.join(pid.to_string()))?;
        }
    }
    Ok(())
}

#[test]
fn more_processes_than_the_world_holds_are_read_again_when_asked_for() {
    const N: u32 = 300;
    let proc = FakeProc::new("many");
    for pid in 1..=N {
        proc.put(pid, u64::from(pid), "one");
    }
    let limits = Limits { processes: 100, bytes: 1 << 20, ..Limits::default() };
    let mut world = proc.world(limits);
    let stats = world.snapshot().expect("readable");
    assert_eq!(stats.added, N as usize);
    for pid in (1..=N).step_by(7) {
        let start = u64::from(pid) * TICK;
        assert!(!read(&mut world, pid, start).is_placeholder(), "{pid}");
        assert!(world.stats().processes <= 100 && world.stats().bytes <= 2 << 20);
    }
}

#[test]
fn a_hundred_thousand_live_processes_fit_within_the_limits() {
    let roots = Roots { proc: "/nonexistent".into(), host: "/nonexistent".into() };
    let limits = Limits { heals_per_second: 0, ..Limits::default() };
    let mut world = World::with_roots(limits, roots);
    world.apply(&exec(INIT, (0, 0), "init", b"init\0", 1));
    for pid in 2..=100_000u32 {
        let key = (pid, u64::from(pid));
        world.apply(&fork(INIT, key, "worker"));
        let arguments = format!("worker\0--number\0{pid}\0");
        world.apply(&exec(key, INIT, "worker", arguments.as_bytes(), u64::from(pid) + 1));
        let newest = world.process(pid, key.1).expect("the newest is known");
        assert_eq!(newest.parent.pid, 1);
    }
    let stats = world.stats();
    assert!(stats.processes <= limits.processes, "{stats:?}");
    assert!(stats.bytes <= limits.bytes + (1 << 20), "{stats:?}");
    assert!(stats.evictions >= 100_000 - limits.processes as u64, "{stats:?}");
    assert!(world.process(1, INIT.1).is_some(), "the parent of all stays");
}

#[test]
fn a_heal_goes_on_between_events_and_what_they_tell_is_newer() {
    for has_thread in [false, true] {
        let proc = FakeProc::new(if has_thread { "steps-thread" } else { "steps" });
        for pid in 1..=60 {
            proc.put(pid, u64::from(pid), "old");
        }
        let mut world = proc.world(Limits::default());
        if has_thread {
            world = world.reading_by(Reader::start(|| ()).expect("thread"));
        }
        world.snapshot().expect("readable");
        // Lost: 50 ran another program, 51 ended, 61 began.
        proc.put(50, 50, "new");
        fs::remove_dir_all(proc.0.join("51")).expect("remove");
        proc.put(61, 61, "began");
        world.begin_heal().expect("readable");
        assert!(world.is_healing());
        // Told meanwhile: 55 runs another program, which the folder does not show.
        let now = boottime() + 3_600_000_000_000;
        world.apply(&exec((55, 55 * TICK), INIT, "told", b"told\0", now));
        let stats = heal(&mut world);
        assert!(!world.is_healing());
        assert_eq!((stats.renewed, stats.added), (1, 1), "{stats:?}");
        let name = |pid| world.process(pid, 0).map(|it| it.cmdline().to_vec());
        assert_eq!(name(50).as_deref(), Some(&b"new"[..]));
        assert_eq!(name(55).as_deref(), Some(&b"told"[..]));
        assert!(world.process(51, 0).is_some_and(|it| it.end.is_some()), "its end was noticed");
        assert!(name(61).is_some());
    }
}

#[test]
fn a_gap_during_a_heal_makes_another_one() {
    let proc = FakeProc::new("again");
    for pid in 1..=40 {
        proc.put(pid, u64::from(pid), "old");
    }
    let mut world = proc.world(Limits::default());
    world.snapshot().expect("readable");
    world.begin_heal().expect("readable");
    world.heal_on().expect("readable");
    world.begin_heal().expect("readable");
    heal(&mut world);
    assert!(world.is_healing(), "the second begins when the first is over");
    heal(&mut world);
    assert!(!world.is_healing());
}

fn boottime() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

proptest! {
    /// The kernel's clock does not step, and a record may say anything.
    #[test]
    fn no_order_of_times_makes_it_panic(times in prop::collection::vec(any::<u64>(), 1..40)) {
        let roots = Roots { proc: "/nonexistent".into(), host: "/nonexistent".into() };
        let mut world = World::with_roots(Limits::default(), roots);
        for (pid, &time) in (2..).zip(&times) {
            world.apply(&fork(INIT, (pid, time), "x"));
            world.apply(&exec((pid, time), INIT, "x", b"x\0", time.wrapping_mul(7)));
            world.prepare(pid + 1000, time);
            world.prepare(pid, time);
            world.apply(&exit((pid, time), time.wrapping_add(1)));
            world.reap(time);
        }
        prop_assert!(world.stats().processes <= times.len() + 1);
    }
}

#[test]
fn the_fake_is_as_the_kernels() {
    // Else the tests above would show nothing.
    let proc = FakeProc::new("fake");
    proc.put(10, 5, "real");
    let mut world = proc.world(Limits::default());
    world.snapshot().expect("readable");
    let process = world.process(10, 5 * TICK).expect("read");
    assert_eq!((process.name(), process.uid), (&b"real"[..], 7));
    assert_eq!(process.image().executable_path(), b"/usr/bin/env");
    assert!(Path::new("/usr/bin/env").exists());
}
