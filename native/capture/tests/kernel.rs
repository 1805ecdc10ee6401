//! The programs against the running kernel: a deed, and what capture says of it. Needs root and BPF.

#![allow(clippy::unwrap_used, clippy::let_underscore_must_use)]

use std::{
    ffi::{CString, OsStr},
    fs::{self, File, OpenOptions},
    io::Write,
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        fd::AsRawFd,
        unix::{
            ffi::OsStrExt,
            fs::{MetadataExt, OpenOptionsExt, symlink},
            net::{UnixListener, UnixStream},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use peregrine_capture::{
    Capture, Hooks, Item, Lanes, Settings, Syscall, Walk,
    event::{Event, Header, KernelPath, Kind, Lane, OpenCall, Socket},
};

/// Ring memory and tracepoints are the machine's; one capture at a time keeps losses explainable.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The system call with this name.
fn named(name: &str) -> Syscall {
    Syscall::from_name(name).unwrap()
}

struct Watch {
    capture: Capture,
    lanes: Lanes,
}

impl Watch {
    fn new(settings: Settings, calls: &[Syscall]) -> Self {
        let settings = Settings { skip_own: false, ..settings };
        let (mut capture, lanes) = Capture::load(settings).expect("BPF programs load");
        capture.set_interest(&calls.into()).expect("hooks attach");
        Self { capture, lanes }
    }

    /// Drains until `wanted` has found something, for at most half a minute.
    fn find<T>(&mut self, mut wanted: impl FnMut(&Event<'_>) -> Option<T>) -> T {
        let mut found = None;
        let end = Instant::now() + Duration::from_secs(30);
        while found.is_none() {
            assert!(Instant::now() < end, "the event did not come");
            self.lanes.drain(usize::MAX, |item| match item {
                Item::Event(event) => found = found.take().or_else(|| wanted(&event)),
                Item::Gap(gap) => panic!("unexpected {gap:?}"),
                Item::Malformed(error) => panic!("{error}"),
            });
            if found.is_none() {
                self.lanes.wait(Duration::from_millis(100)).unwrap();
            }
        }
        found.unwrap()
    }

    /// Gives out all that there is until every loss of the busy lane has shown as a gap; returns
    /// how many records that were.
    fn count_lost(&mut self, mut see: impl FnMut(Event<'_>)) -> u64 {
        let mut lost = 0;
        let end = Instant::now() + Duration::from_secs(30);
        let mut newest = self.capture.newest();
        loop {
            // What had a number when these were read stands in its lane by the end of the pause.
            std::thread::sleep(Duration::from_millis(50));
            let mut count = |item: Item<'_>| match item {
                Item::Event(event) => see(event),
                Item::Gap(gap) if gap.lane == Lane::Busy => lost += gap.count(),
                Item::Gap(_) => {}
                Item::Malformed(error) => panic!("{error}"),
            };
            self.lanes.drain(usize::MAX, &mut count);
            for gap in self.lanes.overdue(&newest) {
                count(Item::Gap(gap));
            }
            let dropped = self.capture.drops(Lane::Busy);
            if lost == dropped {
                return lost;
            }
            assert!(Instant::now() < end, "{lost} of {dropped} lost records have shown as gaps");
            newest = self.capture.newest();
        }
    }
}

fn text(path: &KernelPath<'_>) -> PathBuf {
    let mut bytes = Vec::new();
    path.write_to(&mut bytes);
    PathBuf::from(OsStr::from_bytes(&bytes))
}

fn every_way() -> Vec<Settings> {
    let mut all = Vec::new();
    for hooks in [Hooks::SyscallTracepoints, Hooks::SysExit] {
        for walk in [Walk::Loop, Walk::Bounded] {
            all.push(Settings { hooks, walk, ..Settings::default() });
        }
    }
    all
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("peregrine-{}-{name}", std::process::id()));
    fs::create_dir_all(&path).unwrap();
    path.canonicalize().unwrap()
}

#[derive(Debug)]
struct Opened {
    header: Header,
    call: OpenCall,
    result: i64,
    requested: PathBuf,
    base: PathBuf,
    resolved: PathBuf,
    inode: u64,
    is_created: bool,
    flags: u32,
}

fn opened(event: &Event<'_>, requested: &Path) -> Option<Opened> {
    match &event.kind {
        Kind::Open(open)
            if open.requested == requested.as_os_str().as_bytes()
                && event.header.pid == std::process::id() =>
        {
            Some(Opened {
                header: event.header,
                call: open.call,
                result: open.result,
                requested: PathBuf::from(OsStr::from_bytes(open.requested)),
                base: text(&open.base),
                resolved: text(&open.resolved),
                inode: open.inode,
                is_created: open.is_created,
                flags: open.flags,
            })
        }
        _ => None,
    }
}

#[test]
fn exec_tells_image_arguments_environment_and_parent() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let mut watch = Watch::new(settings, &[]);
        let cwd = folder("exec");
        let mut child = Command::new("/usr/bin/env")
            .args(["-u", "NOTHING", "sleep", "0.2"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("MARK", "seen by exec")
            .current_dir(&cwd)
            .spawn()
            .unwrap();
        let pid = child.id();
        watch.find(|event| match &event.kind {
            Kind::Exec(exec)
                if event.header.pid == pid && exec.process.comm.as_bytes() == b"env" =>
            {
                assert_eq!(exec.arguments, b"/usr/bin/env\0-u\0NOTHING\0sleep\x000.2\0");
                assert_eq!(exec.arguments_total, exec.arguments.len() as u64);
                assert!(exec.environment.split(|&b| b == 0).any(|v| v == b"MARK=seen by exec"));
                assert_eq!(exec.filename, b"/usr/bin/env");
                assert_eq!(text(&exec.executable_path), Path::new("/usr/bin/env"));
                assert_eq!(text(&exec.cwd), cwd);
                assert_eq!(exec.process.parent_pid, std::process::id());
                assert_eq!(exec.process.vpid, pid);
                let metadata = fs::metadata("/usr/bin/env").unwrap();
                assert_eq!(exec.executable.inode, metadata.ino());
                assert_eq!(exec.executable.mode, metadata.mode());
                let mtime = metadata.mtime() as u64 * 1_000_000_000 + metadata.mtime_nsec() as u64;
                assert_eq!(exec.executable.mtime, mtime);
                let ctime = metadata.ctime() as u64 * 1_000_000_000 + metadata.ctime_nsec() as u64;
                assert_eq!(exec.executable.ctime, ctime);
                Some(())
            }
            _ => None,
        });
        child.wait().unwrap();
        watch.find(|event| match event.kind {
            Kind::Exit(exit) if event.header.pid == pid => {
                assert_eq!(exit.status, 0);
                Some(())
            }
            _ => None,
        });
    }
}

#[test]
fn fork_comes_before_what_the_child_does_and_has_its_cgroup() {
    let _one = ONE_AT_A_TIME.lock();
    let mut watch = Watch::new(Settings::default(), &[]);
    let mut child = Command::new("/bin/true").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    let mut forked = None;
    watch.find(|event| match &event.kind {
        Kind::Fork(fork) if fork.child.pid == pid => {
            assert_eq!(fork.child.parent_pid, std::process::id());
            forked = Some((fork.child.start_time, text(&fork.cgroup)));
            None
        }
        Kind::Exec(exec) if event.header.pid == pid => {
            let (start_time, cgroup) = forked.clone().expect("fork before exec");
            assert_eq!(exec.process.start_time, start_time);
            assert_eq!(text(&exec.cgroup), cgroup);
            let proc = fs::read_to_string("/proc/self/cgroup").unwrap();
            assert!(
                proc.lines().any(|line| line.rsplit(':').next() == cgroup.to_str()),
                "{cgroup:?} not in {proc}"
            );
            Some(())
        }
        _ => None,
    });
}

#[test]
fn sixteen_kib_of_arguments_arrive_whole_and_more_is_cut_with_a_flag() {
    let _one = ONE_AT_A_TIME.lock();
    for (size, is_cut) in [(16 * 1024, false), (100 * 1024, true)] {
        let mut watch = Watch::new(Settings::default(), &[]);
        let long = "x".repeat(size);
        let mut child = Command::new("/bin/true").arg(&long).spawn().unwrap();
        let pid = child.id();
        watch.find(|event| match &event.kind {
            Kind::Exec(exec) if event.header.pid == pid => {
                assert_eq!(exec.arguments_total, ("/bin/true".len() + 1 + size + 1) as u64);
                assert_eq!(event.header.flags.is_truncated(), is_cut);
                let whole = [b"/bin/true\0", long.as_bytes(), b"\0"].concat();
                let kept = if is_cut { 32 * 1024 } else { whole.len() };
                assert_eq!(exec.arguments, &whole[..kept]);
                Some(())
            }
            _ => None,
        });
        child.wait().unwrap();
    }
}

#[test]
fn opens_tell_the_requested_and_the_resolved_path() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let calls = [named("open"), named("openat"), named("openat2"), named("creat")];
        let mut watch = Watch::new(settings, &calls);
        let folder = folder("open");
        let file = folder.join("file");
        let link = folder.join("link");
        fs::write(&file, "text").unwrap();
        let _ = fs::remove_file(&link);
        symlink(&file, &link).unwrap();

        let read = File::open(&link).unwrap();
        let event = watch.find(|event| opened(event, &link));
        assert_eq!(event.call, OpenCall::Openat);
        assert_eq!(event.result, i64::from(read.as_raw_fd()));
        assert_eq!(event.resolved, file);
        assert_eq!(event.inode, fs::metadata(&file).unwrap().ino());
        assert_eq!(event.requested, link);
        assert!(!event.is_created);

        let new = folder.join("new");
        let _ = fs::remove_file(&new);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .custom_flags(libc::O_CLOEXEC)
            .open(&new)
            .unwrap();
        let event = watch.find(|event| opened(event, &new));
        assert!(event.is_created);
        assert_eq!(event.flags as i32 & libc::O_ACCMODE, libc::O_WRONLY);
        assert_eq!(event.resolved, new);

        let absent = folder.join("absent");
        assert!(File::open(&absent).is_err());
        let event = watch.find(|event| opened(event, &absent));
        assert_eq!(event.result, -i64::from(libc::ENOENT));
        assert_eq!(event.resolved, Path::new(""));

        let directory = File::open(&folder).unwrap();
        let relative = CString::new("../").unwrap();
        // SAFETY: a valid descriptor and a NUL-ended path.
        let fd = unsafe { libc::openat(directory.as_raw_fd(), relative.as_ptr(), libc::O_RDONLY) };
        assert!(fd >= 0);
        let event = watch.find(|event| opened(event, Path::new("../")));
        assert_eq!(event.base, folder);
        assert_eq!(event.resolved, folder.parent().unwrap());
        // SAFETY: made above and used no more.
        unsafe { libc::close(fd) };
    }
}

#[test]
fn open_creat_and_openat2_are_told_apart() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let calls = [named("open"), named("openat2"), named("creat")];
        let mut watch = Watch::new(settings, &calls);
        let file = folder("calls").join("file");
        let path = CString::new(file.as_os_str().as_bytes()).unwrap();
        let how = [libc::O_RDWR as u64, 0, libc::RESOLVE_NO_SYMLINKS];
        for call in [OpenCall::Creat, OpenCall::Open, OpenCall::Openat2] {
            // SAFETY: a valid NUL-ended path and a struct open_how of three words.
            let fd = unsafe {
                match call {
                    OpenCall::Creat => libc::syscall(libc::SYS_creat, path.as_ptr(), 0o640),
                    OpenCall::Open => libc::syscall(libc::SYS_open, path.as_ptr(), libc::O_RDONLY),
                    _ => libc::syscall(
                        libc::SYS_openat2,
                        libc::AT_FDCWD,
                        path.as_ptr(),
                        how.as_ptr(),
                        size_of_val(&how),
                    ),
                }
            };
            let event = watch.find(|event| opened(event, &file));
            assert_eq!((event.call, event.result), (call, fd));
            assert_eq!(event.resolved, file);
            // SAFETY: made above and used no more.
            unsafe { libc::close(fd as i32) };
        }
    }
}

#[test]
fn each_unreadable_name_is_a_flag_and_not_a_loss() {
    const N: usize = 50;
    let _one = ONE_AT_A_TIME.lock();
    let mut watch = Watch::new(Settings::default(), &[named("openat")]);
    let missing = c"/no/such/name";
    for _ in 0..N {
        for name in [8 as *const libc::c_char, missing.as_ptr()] {
            // SAFETY: one of the names is a text, the other one is to be refused by the kernel.
            assert_eq!(unsafe { libc::openat(libc::AT_FDCWD, name, libc::O_RDONLY) }, -1);
        }
    }
    let (mut unreadable, mut readable) = (0, 0);
    watch.find(|event| {
        let names = ["", "/no/such/name"].map(Path::new);
        let event = names.iter().find_map(|name| opened(event, name))?;
        let is_unreadable = event.header.flags.is_unreadable();
        let error = if is_unreadable { libc::EFAULT } else { libc::ENOENT };
        assert_eq!(event.result, -i64::from(error));
        *(if is_unreadable { &mut unreadable } else { &mut readable }) += 1;
        (unreadable + readable == 2 * N).then_some(())
    });
    assert_eq!((unreadable, readable), (N, N));
}

#[test]
fn a_memfd_and_a_deleted_binary_are_recognised() {
    let _one = ONE_AT_A_TIME.lock();
    let mut watch = Watch::new(Settings::default(), &[]);
    let name = CString::new("payload").unwrap();
    // SAFETY: a NUL-ended name.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), 0) };
    let image = fs::read("/bin/true").unwrap();
    // SAFETY: just made, owned by nobody else.
    let mut memory = unsafe { <File as std::os::fd::FromRawFd>::from_raw_fd(fd) };
    memory.write_all(&image).unwrap();
    let mut child = Command::new(format!("/proc/self/fd/{fd}")).spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    watch.find(|event| match &event.kind {
        Kind::Exec(exec) if event.header.pid == pid => {
            assert!(exec.executable_path.is_pseudo());
            assert_eq!(text(&exec.executable_path), Path::new("memfd:payload"));
            Some(())
        }
        _ => None,
    });

    let copy = folder("deleted").join("sleeper");
    fs::copy("/bin/true", &copy).unwrap();
    let binary = File::open(&copy).unwrap();
    fs::remove_file(&copy).unwrap();
    let by_fd = format!("/proc/{}/fd/{}", std::process::id(), binary.as_raw_fd());
    let mut child = Command::new(by_fd).spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    watch.find(|event| match &event.kind {
        Kind::Exec(exec) if event.header.pid == pid => {
            assert!(exec.executable_path.is_deleted());
            assert_eq!(text(&exec.executable_path), copy);
            Some(())
        }
        _ => None,
    });
}

#[test]
fn a_refused_exec_tells_what_was_tried() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let mut watch = Watch::new(settings, &[named("execve")]);
        let error = Command::new("/nowhere/tool").args(["one", "two"]).spawn().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
        watch.find(|event| match &event.kind {
            Kind::ExecFailed(exec) if exec.filename == b"/nowhere/tool" => {
                assert_eq!(exec.result, -i64::from(libc::ENOENT));
                assert_eq!(exec.arguments, b"/nowhere/tool\0one\0two\0");
                assert!(!exec.is_at);
                Some(())
            }
            _ => None,
        });
    }
}

#[test]
fn connects_tell_both_ends() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let mut watch = Watch::new(settings, &[named("connect")]);
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let target = listener.local_addr().unwrap();
            let stream = TcpStream::connect(target).unwrap();
            let source = stream.local_addr().unwrap();
            watch.find(|event| match &event.kind {
                Kind::Connect(connect)
                    if connect.fd == stream.as_raw_fd()
                        && event.header.pid == std::process::id() =>
                {
                    let Socket::Inet { local, remote, .. } = &connect.state.socket else {
                        panic!("{connect:?}")
                    };
                    assert_eq!((local.address, local.port), (source.ip(), source.port()));
                    assert_eq!((remote.address, remote.port), (target.ip(), target.port()));
                    assert_eq!(connect.result, 0);
                    assert_eq!(connect.state.protocol, libc::IPPROTO_TCP as u16);
                    Some(())
                }
                _ => None,
            });
        }

        let path = folder("unix").join("socket");
        let _ = fs::remove_file(&path);
        let _listener = UnixListener::bind(&path).unwrap();
        let stream = UnixStream::connect(&path).unwrap();
        watch.find(|event| match &event.kind {
            Kind::Connect(connect)
                if connect.fd == stream.as_raw_fd() && event.header.pid == std::process::id() =>
            {
                let Socket::Unix { path: peer, .. } = &connect.state.socket else {
                    panic!("{connect:?}")
                };
                assert_eq!(peer.as_ref(), path.as_os_str().as_bytes());
                Some(())
            }
            _ => None,
        });

        // Refused: the kernel's socket has no peer any more, the caller's address still tells.
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(TcpStream::connect(closed).is_err());
        watch.find(|event| match &event.kind {
            Kind::Connect(connect) if connect.result == -i64::from(libc::ECONNREFUSED) => {
                assert_eq!(
                    connect.requested[..4],
                    *[&2u16.to_ne_bytes()[..], &closed.port().to_be_bytes()].concat()
                );
                Some(())
            }
            _ => None,
        });

        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect("127.0.0.1:9").unwrap();
        watch.find(|event| match &event.kind {
            Kind::Connect(connect)
                if connect.fd == udp.as_raw_fd()
                    && connect.state.protocol == libc::IPPROTO_UDP as u16 =>
            {
                Some(())
            }
            _ => None,
        });
    }
}

#[test]
fn a_path_inside_a_chroot_is_told_as_the_process_sees_it() {
    let _one = ONE_AT_A_TIME.lock();
    let mut watch = Watch::new(Settings::default(), &[named("openat")]);
    let root = folder("chroot");
    fs::create_dir_all(root.join("inner")).unwrap();
    fs::write(root.join("inner/secret"), "x").unwrap();
    let inside = CString::new("/inner/secret").unwrap();
    let into = CString::new(root.as_os_str().as_bytes()).unwrap();
    let mut command = Command::new("/bin/true");
    // SAFETY: only system calls between fork and exec; the exec fails or not, either is fine.
    unsafe {
        command.pre_exec(move || {
            libc::chroot(into.as_ptr());
            let fd = libc::openat(libc::AT_FDCWD, inside.as_ptr(), libc::O_RDONLY);
            libc::close(fd);
            Ok(())
        });
    }
    let _ = command.stdout(Stdio::null()).status();
    watch.find(|event| match &event.kind {
        Kind::Open(open) if open.requested == b"/inner/secret" && open.result >= 0 => {
            assert_eq!(text(&open.resolved), Path::new("/inner/secret"));
            Some(())
        }
        _ => None,
    });
}

#[test]
fn a_flood_of_opens_loses_no_exec_and_every_lost_open_is_counted() {
    let _one = ONE_AT_A_TIME.lock();
    let settings = Settings { busy_size: 16 * 1024, ..Settings::default() };
    let mut watch = Watch::new(settings, &[named("openat")]);
    const OPENS: u64 = 20_000;
    const EXECS: usize = 20;
    let flood = std::thread::spawn(|| {
        for _ in 0..OPENS {
            drop(File::open("/nowhere/flood"));
        }
    });
    let children: Vec<u32> = (0..EXECS)
        .map(|_| {
            let mut child = Command::new("/bin/true").spawn().unwrap();
            child.wait().unwrap();
            child.id()
        })
        .collect();
    flood.join().unwrap();

    let (mut seen, mut execs) = (0u64, 0);
    let lost = watch.count_lost(|event| match event.kind {
        Kind::Open(open) => seen += u64::from(open.requested == b"/nowhere/flood"),
        Kind::Exec(_) => execs += usize::from(children.contains(&event.header.pid)),
        _ => {}
    });
    assert!(seen + lost >= OPENS, "{seen} seen and {lost} counted lost of {OPENS}");
    assert_eq!(execs, EXECS);
    assert!(lost > 0, "the flood did not overrun a lane of 16 KiB");
}

/// A cgroup of its own, where this machine's container runtimes would make one.
struct OwnCgroup(PathBuf);

impl OwnCgroup {
    fn new(name: &str) -> Self {
        let version_1 = Path::new("/sys/fs/cgroup/pids");
        let root = if version_1.exists() { version_1 } else { Path::new("/sys/fs/cgroup") };
        let path = root.join(format!("peregrine-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Runs a shell command in it until it ends; without an environment, so that no search path
    /// makes the loader open more than it must.
    fn run(&self, command: &str) {
        let enter = format!("echo 0 >'{}/cgroup.procs' && {command}", self.0.display());
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &enter]).env_clear().stderr(Stdio::null()).status().unwrap();
    }
}

impl Drop for OwnCgroup {
    fn drop(&mut self) {
        fs::remove_dir(&self.0).unwrap();
    }
}

#[test]
fn who_floods_is_held_back_and_a_neighbour_is_still_seen() {
    let _one = ONE_AT_A_TIME.lock();
    let settings = Settings { busy_size: 1 << 20, ..Settings::default() };
    let mut watch = Watch::new(settings, &[named("openat")]);
    let neighbour = OwnCgroup::new("neighbour");
    // Nobody reads meanwhile, so the lane would be full of this long before its end.
    for _ in 0..10_000 {
        drop(File::open("/nowhere/flood"));
    }
    neighbour.run("exec cat /nowhere/neighbour");

    let mut seen = 0;
    let lost = watch.count_lost(|event| {
        if let Kind::Open(open) = event.kind {
            seen += usize::from(open.requested == b"/nowhere/neighbour");
        }
    });
    assert_eq!(seen, 1);
    let floods = watch.capture.floods();
    assert!(floods.iter().all(|flood| flood.pid > 0 && flood.start_time > 0), "{floods:?}");
    // All that is missing was held back: the lane itself was never full.
    assert!(lost > 0, "nothing was held back");
    assert_eq!(lost, watch.capture.counts().held_back);
    assert_eq!(lost, floods.iter().map(|flood| flood.held_back).sum::<u64>());
}

/// The one-line way around tracepoints of system calls: the 32-bit entry from a 64-bit program.
#[cfg(target_arch = "x86_64")]
mod entry_32_bit {
    use super::*;

    /// A page that a 32-bit pointer reaches, with these bytes in it.
    fn low_page(bytes: &[u8]) -> u64 {
        // SAFETY: a fresh private page, large enough for the bytes.
        unsafe {
            let page = libc::mmap(
                std::ptr::null_mut(),
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT,
                -1,
                0,
            );
            assert_ne!(page, libc::MAP_FAILED);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), page.cast(), bytes.len());
            page as u64
        }
    }

    fn call(number: u64, [first, second, third]: [u64; 3]) -> i32 {
        let mut result = number;
        // SAFETY: the callers pass pointers to pages of their own; what the entry clobbers is said.
        unsafe {
            std::arch::asm!(
                "xchg rbx, rdi",
                "int 0x80",
                "xchg rbx, rdi",
                inlateout("rax") result,
                inout("rdi") first => _,
                in("rcx") second,
                in("rdx") third,
                lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
            );
        }
        result as i32
    }

    /// `None` where the kernel has no such entry: then there is nothing to see.
    fn watch(calls: &[Syscall]) -> Option<Watch> {
        if !peregrine_capture::entries().unwrap().is_32_bit {
            eprintln!("this kernel has no 32-bit entry, so there is nothing to see");
            return None;
        }
        Some(Watch::new(Settings { hooks: Hooks::SysExit, ..Settings::default() }, calls))
    }

    #[test]
    fn an_open_through_it_is_seen() {
        let _one = ONE_AT_A_TIME.lock();
        let Some(mut watch) = watch(&[named("open")]) else { return };
        const OPEN: u64 = 5; // arch/x86/entry/syscalls/syscall_32.tbl
        let fd = call(OPEN, [low_page(b"/etc/hostname\0"), libc::O_RDONLY as u64, 0]);
        assert!(fd >= 0, "{fd}");
        let event = watch.find(|event| opened(event, Path::new("/etc/hostname")));
        assert_eq!((event.call, event.result), (OpenCall::Open, i64::from(fd)));
        // SAFETY: opened above and used no more.
        unsafe { libc::close(fd) };
    }

    #[test]
    fn a_connect_through_socketcall_is_seen() {
        let _one = ONE_AT_A_TIME.lock();
        let Some(mut watch) = watch(&[named("connect")]) else { return };
        const SOCKETCALL: u64 = 102;
        const CONNECT: u64 = 3; // include/uapi/linux/net.h
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // SAFETY: makes a descriptor.
        let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
        let address = [
            &(libc::AF_INET as u16).to_ne_bytes()[..],
            &port.to_be_bytes(),
            &[127, 0, 0, 1],
            &[0; 8],
        ]
        .concat();
        let arguments = [fd as u32, low_page(&address) as u32, 16].map(u32::to_ne_bytes).concat();
        assert_eq!(call(SOCKETCALL, [CONNECT, low_page(&arguments), 0]), 0);
        watch.find(|event| match &event.kind {
            Kind::Connect(connect) if connect.fd == fd => {
                let Socket::Inet { remote, .. } = &connect.state.socket else {
                    panic!("{connect:?}")
                };
                assert_eq!(remote.port, port);
                Some(())
            }
            _ => None,
        });
        // SAFETY: made above and used no more.
        unsafe { libc::close(fd) };
    }
}

#[test]
fn hooks_are_those_of_the_interest_and_nothing_is_left_attached() {
    let _one = ONE_AT_A_TIME.lock();
    let settings = Settings { hooks: Hooks::SyscallTracepoints, ..Settings::default() };
    let mut watch = Watch::new(settings, &[named("openat"), named("connect")]);
    let hooks = watch.capture.hooks();
    assert!(hooks.contains(&"syscalls:sys_exit_openat".to_owned()), "{hooks:?}");
    assert!(hooks.contains(&"syscalls:sys_exit_connect".to_owned()), "{hooks:?}");
    watch.capture.set_interest(&[named("connect")].as_slice().into()).unwrap();
    assert!(!watch.capture.hooks().contains(&"syscalls:sys_exit_openat".to_owned()));
}
