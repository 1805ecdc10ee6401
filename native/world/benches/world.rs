//! What does the world cost? ns for each kind of event and look-up, and bytes for each process.
//!
//! `cargo bench -p peregrine-world`. The floor, an event that changes nothing, is in the same run.

use std::{hint::black_box, time::Instant};

use peregrine_capture::event::{
    Comm, Event, Exec, Executable, Exit, Flags, Fork, Header, KernelPath, Kind, ProcessFacts,
};
use peregrine_world::{Limits, Process, Roots, World, identify};

/// Processes that live while one of them is measured.
const N_PROCESSES: u32 = 10_000;
const N_ROUNDS: u32 = 100_000;
/// ns of event time from one fork to the next: a busy build machine's 1000 a second.
const STEP: u64 = 1_000_000;
const CGROUP: &[u8] =
    b"cri-containerd-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope\0\
    kubepods-burstable-pod6f1c9a3e.slice\0kubepods-burstable.slice\0kubepods.slice\0";

fn main() {
    let resident = resident_bytes();
    let mut world = populated();
    let per_process = (resident_bytes() - resident) / u64::from(N_PROCESSES);
    let texts = world.stats().bytes / N_PROCESSES as usize;
    println!("{per_process:>8} bytes resident per process ({texts} of them texts), each exec'd");
    let last = (N_PROCESSES, u64::from(N_PROCESSES) * 1000);
    measure("event that changes nothing", |round| {
        world.apply(&exit((round + 1_000_000, 7), 7));
    });
    measure("look up a process", |round| {
        let pid = round % N_PROCESSES + 1;
        black_box(world.process(pid, u64::from(pid) * 1000));
    });
    measure("look up its ancestors (3)", |_| {
        let process = world.process(last.0, last.1).expect("known");
        black_box(world.ancestors(process).map(Process::name).count());
    });
    measure("identify a pod's cgroup", |_| {
        black_box(identify(black_box(b"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod6f1c9a3e.slice/cri-containerd-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope")));
    });
    let child = |round: u32| (round % 20_000 + 2_000_000, u64::from(round) * STEP + 1);
    measure("fork, exit and reap", |round| {
        world.apply(&fork(last, child(round)));
        world.apply(&exit(child(round), child(round).1 + 1));
        world.reap(child(round).1 + 2);
    });
    let (arguments, environment) = (arguments(3), environment(20));
    measure("fork, exec, exit and reap", |round| {
        world.apply(&fork(last, child(round)));
        world.apply(&exec(child(round), last, &arguments, &environment));
        world.apply(&exit(child(round), child(round).1 + 1));
        world.reap(child(round).1 + 2);
    });
    let long = vec![b'a'; 16_384];
    measure("the same with 16 KiB of argv", |round| {
        world.apply(&fork(last, child(round)));
        world.apply(&exec(child(round), last, &long, &environment));
        world.apply(&exit(child(round), child(round).1 + 1));
        world.reap(child(round).1 + 2);
    });
    storm();
    let mut world = World::new(Limits::default());
    let began = Instant::now();
    if let Ok(stats) = world.snapshot() {
        let each = began.elapsed().as_nanos() as usize / stats.added.max(1);
        println!("{each:>8} ns to read a process from /proc ({} of them)", stats.added);
    }
}

/// Every process forks on and none ends: the table is full and gives up as much as it takes.
fn storm() {
    let mut world = World::with_roots(Limits::default(), nowhere());
    let fork_on = |world: &mut World, number: u32| {
        world.apply(&fork((number / 2, u64::from(number / 2)), (number, u64::from(number))));
    };
    (1..=70_000).for_each(|number| fork_on(&mut world, number));
    measure("fork while the table is full", |round| fork_on(&mut world, round + 70_001));
    println!("{:>8} evictions", world.stats().evictions);
}

fn measure(name: &str, mut deed: impl FnMut(u32)) {
    (0..1000).for_each(&mut deed);
    let began = Instant::now();
    (1000..N_ROUNDS + 1000).for_each(&mut deed);
    println!("{:>8.1} ns: {name}", began.elapsed().as_nanos() as f64 / f64::from(N_ROUNDS));
}

fn populated() -> World {
    let mut world = World::with_roots(Limits::default(), nowhere());
    for pid in 1..=N_PROCESSES {
        let (parent, key) = (pid / 22, (pid, u64::from(pid) * 1000));
        let parent = (parent, u64::from(parent) * 1000);
        world.apply(&fork(parent, key));
        world.apply(&exec(key, parent, &arguments(pid), &environment(pid)));
    }
    world
}

fn nowhere() -> Roots {
    Roots { proc: "/nonexistent".into(), host: "/nonexistent".into() }
}

fn arguments(seed: u32) -> Vec<u8> {
    format!("/usr/bin/worker\0--listen\0unix:///run/worker-{seed}.sock\0--threads=4\0").into_bytes()
}

/// 20 variables, about 700 bytes: what a pod's process has.
fn environment(seed: u32) -> Vec<u8> {
    (0..20)
        .flat_map(|n| format!("SERVICE_{n}_ADDRESS=tcp://10.0.{seed}.{n}:80\0").into_bytes())
        .collect()
}

fn header((pid, start_time): (u32, u64), time: u64) -> Header {
    let flags = Flags::default();
    Header { time, start_time, pid, tid: pid, euid: 0, egid: 0, loginuid: 0, cpu: 0, flags }
}

fn fork(parent: (u32, u64), child: (u32, u64)) -> Event<'static> {
    let fork = Fork {
        flags: 0,
        call: Default::default(),
        child: facts(child, parent),
        cgroup: KernelPath::rooted(CGROUP),
    };
    Event { header: header(parent, child.1), kind: Kind::Fork(Box::new(fork)) }
}

fn exec<'a>(
    key: (u32, u64),
    parent: (u32, u64),
    arguments: &'a [u8],
    environment: &'a [u8],
) -> Event<'a> {
    let exec = Exec {
        process: facts(key, parent),
        executable: Executable { inode: 7, mode: 0o100_755, ..Executable::default() },
        filename: b"/usr/bin/worker",
        executable_path: KernelPath::rooted(b"worker\0bin\0usr\0"),
        cwd: KernelPath::rooted(b"worker\0lib\0var\0"),
        cgroup: KernelPath::rooted(CGROUP),
        arguments,
        environment,
        arguments_total: 0,
        environment_total: 0,
    };
    Event { header: header(key, key.1), kind: Kind::Exec(Box::new(exec)) }
}

fn exit(key: (u32, u64), time: u64) -> Event<'static> {
    Event { header: header(key, time), kind: Kind::Exit(Exit { status: 0 }) }
}

fn facts((pid, start_time): (u32, u64), parent: (u32, u64)) -> ProcessFacts {
    ProcessFacts {
        start_time,
        parent_start_time: parent.1,
        pidns_start_time: 1,
        cap_inheritable: 0,
        cap_permitted: 0,
        cap_effective: 0,
        cgroup_id: 9,
        pid,
        parent_pid: parent.0,
        vpid: pid,
        session_id: 1,
        group_id: 1,
        vgroup_id: 1,
        vsession_id: 1,
        tty: 0,
        uid: 0,
        gid: 0,
        euid: 0,
        egid: 0,
        loginuid: 0,
        usage: Default::default(),
        comm: Comm::new(b"worker"),
    }
}

/// From `/proc/self/statm`: its second number is in pages of 4 KiB.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0) * 4096
}
