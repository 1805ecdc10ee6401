//! Forks, execs and ends, and what is known of a process between them.

use crate::support::{Key, exec, exec_of, exit, facts, fork, fork_of, header, read};
use peregrine_capture::event::{CgroupAttach, Event, ExecFailed, Executable, KernelPath, Kind};
use peregrine_world::{Limits, Process, Roots, World};

const INIT: Key = (1, 5);
const SHELL: Key = (100, 1_000_000_001);
const CHILD: Key = (101, 2_000_000_002);

/// A world that can't look into `/proc`, so that only events count.
fn blind() -> World {
    let roots = Roots { proc: "/nonexistent".into(), host: "/nonexistent".into() };
    World::with_roots(Limits::default(), roots)
}

fn apply(world: &mut World, events: &[Event<'_>]) {
    for event in events {
        world.apply(event);
    }
}

/// init, and a shell below it that exec'd.
fn with_shell() -> World {
    let mut world = blind();
    apply(
        &mut world,
        &[
            exec(INIT, (0, 0), "init", b"/sbin/init\0", 6),
            fork(INIT, SHELL, "init"),
            exec(SHELL, INIT, "bash", b"-bash\0-c\0ls  x\0", SHELL.1 + 1),
        ],
    );
    world
}

fn known(world: &World, key: Key) -> &Process {
    world.process(key.0, key.1).expect("known")
}

#[test]
fn a_child_has_its_makers_image_until_it_execs() {
    let mut world = with_shell();
    world.apply(&fork(SHELL, CHILD, "bash"));
    let child = known(&world, CHILD);
    assert_eq!(child.cmdline(), b"bash -c ls  x");
    assert_eq!(child.image().exe(), b"-bash");
    assert_eq!(child.image().cwd(), b"/home/ada/");
    assert_eq!(child.exec_time, SHELL.1 + 1);
    world.apply(&exec(CHILD, SHELL, "ls", b"ls\0", CHILD.1 + 5));
    let child = known(&world, CHILD);
    assert_eq!((child.name(), child.cmdline()), (&b"ls"[..], &b"ls"[..]));
    assert_eq!((child.image().exeline(), child.exec_time), (&b"ls "[..], CHILD.1 + 5));
    assert_eq!(known(&world, SHELL).cmdline(), b"bash -c ls  x");
}

#[test]
fn a_child_of_a_renamed_thread_has_the_threads_name() {
    let mut world = with_shell();
    world.apply(&fork(SHELL, CHILD, "worker-3"));
    let child = known(&world, CHILD);
    assert_eq!((child.name(), child.cmdline()), (&b"worker-3"[..], &b"worker-3 -c ls  x"[..]));
    assert_eq!(child.image().exeline(), b"-bash -c ls  x");
}

#[test]
fn the_image_comes_from_the_maker_even_if_the_parent_is_another() {
    let mut world = with_shell();
    world.apply(&fork_of(header(SHELL, CHILD.1), facts(CHILD, INIT, "bash")));
    assert_eq!(known(&world, CHILD).image().exe(), b"-bash");
    assert_eq!(world.parent(known(&world, CHILD)).unwrap().name(), b"init");
}

#[test]
fn the_parent_is_taken_from_exec_too() {
    let mut world = with_shell();
    world.apply(&fork(SHELL, CHILD, "bash"));
    world.apply(&exec(CHILD, INIT, "ls", b"ls\0", CHILD.1 + 5));
    let child = known(&world, CHILD);
    assert_eq!(world.ancestors(child).map(Process::name).collect::<Vec<_>>(), [b"init"]);
}

#[test]
fn arguments_are_joined_and_counted() {
    let cases: [(&str, &[u8], [&str; 4]); 7] = [
        (
            "curl",
            b"/usr/bin/curl\0-s\0x y\0",
            ["/usr/bin/curl", "-s x y", "curl -s x y", "/usr/bin/curl -s x y"],
        ),
        ("curl", b"curl\0", ["curl", "", "curl", "curl "]),
        ("python3", b"py\0-c\0", ["py", "-c", "python3 -c", "py -c"]),
        ("tool", b"", ["", "", "tool", " "]),
        ("tool", b"\0", ["", "", "tool", " "]),
        ("tool", b"tool\0\0", ["tool", "", "tool ", "tool "]),
        ("tool", b"tool\0cut off", ["tool", "cut off", "tool cut off", "tool cut off"]),
    ];
    for (comm, arguments, expected) in cases {
        let mut world = blind();
        world.apply(&exec(CHILD, INIT, comm, arguments, CHILD.1));
        let process = known(&world, CHILD);
        let image = process.image();
        let texts = [image.exe(), image.args(), process.cmdline(), image.exeline()];
        let texts = texts.map(|text| std::str::from_utf8(text).unwrap());
        assert_eq!(texts, expected, "{comm} {arguments:?}");
    }
    let world = with_shell();
    let image = known(&world, SHELL).image();
    assert_eq!((image.n_args(), image.args_length()), (2, 7));
    assert_eq!(
        [image.arg(0), image.arg(1), image.arg(2), image.arg(usize::MAX)],
        [&b"-c"[..], b"ls  x", b"", b""]
    );
}

#[test]
fn a_hash_tells_argument_borders_apart() {
    let hash = |arguments: &'static [u8]| {
        let mut world = blind();
        world.apply(&exec(CHILD, INIT, "sh", arguments, CHILD.1));
        known(&world, CHILD).image().args_hash().to_vec()
    };
    // sha256sum of the same bytes, its first half.
    assert_eq!(hash(b"sh\0a b\0"), b"70c08f762a0c66c51775191fcb4317b4");
    assert_ne!(hash(b"sh\0a b\0"), hash(b"sh\0a\0b\0"));
}

#[test]
fn the_environment_is_looked_up_by_whole_name() {
    let world = with_shell();
    let environment = known(&world, SHELL).image().environment();
    assert_eq!(environment.joined(), b"HOME=/home/ada PATH= /bin  EMPTY=");
    assert_eq!(environment.value_of(b"PATH"), Some(&b"/bin"[..]));
    assert_eq!(environment.value_of(b"EMPTY"), Some(&b""[..]));
    assert_eq!(environment.value_of(b"HOM"), None);
    assert_eq!(environment.value_of(b""), None);
}

#[test]
fn a_memfd_is_told_by_its_pseudo_path_only() {
    let memfd = |path: KernelPath<'static>| {
        let mut world = blind();
        let mut exec = exec_of(facts(CHILD, INIT, "3"), b"x\0");
        exec.executable_path = path;
        exec.cwd = KernelPath::default();
        let event = Event { header: header(CHILD, CHILD.1), kind: Kind::Exec(Box::new(exec)) };
        world.apply(&event);
        let image = known(&world, CHILD).image();
        assert_eq!(image.cwd(), b"./");
        (image.is_memfd(), image.executable_path().to_vec())
    };
    assert_eq!(memfd(KernelPath::pseudo(b"memfd:evil\0")), (true, b"memfd:evil".to_vec()));
    assert_eq!(memfd(KernelPath::rooted(b"memfd:evil\0")), (false, b"/memfd:evil".to_vec()));
    assert_eq!(memfd(KernelPath::default()), (false, Vec::new()));
}

#[test]
fn who_may_write_the_file_it_runs() {
    const OVERRIDE: u64 = 1 << 1;
    let cases = [
        // file's owner, group, mode; euid, egid, capabilities; writable?
        (1000, 0, 0o755, 1000, 1000, 0, true),
        (1000, 0, 0o555, 1000, 1000, 0, false),
        (1000, 0, 0o577, 1000, 1000, 0, false),
        (0, 1000, 0o775, 1000, 1000, 0, true),
        (0, 1000, 0o757, 1000, 1000, 0, false),
        (0, 0, 0o757, 1000, 1000, 0, true),
        (0, 0, 0o755, 1000, 1000, 0, false),
        (5, 5, 0o555, 0, 0, OVERRIDE, true),
        (5, 5, 0o555, 0, 0, 0, false),
        // All capabilities of a user namespace don't reach the host's files.
        (0, 0, 0o755, 1000, 1000, u64::MAX, false),
    ];
    for (index, (uid, gid, mode, euid, egid, capabilities, expected)) in
        cases.into_iter().enumerate()
    {
        let mut facts = facts(CHILD, INIT, "x");
        (facts.euid, facts.egid, facts.cap_effective) = (euid, egid, capabilities);
        let mut exec = exec_of(facts, b"x\0");
        exec.executable = Executable { uid, gid, mode, inode: 7, ..Executable::default() };
        let mut header = header(CHILD, CHILD.1);
        (header.euid, header.egid) = (euid, egid);
        let mut world = blind();
        world.apply(&Event { header, kind: Kind::Exec(Box::new(exec)) });
        assert_eq!(known(&world, CHILD).is_exe_writable(), expected, "case {index}");
    }
}

#[test]
fn an_ended_process_stays_known_until_it_is_reaped() {
    let mut world = with_shell();
    apply(&mut world, &[fork(SHELL, CHILD, "bash"), exit(CHILD, 3_000_000_000)]);
    assert_eq!(known(&world, CHILD).end.unwrap().status, 256);
    world.reap(3_000_000_000);
    assert!(world.process(CHILD.0, CHILD.1).is_some());
    world.reap(3_000_000_001);
    assert!(world.process(CHILD.0, CHILD.1).is_some(), "not twice in 100 ms");
    world.reap(3_100_000_000);
    assert!(world.process(CHILD.0, CHILD.1).is_none());
    assert_eq!((world.stats().processes, world.stats().ended), (2, 0));
}

#[test]
fn a_pid_that_is_given_again_stands_for_two_processes() {
    let mut world = with_shell();
    let again = (CHILD.0, CHILD.1 + 500);
    apply(
        &mut world,
        &[
            fork(SHELL, CHILD, "bash"),
            exec(CHILD, SHELL, "old", b"old\0", CHILD.1 + 1),
            exit(CHILD, CHILD.1 + 400),
            fork(SHELL, again, "bash"),
            exec(again, SHELL, "new", b"new\0", again.1 + 1),
        ],
    );
    assert_eq!(known(&world, CHILD).name(), b"old");
    assert_eq!(known(&world, again).name(), b"new");
    assert_eq!(world.process(CHILD.0, 0).unwrap().name(), b"new");
    assert!(world.process(CHILD.0, CHILD.1 + 1).is_none());
    world.reap(u64::MAX);
    assert!(world.process(CHILD.0, CHILD.1).is_none());
    assert_eq!(known(&world, again).name(), b"new");
}

#[test]
fn a_fork_by_an_unknown_process_is_counted_and_named() {
    let mut world = blind();
    world.apply(&fork(SHELL, CHILD, "mystery"));
    let child = known(&world, CHILD);
    assert_eq!((child.name(), child.cmdline()), (&b"mystery"[..], &b"mystery"[..]));
    assert_eq!(child.image().cwd(), b"./");
    assert!(child.image().flags().is_unreadable());
    assert_eq!(world.stats().unknown_parents, 1);
}

#[test]
fn of_a_process_that_nobody_knows_there_is_a_placeholder() {
    let mut world = blind();
    let process = read(&mut world, 77, 7);
    assert!(process.is_placeholder());
    assert_eq!((process.name(), process.image().exe()), (&b"<NA>"[..], &b"<NA>"[..]));
    assert_eq!((process.key.pid as i32, process.uid, process.loginuid), (-1, u32::MAX, u32::MAX));
    assert_eq!(world.stats().placeholders, 1);
    assert!(world.session_leader(world.placeholder()).is_none());
}

#[test]
fn every_event_tells_credentials() {
    let mut world = with_shell();
    let mut event = exit(SHELL, SHELL.1 + 9);
    (event.header.euid, event.header.loginuid) = (0, 1000);
    world.apply(&event);
    let shell = known(&world, SHELL);
    assert_eq!((shell.euid, shell.loginuid, shell.uid), (0, 1000, 1000));
}

#[test]
fn a_process_is_where_it_was_moved_and_its_children_too() {
    let mut world = with_shell();
    let path = format!("/docker/{}", "ab".repeat(32));
    let attach =
        CgroupAttach { pid: SHELL.0, start_time: SHELL.1, cgroup_id: 9, path: path.as_bytes() };
    world.apply(&Event { header: header(INIT, 9), kind: Kind::CgroupAttach(attach) });
    assert_eq!(known(&world, SHELL).container().short(), "abababababab");
    assert_eq!(known(&world, INIT).container().short(), "host");
    assert_eq!(&*known(&world, INIT).cgroup().path, b"/a.scope");
}

#[test]
fn a_process_has_another_revision_when_it_changes_and_only_then() {
    let mut world = with_shell();
    world.apply(&fork(SHELL, CHILD, "bash"));
    let revision = |world: &World, key| known(world, key).revision();
    let (shell, child) = (revision(&world, SHELL), revision(&world, CHILD));
    assert!(shell != child && world.placeholder().revision() == 0);
    // What it does and what others do changes nothing.
    world.apply(&exec(CHILD, SHELL, "ls", b"ls\0", CHILD.1 + 5));
    let deed = |header| {
        let failed = ExecFailed {
            result: -2,
            dirfd: -100,
            is_at: false,
            filename: b"/nowhere",
            base: KernelPath::default(),
            arguments: b"",
        };
        Event { header, kind: Kind::ExecFailed(failed) }
    };
    world.apply(&deed(header(SHELL, 9)));
    assert_eq!(revision(&world, SHELL), shell);
    let exec_changed = revision(&world, CHILD);
    assert_ne!(exec_changed, child);
    let mut as_root = header(CHILD, CHILD.1 + 6);
    as_root.euid = 0;
    world.apply(&deed(as_root));
    let user_changed = revision(&world, CHILD);
    assert_ne!(user_changed, exec_changed);
    let path = format!("/docker/{}", "ab".repeat(32));
    let attach =
        CgroupAttach { pid: CHILD.0, start_time: CHILD.1, cgroup_id: 9, path: path.as_bytes() };
    world.apply(&Event { header: header(INIT, 9), kind: Kind::CgroupAttach(attach) });
    assert_ne!(revision(&world, CHILD), user_changed);
}

#[test]
fn leaders_are_found_by_number_or_as_the_oldest_above() {
    let mut world = with_shell();
    let in_session = |key, parent, session| {
        let mut facts = facts(key, parent, "x");
        (facts.session_id, facts.group_id) = (session, session);
        fork_of(header(parent, key.1), facts)
    };
    // 100 leads session 100; 101 and 102 are in it; 103 is in one whose leader is not known.
    let leader = exec_of(
        {
            let mut facts = facts(SHELL, INIT, "bash");
            (facts.session_id, facts.group_id) = (100, 100);
            facts
        },
        b"bash\0",
    );
    world.apply(&Event { header: header(SHELL, 9), kind: Kind::Exec(Box::new(leader)) });
    let (first, second, third) = (CHILD, (102, CHILD.1 + 1), (103, CHILD.1 + 2));
    apply(&mut world, &[in_session(first, SHELL, 100), in_session(second, first, 100)]);
    assert_eq!(world.session_leader(known(&world, second)).unwrap().key.pid, 100);
    assert_eq!(world.group_leader(known(&world, first)).unwrap().key.pid, 100);
    assert_eq!(world.vgroup_leader(known(&world, SHELL)).unwrap().key.pid, 100);
    let fourth = (104, CHILD.1 + 3);
    apply(&mut world, &[in_session(third, second, 555), in_session(fourth, third, 555)]);
    assert_eq!(world.session_leader(known(&world, fourth)).unwrap().key.pid, 103);
    assert_eq!(world.session_leader(known(&world, third)).unwrap().key.pid, 103);
}

#[test]
fn a_loop_and_a_deep_tree_end() {
    let mut world = blind();
    world.apply(&fork((11, 11), (10, 10), "a"));
    world.apply(&fork((10, 10), (11, 11), "b"));
    assert_eq!(world.ancestors(known(&world, (10, 10))).count(), 1);
    for pid in 1000..2000 {
        world.apply(&fork((pid, u64::from(pid)), (pid + 1, u64::from(pid) + 1), "deep"));
    }
    assert_eq!(world.ancestors(known(&world, (2000, 2000))).count(), 128);
}
