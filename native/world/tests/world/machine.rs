//! The real `/proc` against what a process knows of itself.

use std::{
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    process::{Child, Command, Stdio},
};

use crate::support::{exec, exit, fork, read};
use peregrine_capture::event::{KernelPath, Kind};
use peregrine_world::{Limits, Precision, Process, Roots, SnapshotError, World};

const TICK: u64 = 10_000_000;

/// A program that runs until its input ends, and is killed with the test.
struct Program(Child);

impl Program {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("start"))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// `spawn` returns before exec is over only where vfork is not used: wait until it is.
    fn when_exec_is_over(self, argument: &str) -> Self {
        let path = format!("/proc/{}/cmdline", self.pid());
        while !std::fs::read_to_string(&path).expect("alive").starts_with(argument) {
            std::thread::yield_now();
        }
        self
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().expect("kill");
        self.0.wait().expect("wait");
    }
}

fn snapshot() -> World {
    let mut world = World::new(Limits::default());
    let stats = world.snapshot().expect("/proc of the host's pid namespace");
    assert!(stats.added > 0 && stats.known == 0 && stats.ended == 0, "{stats:?}");
    world
}

fn own(world: &World) -> &Process {
    world.process(std::process::id(), 0).expect("this process")
}

#[test]
fn this_process_is_as_it_knows_itself() {
    let world = snapshot();
    let process = own(&world);
    let image = process.image();
    assert_eq!(process.parent.pid, std::os::unix::process::parent_id());
    assert_eq!(image.executable_path(), std::env::current_exe().unwrap().as_os_str().as_bytes());
    let cwd = std::env::current_dir().unwrap();
    assert_eq!(image.cwd(), [cwd.as_os_str().as_bytes(), b"/"].concat());
    let arguments: Vec<_> = std::env::args_os().map(|it| it.as_bytes().to_vec()).collect();
    assert_eq!(image.argv().iter().map(<[u8]>::to_vec).collect::<Vec<_>>(), arguments);
    assert_eq!(
        (process.uid, process.gid),
        (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw())
    );
    assert_eq!(process.euid, rustix::process::geteuid().as_raw());
    let file = rustix::fs::stat(std::env::current_exe().unwrap()).unwrap();
    assert_eq!((image.executable().inode, image.executable().mode), (file.st_ino, file.st_mode));
    assert!(!image.is_memfd() && !image.is_deleted());
    let path = std::env::var_os("PATH").unwrap();
    assert_eq!(image.environment().value_of(b"PATH"), Some(path.as_bytes()));
    assert_eq!(process.precision, Precision::Tick);
}

#[test]
fn a_process_that_leads_its_session_and_group_is_told_as_such() {
    // Not this process: what leads its session may be in no pid namespace of ours, which makes it 0.
    let leader = Program::start(Command::new("setsid").arg("cat")).when_exec_is_over("cat");
    let world = snapshot();
    let process = world.process(leader.pid(), 0).expect("the leader");
    assert_eq!((process.session_id, process.group_id), (leader.pid(), leader.pid()));
}

#[test]
fn each_process_began_after_its_parent_and_this_ones_line_ends_at_init() {
    let world = snapshot();
    let mut process = own(&world);
    for ancestor in world.ancestors(own(&world)) {
        assert!(ancestor.key.start_time <= process.key.start_time);
        assert_eq!(ancestor.key, process.parent, "the parent's start is known too");
        process = ancestor;
    }
    assert_eq!(process.parent.pid, 0, "the line ends at {process:?}");
}

#[test]
fn a_program_run_from_memory_and_a_deleted_one_are_told() {
    let sleep = std::fs::read("/bin/cat").unwrap();
    let memory = rustix::fs::memfd_create("evil", rustix::fs::MemfdFlags::empty()).unwrap();
    rustix::io::write(&memory, &sleep).unwrap();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&memory));
    let in_memory = Program::start(&mut Command::new(&path)).when_exec_is_over(&path);

    let file = std::env::temp_dir().join(format!("peregrine-deleted-{}", std::process::id()));
    std::fs::write(&file, &sleep).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let deleted =
        Program::start(&mut Command::new(&file)).when_exec_is_over(file.to_str().unwrap());
    std::fs::remove_file(&file).unwrap();

    let world = snapshot();
    let image = world.process(in_memory.pid(), 0).unwrap().image();
    assert_eq!((image.is_memfd(), image.executable_path()), (true, &b"memfd:evil"[..]));
    let image = world.process(deleted.pid(), 0).unwrap().image();
    assert_eq!((image.is_memfd(), image.is_deleted()), (false, true));
    assert_eq!(image.executable_path(), file.as_os_str().as_bytes());
}

#[test]
fn what_an_event_told_is_kept_and_gets_no_second_entry() {
    let pid = std::process::id();
    let start = own(&snapshot()).key.start_time;
    // A record has nanoseconds; /proc has the tick that they are in.
    let exact = start + TICK / 2;
    let mut world = World::new(Limits::default());
    world.apply(&exec((pid, exact), (1, 1), "told", b"told\0", exact));
    let stats = world.snapshot().unwrap();
    assert!(stats.known == 1, "{stats:?}");
    assert_eq!(world.process(pid, exact).unwrap().name(), b"told");
    assert_eq!(own(&world).key.start_time, exact);
    assert!(world.process(pid, exact + TICK).is_none());
}

#[test]
fn after_a_gap_what_proc_shows_is_true() {
    let same = Program::start(&mut Command::new("cat")).when_exec_is_over("cat");
    let mut world = snapshot();
    let (pid, start) = (own(&world).key.pid, own(&world).key.start_time);
    let same_image =
        |world: &World| std::ptr::from_ref(world.process(same.pid(), 0).unwrap().image());
    let before = same_image(&world);
    let path = own(&world).image().executable_path().to_vec();
    let line = own(&world).cmdline().to_vec();
    let exact = start + TICK / 2;
    world.apply(&exec((pid, exact), (1, 1), "told", b"told\0", exact));
    assert_eq!(world.snapshot().unwrap().renewed, 0);
    assert_eq!(own(&world).name(), b"told");
    let stats = world.snapshot_after_gap().unwrap();
    assert!(stats.renewed >= 1, "{stats:?}");
    assert_eq!(same_image(&world), before, "what is as it was is kept");
    let process = own(&world);
    assert_eq!((process.image().executable_path(), process.cmdline()), (&path[..], &line[..]));
    assert_eq!((process.key.start_time, process.precision), (exact, Precision::Exact));
}

#[test]
fn a_record_of_a_process_that_was_read_makes_its_start_exact() {
    let mut world = snapshot();
    let (pid, start) = (own(&world).key.pid, own(&world).key.start_time);
    let exact = start + 123;
    world.apply(&fork((pid, exact), (4_000_000, exact + TICK), "child"));
    let own = own(&world);
    assert_eq!((own.key.start_time, own.precision), (exact, Precision::Exact));
    let image = own.image().executable_path().to_vec();
    let child = world.process(4_000_000, exact + TICK).unwrap();
    assert_eq!(child.image().executable_path(), image);
    assert_eq!(world.parent(child).unwrap().key.pid, pid);
}

#[test]
fn an_unknown_process_is_read_when_asked_for_and_a_gone_one_is_not() {
    let pid = std::process::id();
    let start = own(&snapshot()).key.start_time;
    let mut world = World::new(Limits::default());
    assert!(!read(&mut world, pid, start + 77).is_placeholder());
    assert_eq!(world.process(pid, start + 77).unwrap().precision, Precision::Exact);
    assert_eq!(world.stats().heals, 1);
    // The same pid, another life.
    assert!(read(&mut world, pid, start + 5 * TICK).is_placeholder());
    assert!(read(&mut world, u32::MAX - 1, 1).is_placeholder());
    assert_eq!((world.stats().heals, world.stats().placeholders), (1, 2));
}

#[test]
fn heals_are_bounded() {
    let limits = Limits { heals_per_second: 2, ..Limits::default() };
    let mut world = World::new(limits);
    for pid in 1..=5 {
        world.prepare(3_999_990 + pid, 1);
    }
    assert_eq!(world.stats().refused_heals, 3);
}

#[test]
fn a_process_whose_end_was_not_told_ends_at_the_next_snapshot() {
    let program = Program::start(&mut Command::new("cat"));
    let pid = program.pid();
    let mut world = snapshot();
    assert!(world.process(pid, 0).unwrap().end.is_none());
    drop(program);
    assert!(world.snapshot().unwrap().ended >= 1);
    assert!(world.process(pid, 0).unwrap().end.is_some());
    world.reap(u64::MAX);
    assert!(world.process(pid, 0).is_none());
}

#[test]
fn an_orphan_gets_the_parent_that_the_kernel_gave_it() {
    let mut world = snapshot();
    let pid = std::process::id();
    let start = own(&world).key.start_time;
    let parent = std::os::unix::process::parent_id();
    // As if this process had been made by one that has ended since.
    world.apply(&fork((1, 0), (4_000_001, start - TICK + 1), "gone"));
    world.apply(&exec((pid, start + 1), (4_000_001, start - TICK + 1), "x", b"x\0", start + 2));
    assert_eq!(world.parent(own(&world)).unwrap().name(), b"gone");
    world.apply(&exit((4_000_001, start - TICK + 1), start + 3));
    assert_eq!(world.parent(own(&world)).unwrap().name(), b"gone", "known until it is reaped");
    world.reap(start + 4);
    assert_eq!(world.parent(own(&world)).unwrap().key.pid, parent);
}

#[test]
fn children_of_a_process_that_was_read_share_its_cgroup() {
    let mut world = snapshot();
    let (pid, start) = (own(&world).key.pid, own(&world).key.start_time);
    let path = own(&world).cgroup().path.clone();
    let names: Vec<_> = path.split(|&byte| byte == b'/').rev().collect();
    let names = names.join(&0);
    for child in 1..=3u32 {
        let mut event = fork((pid, start), (4_000_000 + child, start + u64::from(child)), "child");
        if let Kind::Fork(fork) = &mut event.kind {
            fork.cgroup = KernelPath::rooted(names.strip_suffix(b"\0").unwrap_or(&names));
        }
        world.apply(&event);
    }
    let cgroup = |child: u32| world.process(4_000_000 + child, 0).unwrap().cgroup();
    assert!(std::ptr::eq(cgroup(2), cgroup(3)));
}

#[test]
fn a_place_that_is_no_proc_is_named() {
    let roots = Roots { proc: "/nonexistent/proc".into(), host: "/".into() };
    let error = World::with_roots(Limits::default(), roots).snapshot().unwrap_err();
    assert!(matches!(error, SnapshotError::Unreadable { .. }));
    assert_eq!(error.to_string(), "read processes in /nonexistent/proc; mount proc there");
}

#[test]
fn pids_of_another_namespace_are_not_mixed_with_the_hosts() {
    let folder = std::env::temp_dir().join(format!("peregrine-pidns-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("1/ns")).unwrap();
    std::os::unix::fs::symlink("pid:[4026532201]", folder.join("1/ns/pid")).unwrap();
    std::os::unix::fs::symlink("/proc/self", folder.join(std::process::id().to_string())).unwrap();
    let roots = Roots { proc: folder.clone(), host: "/".into() };
    let mut world = World::with_roots(Limits::default(), roots);
    let snapshot = world.snapshot();
    let is_placeholder = read(&mut world, std::process::id(), 0).is_placeholder();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(snapshot, Err(SnapshotError::OtherPidNamespace { .. })));
    assert!(is_placeholder);
}

#[test]
fn where_others_are_hidden_absence_is_no_end() {
    let folder = std::env::temp_dir().join(format!("peregrine-hidden-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let roots = Roots { proc: folder.clone(), host: "/".into() };
    let mut world = World::with_roots(Limits::default(), roots);
    world.apply(&exec((77, 7), (1, 1), "x", b"x\0", 8));
    let stats = world.snapshot();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(stats.unwrap().ended, 0);
    assert!(world.process(77, 7).unwrap().end.is_none());
}
