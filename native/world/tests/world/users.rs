//! Names of users and groups, on the host and in containers that try to deceive.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use crate::support::{Key, exec_of, exit, facts, fork, header};
use peregrine_capture::event::{Event, KernelPath, Kind};
use peregrine_world::{Limits, Process, Roots, World};

const SECOND: u64 = 1_000_000_000;
const ID: &str = "abababababababababababababababababababababababababababababababab";
const INNER: Key = (50, 500);
const OUTER: Key = (60, 600);

/// A host's files and a `/proc` with nothing but roots; removed with the test.
struct Machine {
    folder: PathBuf,
    world: World,
}

impl Machine {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("peregrine-{name}-{}", std::process::id()));
        let roots = Roots { proc: folder.join("proc"), host: folder.join("host") };
        let mut machine = Self { world: World::with_roots(Limits::default(), roots), folder };
        machine.write("host", "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/zsh\n");
        machine.exec(OUTER, KernelPath::rooted(b"a.service\0"), 1);
        machine
    }

    /// As `new`, with a process in a container whose root is its own.
    fn with_container(name: &str, passwd: &str) -> Self {
        let mut machine = Self::new(name);
        machine.write("proc/50/root", passwd);
        machine.exec_inner(INNER, 1);
        machine
    }

    fn write(&self, root: &str, passwd: &str) {
        let folder = self.etc(root);
        std::fs::write(folder.join("passwd"), passwd).expect("passwd");
        std::fs::write(folder.join("group"), "staff:x:1000:\n").expect("group");
    }

    fn etc(&self, root: &str) -> PathBuf {
        let folder = self.folder.join(root).join("etc");
        std::fs::create_dir_all(&folder).expect("folder");
        folder
    }

    fn exec_inner(&mut self, key: Key, time: u64) {
        let names = format!("{ID}\0docker\0");
        self.exec(key, KernelPath::rooted(names.as_bytes()), time);
    }

    fn exec_below(&mut self, key: Key, parent: Key) {
        let names = format!("{ID}\0docker\0");
        self.exec_of(key, parent, KernelPath::rooted(names.as_bytes()), key.1);
    }

    fn exec(&mut self, key: Key, cgroup: KernelPath<'_>, time: u64) {
        self.exec_of(key, (1, 1), cgroup, time);
    }

    fn exec_of(&mut self, key: Key, parent: Key, cgroup: KernelPath<'_>, time: u64) {
        let mut exec = exec_of(facts(key, parent, "x"), b"x\0");
        exec.cgroup = cgroup;
        self.world.apply(&Event { header: header(key, time), kind: Kind::Exec(Box::new(exec)) });
    }

    /// The name after the files that are due have been read.
    fn name(&mut self, key: Key, uid: u32) -> Option<String> {
        self.world.prepare(key.0, key.1);
        self.known_name(key, uid)
    }

    fn known_name(&self, key: Key, uid: u32) -> Option<String> {
        let user = self.world.user(self.process(key), uid)?;
        Some(String::from_utf8(user.name.to_vec()).expect("text"))
    }

    fn process(&self, key: Key) -> &Process {
        self.world.process(key.0, key.1).expect("known")
    }

    /// Event time goes on.
    fn pass(&mut self, time: u64) {
        self.world.apply(&exit((99, 99), time));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).expect("remove the test's folder");
    }
}

fn some(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[test]
fn the_same_id_has_another_name_in_a_container() {
    let mut machine = Machine::with_container("names", "app:x:1000:1000::/srv:/bin/false\n");
    assert_eq!(machine.name(INNER, 1000), some("app"));
    assert_eq!(machine.name(OUTER, 1000), some("ada"));
    assert_eq!(machine.name(INNER, 0), None);
    let world = &machine.world;
    let user = world.user(machine.process(OUTER), 1000).unwrap();
    assert_eq!((user.home, user.shell), (&b"/home/ada"[..], &b"/bin/zsh"[..]));
    assert_eq!(world.group_name(machine.process(INNER), 1000), Some(&b"staff"[..]));
    assert_eq!(world.group_name(machine.process(INNER), 7), None);
}

#[test]
fn a_changed_file_is_read_again_after_a_second_of_event_time() {
    let mut machine = Machine::new("changed");
    machine.pass(10 * SECOND);
    assert_eq!(machine.name(OUTER, 1000), some("ada"));
    machine.write("host", "charles:x:1000:1000::/:/\n");
    machine.pass(11 * SECOND - 1);
    assert_eq!(machine.name(OUTER, 1000), some("ada"));
    machine.pass(11 * SECOND);
    assert_eq!(machine.known_name(OUTER, 1000), some("ada"), "a look-up reads no file");
    assert_eq!(machine.name(OUTER, 1000), some("charles"));
}

#[test]
fn a_runtime_that_has_not_changed_its_root_yet_does_not_speak_for_the_container() {
    let mut machine = Machine::new("early");
    std::fs::create_dir_all(machine.folder.join("proc/50")).unwrap();
    symlink(machine.folder.join("host"), machine.folder.join("proc/50/root")).unwrap();
    machine.exec_inner(INNER, 1);
    assert_eq!(machine.name(INNER, 1000), None);
    std::fs::remove_file(machine.folder.join("proc/50/root")).unwrap();
    machine.write("proc/50/root", "app:x:1000:1000::/srv:/bin/false\n");
    assert_eq!(machine.name(INNER, 1000), some("app"));
}

#[test]
fn a_process_that_changed_its_root_does_not_speak_for_its_container() {
    let mut machine = Machine::with_container("chroot", "app:x:1000:1000::/:/\n");
    assert_eq!(machine.name(INNER, 1000), some("app"));
    let liar = (51, 510);
    machine.write("proc/51/root", "root:x:1000:1000::/:/\n");
    machine.exec_inner(liar, 10 * SECOND);
    assert_eq!(machine.name(liar, 1000), some("app"));
}

#[test]
fn names_stay_when_the_process_has_gone() {
    let mut machine = Machine::with_container("gone", "app:x:1000:1000::/:/\n");
    assert_eq!(machine.name(INNER, 1000), some("app"));
    std::fs::remove_dir_all(machine.folder.join("proc/50")).unwrap();
    machine.pass(10 * SECOND);
    assert_eq!(machine.name(INNER, 1000), some("app"));
}

#[test]
fn a_process_that_has_gone_is_stood_in_for_by_those_above_it() {
    let mut machine = Machine::with_container("proxy", "app:x:1000:1000::/:/\n");
    let gone = (55, 550);
    machine.world.apply(&fork(INNER, gone, "x"));
    machine.exec_below(gone, INNER);
    assert_eq!(machine.name(gone, 1000), some("app"));
}

/// What a container may put in place of its user file, and which name is then known.
type Trick = fn(&Path);

#[test]
fn no_trick_leads_out_of_a_container_or_stops_the_reader() {
    let tricks: [(&str, Trick, Option<&str>); 6] = [
        ("link-up", |etc| symlink("../../../../secret", etc.join("passwd")).unwrap(), None),
        ("link-inside", |etc| symlink("/secret", etc.join("passwd")).unwrap(), Some("inner")),
        ("pipe", |etc| fifo(&etc.join("passwd")), None),
        ("folder", |etc| std::fs::create_dir(etc.join("passwd")).unwrap(), None),
        ("loop", |etc| symlink("passwd", etc.join("passwd")).unwrap(), None),
        ("large", |etc| large(&etc.join("passwd")), None),
    ];
    for (name, trick, expected) in tricks {
        let mut machine = Machine::with_container(name, "");
        let secret = "outer:x:1000:1000::/:/\n";
        std::fs::write(machine.folder.join("secret"), secret).unwrap();
        std::fs::write(machine.folder.join("proc/secret"), secret).unwrap();
        if expected.is_some() {
            let inner = machine.folder.join("proc/50/root/secret");
            std::fs::write(inner, "inner:x:1000:1000::/:/\n").unwrap();
        }
        let etc = machine.etc("proc/50/root");
        std::fs::remove_file(etc.join("passwd")).unwrap();
        trick(&etc);
        assert_eq!(machine.name(INNER, 1000).as_deref(), expected, "{name}");
    }
}

fn fifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("pipe");
}

fn large(path: &Path) {
    std::fs::write(path, "a:x:1000:1000::/:/\n".repeat(1 << 16)).expect("large file");
}
