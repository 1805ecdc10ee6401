//! Events as the kernel would tell them, made by hand.

use peregrine_capture::event::{
    Comm, Event, Exec, Executable, Exit, Flags, Fork, Header, KernelPath, Kind, ProcessFacts,
};
use peregrine_world::{Process, World};

/// One process of a test: pid, and when it began.
pub type Key = (u32, u64);

pub fn header((pid, start_time): Key, time: u64) -> Header {
    Header {
        time,
        start_time,
        pid,
        tid: pid,
        euid: 1000,
        egid: 1000,
        loginuid: u32::MAX,
        cpu: 0,
        flags: Flags::default(),
    }
}

pub fn facts((pid, start_time): Key, parent: Key, comm: &str) -> ProcessFacts {
    ProcessFacts {
        start_time,
        parent_start_time: parent.1,
        pidns_start_time: 1,
        cap_inheritable: 0,
        cap_permitted: 0,
        cap_effective: 0,
        cgroup_id: 1,
        pid,
        parent_pid: parent.0,
        vpid: pid,
        session_id: 1,
        group_id: 1,
        vgroup_id: 1,
        vsession_id: 1,
        tty: 0,
        uid: 1000,
        gid: 1000,
        euid: 1000,
        egid: 1000,
        loginuid: u32::MAX,
        usage: Default::default(),
        comm: Comm::new(comm.as_bytes()),
    }
}

/// `parent` forks `child` at the child's start.
pub fn fork(parent: Key, child: Key, comm: &str) -> Event<'static> {
    let child_facts = facts(child, parent, comm);
    fork_of(header(parent, child.1), child_facts)
}

pub fn fork_of(header: Header, child: ProcessFacts) -> Event<'static> {
    let fork = Fork {
        call: Default::default(),
        flags: 0,
        child,
        cgroup: KernelPath::rooted(b"a.scope\0"),
    };
    Event { header, kind: Kind::Fork(Box::new(fork)) }
}

/// What a process execs; the rest is filled in.
pub fn exec_of<'a>(process: ProcessFacts, arguments: &'a [u8]) -> Exec<'a> {
    Exec {
        process,
        executable: Executable { inode: 7, mode: 0o100_755, ..Executable::default() },
        filename: b"./tool",
        executable_path: KernelPath::rooted(b"tool\0bin\0usr\0"),
        cwd: KernelPath::rooted(b"ada\0home\0"),
        cgroup: KernelPath::rooted(b"a.scope\0"),
        arguments,
        environment: b"HOME=/home/ada\0PATH= /bin \0EMPTY=\0",
        arguments_total: arguments.len() as u64,
        environment_total: 0,
    }
}

pub fn exec<'a>(key: Key, parent: Key, comm: &str, arguments: &'a [u8], time: u64) -> Event<'a> {
    let exec = exec_of(facts(key, parent, comm), arguments);
    Event { header: header(key, time), kind: Kind::Exec(Box::new(exec)) }
}

pub fn exit(key: Key, time: u64) -> Event<'static> {
    Event { header: header(key, time), kind: Kind::Exit(Exit { status: 256 }) }
}

/// A process: as known, else as `/proc` has it, else the placeholder.
pub fn read(world: &mut World, pid: u32, start_time: u64) -> &Process {
    let place = world.prepare(pid, start_time);
    world.at(place)
}
