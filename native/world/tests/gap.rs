//! A real gap in the life-cycle lane, and the world whole again behind it. Needs root and BPF.

#![allow(clippy::unwrap_used)]

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use peregrine_capture::{Capture, Hooks, Item, Lanes, Settings, event::Lane};
use peregrine_world::{Limits, Reader, World};

/// Killed with the test.
struct Program(Child);

impl Program {
    /// A shell that runs `cat` in its own place when it is told to.
    fn start() -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "read _; exec cat"]);
        let program = Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap());
        program.wait_for(b"/bin/sh\0-c\0read _; exec cat\0");
        program
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn exec(&mut self) {
        use std::io::Write;
        self.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        self.wait_for(b"cat\0");
    }

    /// Until it runs that.
    fn wait_for(&self, arguments: &[u8]) {
        let path = format!("/proc/{}/cmdline", self.pid());
        wait_until(|| std::fs::read(&path).unwrap() == arguments);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "it does not come to that");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Applies what there is; tells how many of the life-cycle lane are missing.
fn drain(lanes: &mut Lanes, world: &mut World) -> u64 {
    let mut lost = 0;
    lanes.drain(usize::MAX, |item| match item {
        Item::Event(event) => world.apply(&event),
        Item::Gap(gap) if gap.lane == Lane::LifeCycle => lost += gap.count(),
        Item::Gap(_) => {}
        Item::Malformed(error) => panic!("{error}"),
    });
    lost
}

fn name(world: &World, pid: u32) -> Option<Vec<u8>> {
    world.process(pid, 0).filter(|it| it.end.is_none()).map(|it| it.name().to_vec())
}

#[test]
fn after_a_gap_the_world_is_true_again_while_events_go_on() {
    let settings =
        Settings { hooks: Hooks::SysExit, life_cycle_size: 16 << 10, ..Settings::default() };
    let (_capture, mut lanes) = Capture::load(settings).unwrap();
    let mut world = World::new(Limits::default()).reading_by(Reader::start(|| ()).unwrap());
    let mut changed = Program::start();
    let ended = Program::start();
    let (changed_pid, ended_pid) = (changed.pid(), ended.pid());
    world.snapshot().unwrap();
    assert_eq!(name(&world, changed_pid).as_deref(), Some(&b"sh"[..]));
    assert_eq!(name(&world, ended_pid).as_deref(), Some(&b"sh"[..]));

    // Three hundred programs fill the lane many times: what happens then is lost.
    for _ in 0..300 {
        Command::new("/bin/true").status().unwrap();
    }
    changed.exec();
    drop(ended);
    let mut began = Program::start();
    began.exec();
    // Only a record behind the gap shows it.
    let mut lost = drain(&mut lanes, &mut world);
    wait_until(|| {
        Command::new("/bin/true").status().unwrap();
        lost += drain(&mut lanes, &mut world);
        lost > 0
    });
    assert!(lost > 100, "{lost} lost");
    assert_eq!(name(&world, changed_pid).as_deref(), Some(&b"sh"[..]), "its exec was lost");

    // As the daemon does: heals for each gap, and goes on with events.
    world.begin_heal().unwrap();
    let mut n_heals = 0;
    let mut meanwhile = Program::start();
    meanwhile.exec();
    wait_until(|| {
        if drain(&mut lanes, &mut world) > 0 {
            world.begin_heal().unwrap();
        }
        n_heals += u32::from(world.heal_on().unwrap().is_some());
        n_heals > 0 && !world.is_healing() && name(&world, meanwhile.pid()) == Some(b"cat".into())
    });
    assert_eq!(name(&world, changed_pid).as_deref(), Some(&b"cat"[..]), "the exec is known");
    assert_eq!(name(&world, began.pid()).as_deref(), Some(&b"cat"[..]), "the new one is known");
    assert_eq!(name(&world, ended_pid), None, "the end is known");
    let parent = world.process(began.pid(), 0).unwrap().parent.pid;
    assert_eq!(parent, std::process::id());
}
