//! What the hot path allocates: nothing.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use peregrine_capture::event::{Comm, Event, Exit, Flags, Header, Kind};
use peregrine_world::{Limits, Process, World};

/// The system's allocator, with a count for each thread.
struct Counting;

thread_local! {
    static N_ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged; the count has no destructor and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        N_ALLOCATIONS.set(N_ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn looking_up_and_reading_a_known_process_allocates_nothing() {
    let mut world = World::new(Limits::default());
    world.snapshot().unwrap();
    let own = world.process(std::process::id(), 0).unwrap();
    let (pid, start_time) = (own.key.pid, own.key.start_time);
    own.image().args_hash();
    let header = Header {
        time: start_time + 1,
        start_time,
        pid,
        tid: pid,
        euid: 0,
        egid: 0,
        loginuid: 0,
        cpu: 0,
        flags: Flags::default(),
    };
    // An end of someone whom nobody knows: takes the way of every event.
    let stranger = Event {
        header: Header { pid: 4_100_000, tid: 4_100_000, ..header },
        kind: Kind::Exit(Exit { status: 0 }),
    };
    world.prepare(pid, start_time);
    let before = N_ALLOCATIONS.get();
    for _ in 0..100 {
        world.apply(&Event { header, kind: Kind::Exit(Exit { status: 0 }) });
        world.apply(&stranger);
        let place = world.prepare(pid, start_time);
        let process = world.at(place);
        assert_eq!(process.key.pid, pid);
        let process = world.process(pid, start_time).unwrap();
        read(&world, process);
    }
    let n_made = N_ALLOCATIONS.get() - before;
    // The one: the queue of ended processes, at this process's supposed end.
    assert!(n_made <= 1, "{n_made} allocations");
    assert_ne!(Comm::new(process_name(&world, pid)), Comm::default());
}

fn read(world: &World, process: &Process) {
    let image = process.image();
    let texts = [
        process.name(),
        process.cmdline(),
        image.exe(),
        image.args(),
        image.arg(0),
        image.exeline(),
        image.executable_path(),
        image.cwd(),
        image.environment().joined(),
        image.environment().value_of(b"PATH").unwrap_or_default(),
        image.args_hash(),
        process.container().short().as_bytes(),
        &process.cgroup().path,
    ];
    assert!(texts.iter().any(|text| !text.is_empty()));
    assert!(world.ancestors(process).count() < 128);
    world.session_leader(process);
    world.vgroup_leader(process);
    world.user(process, 0);
    world.group_name(process, 0);
}

fn process_name(world: &World, pid: u32) -> &[u8] {
    world.process(pid, 0).map(Process::name).unwrap_or_default()
}
