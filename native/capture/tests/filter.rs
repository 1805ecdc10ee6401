//! The filter of opens in the kernel: what it leaves out, and all that it must let through.
#![allow(clippy::unwrap_used)]

use std::{
    ffi::CString,
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

use peregrine_capture::{
    Capture, Hooks, Interest, Item, Lanes, Opens, Settings, Syscall, Walk,
    event::{Kind, OpenCall},
};

/// One capture at a time keeps counts explainable.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const READS: u32 = 1;
const WRITES: u32 = 2;
const FAILED: u32 = 8;

struct Watch {
    capture: Capture,
    lanes: Lanes,
}

impl Watch {
    fn new(settings: Settings, opens: Opens, audit_every: u32) -> Self {
        let settings = Settings { skip_own: false, ..settings };
        let (mut capture, lanes) = Capture::load(settings).expect("BPF programs load");
        let calls = ["open", "openat", "rmdir"].map(|name| Syscall::from_name(name).unwrap());
        capture
            .set_interest(&Interest {
                calls: calls.to_vec(),
                opens,
                audit_every,
                ..Interest::default()
            })
            .unwrap();
        Self { capture, lanes }
    }

    /// Names of the opens that were told, up to a call that marks the end; and which were audits.
    fn told(&mut self) -> Vec<(Vec<u8>, bool)> {
        // SAFETY: a text that lives through the call.
        unsafe { libc::rmdir(c"/the-end-of-the-test".as_ptr()) };
        let tid = rustix::thread::gettid().as_raw_nonzero().get() as u32;
        let (mut told, mut is_over) = (Vec::new(), false);
        let end = Instant::now() + Duration::from_secs(30);
        while !is_over {
            assert!(Instant::now() < end, "the end did not come");
            let count = self.lanes.drain(usize::MAX, |item| {
                let Item::Event(event) = item else { return };
                match &event.kind {
                    // Attaching looks tracepoints up by relative names.
                    Kind::Open(open) if open.requested.starts_with(b"events/") => {}
                    Kind::Open(open) if event.header.tid == tid => {
                        told.push((open.requested.to_vec(), event.header.flags.is_audit()));
                    }
                    Kind::Call(_) if event.header.tid == tid => is_over = true,
                    _ => {}
                }
            });
            if count == 0 {
                self.lanes.wait(Duration::from_millis(100)).unwrap();
            }
        }
        told
    }
}

fn open(path: &Path, flags: i32) -> i32 {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a text that lives through the call; the descriptor is closed at once.
    unsafe {
        let fd = libc::openat(libc::AT_FDCWD, path.as_ptr(), flags, 0o600);
        libc::close(fd);
        fd
    }
}

fn kind(class: u32) -> u32 {
    OpenCall::Openat as u32 * 16 + class
}

/// Each way of hooking and each way of walking.
fn every_way() -> [Settings; 2] {
    [(Hooks::SyscallTracepoints, Walk::Loop), (Hooks::SysExit, Walk::Bounded)]
        .map(|(hooks, walk)| Settings { hooks, walk, ..Settings::default() })
}

#[test]
fn only_opens_that_can_matter_leave_the_kernel() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        // Without the dot in front, which would make every name in it unclean.
        let folder = tempfile::Builder::new().prefix("filter").tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (wanted, other) = (root.join("wanted"), root.join("other"));
        fs::create_dir_all(wanted.join("deep")).unwrap();
        fs::create_dir(&other).unwrap();
        for file in [wanted.join("a"), wanted.join("deep/b"), other.join("c")] {
            fs::write(file, "").unwrap();
        }
        std::os::unix::fs::symlink(wanted.join("a"), other.join("link")).unwrap();
        let mut opens = Opens::none();
        opens.add_named(kind(READS), [wanted.as_os_str().as_bytes()].into_iter());
        opens.add_always(kind(WRITES));
        let mut watch = Watch::new(settings, opens, 0);

        open(&wanted.join("a"), libc::O_RDONLY);
        open(&wanted.join("deep/b"), libc::O_RDONLY);
        open(&other.join("c"), libc::O_RDONLY); // left out
        open(&other.join("c"), libc::O_WRONLY);
        open(&other.join("c"), libc::O_RDWR); // no rule asks for both
        open(&other.join("link"), libc::O_RDONLY); // another file than its name says
        open(&other.join("../other/c"), libc::O_RDONLY); // not clean
        open(&root.join("other//c"), libc::O_RDONLY); // not clean
        open(Path::new("no-such-name"), libc::O_RDONLY); // failed: nobody asks for that
        open(&root.join("x/".repeat(200)), libc::O_RDONLY); // failed, too
        let names: Vec<_> = watch.told().into_iter().map(|(name, _)| name).collect();
        let expected = [
            wanted.join("a"),
            wanted.join("deep/b"),
            other.join("c"),
            other.join("link"),
            other.join("../other/c"),
            root.join("other//c"),
        ];
        let expected: Vec<_> =
            expected.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
        assert_eq!(names, expected, "{settings:?}");
        assert!(watch.capture.counts().filtered >= 4);
    }
}

#[test]
fn relative_long_and_unreadable_names_pass() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let mut opens = Opens::none();
        opens.add_named(kind(READS | FAILED), [&b"/wanted"[..]].into_iter());
        let mut watch = Watch::new(settings, opens, 0);
        let long = format!("/{}", "long".repeat(100));
        open(Path::new("relative-name"), libc::O_RDONLY);
        open(Path::new(&long), libc::O_RDONLY);
        open(Path::new("/not-wanted"), libc::O_RDONLY); // left out
        open(Path::new("/wanted-and-more"), libc::O_RDONLY);
        // SAFETY: the kernel answers EFAULT to an address that is not mapped.
        unsafe { libc::openat(libc::AT_FDCWD, 16 as *const libc::c_char, libc::O_RDONLY) };
        let names: Vec<_> = watch.told().into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [b"relative-name".as_slice(), long.as_bytes(), b"/wanted-and-more", b""],
            "{settings:?}"
        );
    }
}

#[test]
fn an_audit_tells_of_what_is_left_out() {
    let _one = ONE_AT_A_TIME.lock();
    let mut watch = Watch::new(Settings::default(), Opens::none(), 1);
    open(Path::new("/etc/hostname"), libc::O_RDONLY);
    assert_eq!(watch.told(), [(b"/etc/hostname".to_vec(), true)]);
}

#[test]
fn a_change_of_the_filter_takes_effect_and_forgets_what_was_asked_before() {
    let _one = ONE_AT_A_TIME.lock();
    let mut opens = Opens::none();
    opens.add_named(kind(READS), [&b"/etc"[..]].into_iter());
    let mut watch = Watch::new(Settings::default(), opens, 0);
    let mut opens = Opens::none();
    opens.add_named(kind(READS), [&b"/proc/self"[..]].into_iter());
    let calls = ["openat", "rmdir"].map(|name| Syscall::from_name(name).unwrap()).to_vec();
    watch.capture.set_interest(&Interest { calls, opens, ..Interest::default() }).unwrap();
    open(Path::new("/etc/hostname"), libc::O_RDONLY);
    open(Path::new("/proc/self/stat"), libc::O_RDONLY);
    let names: Vec<_> = watch.told().into_iter().map(|(name, _)| name).collect();
    // /proc/self is a link, and the name's last part is not.
    assert_eq!(names, [b"/proc/self/stat".to_vec()]);
}

#[test]
fn an_open_passes_for_the_last_name_of_its_file() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let folder = tempfile::Builder::new().prefix("filter").tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("a")).unwrap();
        for name in ["shadow", "shadow2", "shado"] {
            fs::write(root.join("a").join(name), "").unwrap();
        }
        std::os::unix::fs::symlink(root.join("a"), root.join("b")).unwrap();
        let mut opens = Opens::none();
        opens.add_last(kind(READS), [&b"shadow"[..]].into_iter());
        let mut watch = Watch::new(settings, opens, 0);
        for name in ["a/shadow", "a/shadow2", "a/shado", "b/shadow"] {
            open(&root.join(name), libc::O_RDONLY);
        }
        let names: Vec<_> = watch.told().into_iter().map(|(name, _)| name).collect();
        let expected: Vec<_> = ["a/shadow", "b/shadow"]
            .map(|name| root.join(name).as_os_str().as_bytes().to_vec())
            .into();
        assert_eq!(names, expected, "{settings:?}");
    }
}
