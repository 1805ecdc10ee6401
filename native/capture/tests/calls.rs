//! System calls read by their recipes, on the real kernel: what the record says is checked against
//! what the process itself knows of its files, sockets and arguments.
#![allow(clippy::unwrap_used)]

use std::{
    ffi::{CString, OsStr},
    fs,
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStrExt, fs::MetadataExt, net::UnixListener},
    },
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use peregrine_capture::{
    Capture, Hooks, Item, Lanes, Settings, Syscall, Walk,
    event::{Call, Descriptor, KernelPath, Kind, Place, Socket, SocketState, Via},
};

/// One capture at a time keeps what is seen explainable.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Watch {
    _capture: Capture,
    lanes: Lanes,
}

impl Watch {
    fn new(settings: Settings, names: &[&str]) -> Self {
        let calls: Vec<_> =
            names.iter().map(|name| Syscall::from_name(name).expect("the call exists")).collect();
        let settings = Settings { skip_own: false, ..settings };
        let (mut capture, lanes) = Capture::load(settings).expect("BPF programs load");
        capture.set_interest(&calls.as_slice().into()).expect("hooks attach");
        Self { _capture: capture, lanes }
    }

    /// The next call of this thread that `wanted` finds something in; what comes behind it stays.
    fn find<T>(&mut self, mut wanted: impl FnMut(&Call<'_>) -> Option<T>) -> T {
        let tid = rustix::thread::gettid().as_raw_nonzero().get() as u32;
        let mut found = None;
        let end = Instant::now() + Duration::from_secs(30);
        while found.is_none() {
            assert!(Instant::now() < end, "the call did not come");
            let count = self.lanes.drain(1, |item| match item {
                Item::Event(event) if event.header.tid == tid => {
                    if let Kind::Call(call) = &event.kind {
                        found = found.take().or_else(|| wanted(call));
                    }
                }
                Item::Malformed(error) => panic!("{error}"),
                Item::Event(_) | Item::Gap(_) => {}
            });
            if count == 0 {
                self.lanes.wait(Duration::from_millis(100)).unwrap();
            }
        }
        found.unwrap()
    }
}

/// Each way of hooking and each way of walking.
fn every_way() -> [Settings; 2] {
    [(Hooks::SyscallTracepoints, Walk::Bounded), (Hooks::SysExit, Walk::Loop)]
        .map(|(hooks, walk)| Settings { hooks, walk, ..Settings::default() })
}

fn path_of(path: &KernelPath<'_>) -> PathBuf {
    let mut bytes = Vec::new();
    path.write_to(&mut bytes);
    PathBuf::from(OsStr::from_bytes(&bytes))
}

fn c(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

/// A name as the caller gave it, and what it is relative to.
fn name(call: &Call<'_>, place: u8) -> (PathBuf, PathBuf) {
    let text = call.text(Place(place)).expect("the name was read");
    (PathBuf::from(OsStr::from_bytes(text)), path_of(&call.base(Place(place))))
}

fn is(call: &Call<'_>, name: &str) -> bool {
    call.syscall.name() == name
}

#[test]
fn names_are_told_as_given_with_what_they_are_relative_to() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let names = [
            "mkdir",
            "mkdirat",
            "rename",
            "renameat2",
            "linkat",
            "symlinkat",
            "unlink",
            "unlinkat",
            "rmdir",
            "chmod",
            "fchmodat",
            "fchownat",
            "truncate",
            "mknodat",
        ];
        let mut watch = Watch::new(settings, &names);
        let directory = fs::File::open(&root).unwrap();
        let fd = directory.as_raw_fd();
        let absolute = c(&root.join("made"));
        // SAFETY: texts that live through the calls, and a descriptor that is open.
        unsafe {
            assert_eq!(libc::mkdir(absolute.as_ptr(), 0o750), 0);
            assert_eq!(libc::mkdirat(fd, c"made/inner".as_ptr(), 0o700), 0);
            assert_eq!(libc::mknodat(fd, c"node".as_ptr(), libc::S_IFREG | 0o600, 0), 0);
            assert_eq!(libc::linkat(fd, c"node".as_ptr(), fd, c"made/link".as_ptr(), 0), 0);
            assert_eq!(libc::symlinkat(c"../target".as_ptr(), fd, c"soft".as_ptr()), 0);
            assert_eq!(libc::fchmodat(fd, c"node".as_ptr(), 0o4755, 0), 0);
            assert_eq!(libc::fchownat(fd, c"node".as_ptr(), 0, 0, 0), 0);
            let moved = libc::syscall(
                libc::SYS_renameat2,
                fd,
                c"node".as_ptr(),
                fd,
                c"moved".as_ptr(),
                libc::RENAME_NOREPLACE,
            );
            assert_eq!(moved, 0);
            assert_eq!(libc::unlinkat(fd, c"made/inner".as_ptr(), libc::AT_REMOVEDIR), 0);
            assert_eq!(libc::unlinkat(fd, c"no-such-name".as_ptr(), 0), -1);
        }
        watch.find(|call| {
            is(call, "mkdir").then(|| {
                assert_eq!(name(call, 0), (root.join("made"), PathBuf::new()));
                assert_eq!((call.result, call.argument(1), call.via), (0, 0o750, Via::Syscall));
            })
        });
        watch.find(|call| {
            is(call, "mkdirat")
                .then(|| assert_eq!(name(call, 1), (PathBuf::from("made/inner"), root.clone())))
        });
        watch.find(|call| {
            is(call, "linkat").then(|| {
                assert_eq!(name(call, 1), (PathBuf::from("node"), root.clone()));
                assert_eq!(name(call, 3), (PathBuf::from("made/link"), root.clone()));
            })
        });
        watch.find(|call| {
            is(call, "symlinkat").then(|| {
                assert_eq!(call.text(Place(0)), Some(&b"../target"[..]));
                assert_eq!(name(call, 2), (PathBuf::from("soft"), root.clone()));
            })
        });
        watch.find(|call| {
            is(call, "fchmodat").then(|| {
                assert_eq!(name(call, 1).0, PathBuf::from("node"));
                assert_eq!(call.argument(2) as u32 & 0o7777, 0o4755);
            })
        });
        watch.find(|call| {
            is(call, "renameat2").then(|| {
                assert_eq!(name(call, 1).0, PathBuf::from("node"));
                assert_eq!(name(call, 3), (PathBuf::from("moved"), root.clone()));
                assert_eq!(call.argument(4), u64::from(libc::RENAME_NOREPLACE));
            })
        });
        watch.find(|call| {
            (is(call, "unlinkat") && call.result == 0).then(|| {
                assert_eq!(name(call, 1), (PathBuf::from("made/inner"), root.clone()));
                assert_eq!(call.argument(2), libc::AT_REMOVEDIR as u64);
                let Some(Descriptor::File(file)) = call.descriptor(Place(0)) else {
                    panic!("{call:?}")
                };
                assert_eq!(path_of(&file.path), root);
                assert_eq!(file.inode, fs::metadata(&root).unwrap().ino());
            })
        });
        watch.find(|call| {
            (is(call, "unlinkat") && call.result < 0).then(|| {
                assert_eq!(call.result, -i64::from(libc::ENOENT));
                assert_eq!(name(call, 1).0, PathBuf::from("no-such-name"));
            })
        });
    }
}

#[test]
fn a_name_relative_to_the_working_directory_comes_with_it() {
    let _one = ONE_AT_A_TIME.lock();
    let cwd = std::env::current_dir().unwrap();
    for settings in every_way() {
        let mut watch = Watch::new(settings, &["rmdir"]);
        // SAFETY: a text that lives through the call.
        assert_eq!(unsafe { libc::rmdir(c"../no-such-folder".as_ptr()) }, -1);
        watch.find(|call| {
            is(call, "rmdir").then(|| {
                assert_eq!(name(call, 0), (PathBuf::from("../no-such-folder"), cwd.clone()));
            })
        });
    }
}

/// What a socket says of itself, as far as both sides know it.
fn inet(call: &Call<'_>, place: Place) -> (String, String, u16, bool) {
    let Some(Descriptor::Socket(state)) = call.descriptor(place) else { panic!("{call:?}") };
    let Socket::Inet { local, remote, .. } = &state.socket else { panic!("{state:?}") };
    let text = |end: &peregrine_capture::event::Endpoint| format!("{}:{}", end.address, end.port);
    (text(local), text(remote), state.protocol, state.is_listening)
}

#[test]
fn sockets_are_told_with_the_addresses_that_the_kernel_has() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let names = ["socket", "bind", "listen", "accept4", "sendto", "recvfrom", "shutdown"];
        let mut watch = Watch::new(settings, &names);
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let bound = listener.local_addr().unwrap().to_string().replace(['[', ']'], "");
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, peer) = listener.accept().unwrap();
            let peer = peer.to_string().replace(['[', ']'], "");
            watch.find(|call| {
                is(call, "socket").then(|| {
                    let Some(Descriptor::Socket(state)) = call.descriptor(Place::RESULT) else {
                        panic!("{call:?}")
                    };
                    assert_eq!(state.socket_type, libc::SOCK_STREAM as u16);
                })
            });
            watch.find(|call| {
                (is(call, "bind") && call.argument(0) == listener.as_raw_fd() as u64).then(|| {
                    assert_eq!(inet(call, Place(0)).0, bound);
                    assert!(call.address(Place(1)).is_some());
                })
            });
            watch.find(|call| is(call, "listen").then(|| assert!(inet(call, Place(0)).3)));
            watch.find(|call| {
                (is(call, "accept4") && call.result == i64::from(server.as_raw_fd())).then(|| {
                    let (local, remote, protocol, _) = inet(call, Place::RESULT);
                    assert_eq!((local, remote), (bound.clone(), peer.clone()));
                    assert_eq!(protocol, libc::IPPROTO_TCP as u16);
                })
            });
            drop(client);
        }
        let (one, other) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        one.send_to(b"question", other.local_addr().unwrap()).unwrap();
        let mut bytes = [0; 64];
        let (_, from) = other.recv_from(&mut bytes).unwrap();
        let to = other.local_addr().unwrap().port();
        watch.find(|call| {
            is(call, "sendto").then(|| {
                let address = call.address(Place(4)).unwrap();
                assert_eq!(address[2..8], [to.to_be_bytes().as_slice(), &[127, 0, 0, 1]].concat());
                assert_eq!(call.bytes(Place(1)), Some(&b"question"[..]));
            })
        });
        watch.find(|call| {
            is(call, "recvfrom").then(|| {
                let address = call.address(Place(4)).unwrap();
                assert_eq!(address[2..4], from.port().to_be_bytes());
                assert_eq!(call.bytes(Place(1)), Some(&b"question"[..]));
            })
        });
    }
}

#[test]
fn a_unix_socket_is_told_by_its_name() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let mut watch = Watch::new(settings, &["bind", "socketpair"]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mut pair = [0; 2];
        // SAFETY: room for two descriptors, which are closed below.
        unsafe {
            libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, pair.as_mut_ptr());
            for fd in pair {
                libc::close(fd);
            }
        }
        watch.find(|call| {
            (is(call, "bind") && call.argument(0) == listener.as_raw_fd() as u64).then(|| {
                let Some(Descriptor::Socket(state)) = call.descriptor(Place(0)) else {
                    panic!("{call:?}")
                };
                let Socket::Unix { path: name, .. } = &state.socket else { panic!("{state:?}") };
                assert_eq!(&**name, path.as_os_str().as_bytes());
            })
        });
        watch.find(|call| {
            is(call, "socketpair").then(|| {
                assert_eq!(call.pair(), Some(pair));
                let ends = [Place::FIRST, Place::SECOND].map(|place| {
                    assert_eq!(call.number(place), i64::from(pair[usize::from(place.0 - 7)]));
                    match call.descriptor(place) {
                        Some(Descriptor::Socket(SocketState {
                            socket: Socket::Unix { socket, peer, .. },
                            ..
                        })) => (*socket, *peer),
                        other => panic!("{other:?}"),
                    }
                });
                assert_eq!(ends[0], (ends[1].1, ends[1].0));
            })
        });
    }
}

#[test]
fn every_call_can_be_hooked_at_once() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let calls: Vec<_> = Syscall::all().filter(|call| !call.is_told_otherwise()).collect();
        let names: Vec<_> = calls.iter().map(|call| call.name()).collect();
        let mut watch = Watch::new(Settings { busy_size: 1 << 26, ..settings }, &names);
        // SAFETY: there is no such descriptor.
        assert_eq!(unsafe { libc::close(9_998) }, -1);
        watch.find(|call| (is(call, "close") && call.argument(0) == 9_998).then_some(()));
    }
}

#[test]
fn a_descriptor_that_is_closed_is_told_with_what_it_stood_for() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let mut watch = Watch::new(settings, &["close"]);
        let folder = tempfile::tempdir().unwrap();
        // Longer than what is kept from the entry on.
        let deep = (0..12)
            .fold(folder.path().canonicalize().unwrap(), |path, _| path.join("d".repeat(200)));
        fs::create_dir_all(&deep).unwrap();
        let short = folder.path().canonicalize().unwrap().join("file");
        let closed = [&short, &deep.join("file")].map(|path| {
            let file = fs::File::create(path).unwrap();
            (file.as_raw_fd(), file.metadata().unwrap().ino())
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (socket, bound) = (listener.as_raw_fd(), listener.local_addr().unwrap().to_string());
        drop(listener);
        // SAFETY: there is no such descriptor.
        assert_eq!(unsafe { libc::close(9_999) }, -1);
        let close_of =
            |call: &Call<'_>, fd: i32| is(call, "close") && call.argument(0) == fd as u64;
        for (fd, inode) in closed {
            watch.find(|call| {
                let Some(Descriptor::File(state)) = call.descriptor(Place(0)) else { return None };
                (close_of(call, fd) && state.inode == inode).then(|| {
                    assert_eq!(call.result, 0);
                    match inode == closed[0].1 {
                        true => assert_eq!(path_of(&state.path), short),
                        false => assert!(state.path.is_cut()),
                    }
                })
            });
        }
        watch.find(|call| {
            let Some(Descriptor::Socket(_)) = call.descriptor(Place(0)) else { return None };
            close_of(call, socket).then(|| assert_eq!(inet(call, Place(0)).0, bound))
        });
        watch.find(|call| {
            close_of(call, 9_999).then(|| {
                assert_eq!(call.result, -i64::from(libc::EBADF));
                assert!(call.descriptor(Place(0)).is_none());
            })
        });
    }
}

#[test]
fn descriptors_stand_for_files_pipes_and_anonymous_inodes() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let names = ["dup3", "memfd_create", "eventfd2", "fchmod", "prctl", "chdir", "pipe2"];
        let mut watch = Watch::new(settings, &names);
        let file = tempfile::NamedTempFile::new().unwrap();
        let here = std::env::current_dir().unwrap();
        let mut pipe = [0; 2];
        // SAFETY: texts that live through the calls, and descriptors that are ours.
        unsafe {
            assert_eq!(libc::fchmod(file.as_raw_fd(), 0o755), 0);
            let copy = libc::dup3(file.as_raw_fd(), 200, libc::O_CLOEXEC);
            let memory = libc::memfd_create(c"payload".as_ptr(), 0);
            let event = libc::eventfd(0, 0);
            assert_eq!(libc::pipe2(pipe.as_mut_ptr(), 0), 0);
            assert_eq!(libc::prctl(libc::PR_SET_NAME, c"disguise".as_ptr(), 0, 0, 0), 0);
            assert_eq!(libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
            assert_eq!(libc::chdir(c"..".as_ptr()), 0);
            for fd in [copy, memory, event, pipe[0], pipe[1]] {
                libc::close(fd);
            }
        }
        std::env::set_current_dir(&here).unwrap();
        let path = file.path().canonicalize().unwrap();
        let is_the_file = |call: &Call<'_>, place| {
            let Some(Descriptor::File(state)) = call.descriptor(place) else { panic!("{call:?}") };
            assert_eq!(path_of(&state.path), path);
            assert_eq!(state.inode, file.as_file().metadata().unwrap().ino());
        };
        watch.find(|call| is(call, "fchmod").then(|| is_the_file(call, Place(0))));
        watch.find(|call| is(call, "dup3").then(|| is_the_file(call, Place::RESULT)));
        watch.find(|call| {
            is(call, "memfd_create").then(|| {
                let Some(Descriptor::File(state)) = call.descriptor(Place::RESULT) else {
                    panic!("{call:?}")
                };
                assert_eq!(path_of(&state.path), Path::new("memfd:payload"));
                assert!(state.path.is_pseudo());
                assert_eq!(call.text(Place(0)), Some(&b"payload"[..]));
            })
        });
        watch.find(|call| {
            is(call, "eventfd2").then(|| {
                let Some(Descriptor::File(state)) = call.descriptor(Place::RESULT) else {
                    panic!("{call:?}")
                };
                assert_eq!(path_of(&state.path), Path::new("[eventfd]"));
            })
        });
        watch.find(|call| {
            (is(call, "prctl") && call.argument(0) == libc::PR_SET_NAME as u64)
                .then(|| assert_eq!(call.text(Place(1)), Some(&b"disguise"[..])))
        });
        watch.find(|call| {
            is(call, "chdir")
                .then(|| assert_eq!(path_of(&call.cwd().unwrap()), here.parent().unwrap()))
        });
    }
}

#[test]
fn a_call_without_a_recipe_comes_with_its_arguments() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let mut watch = Watch::new(settings, &["getpgid", "personality"]);
        // SAFETY: numbers only.
        unsafe {
            libc::getpgid(0);
            libc::personality(0xffff_ffff);
        }
        watch.find(|call| is(call, "getpgid").then(|| assert_eq!(call.argument(0), 0)));
        watch.find(|call| {
            is(call, "personality").then(|| assert_eq!(call.argument(0), 0xffff_ffff))
        });
    }
}

#[test]
fn an_argument_that_cannot_be_read_is_flagged_and_the_call_is_told() {
    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let mut watch = Watch::new(settings, &["unlink"]);
        // SAFETY: the kernel answers EFAULT to an address that is not mapped.
        assert_eq!(unsafe { libc::unlink(16 as *const libc::c_char) }, -1);
        watch.find(|call| {
            is(call, "unlink").then(|| {
                assert_eq!(call.result, -i64::from(libc::EFAULT));
                assert_eq!(call.text(Place(0)), None);
            })
        });
    }
}

/// A thread rewrites the name while the kernel works: `mknodat` on a FIFO's name would be too quick,
/// so the name is rewritten all the time until one call is caught.
#[test]
fn a_name_that_changes_during_the_call_is_flagged() {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    };

    let _one = ONE_AT_A_TIME.lock();
    for settings in every_way() {
        let mut watch = Watch::new(settings, &["unlink"]);
        let name: Arc<[AtomicU8]> = c"/no/such/name-0"
            .to_bytes_with_nul()
            .iter()
            .map(|byte| AtomicU8::new(*byte))
            .collect();
        let stop = Arc::new(AtomicBool::new(false));
        let writer = std::thread::spawn({
            let (name, stop) = (Arc::clone(&name), Arc::clone(&stop));
            move || {
                let mut digit = b'0';
                while !stop.load(Ordering::Relaxed) {
                    digit = if digit == b'9' { b'0' } else { digit + 1 };
                    name[name.len() - 2].store(digit, Ordering::Relaxed);
                }
            }
        });
        let end = Instant::now() + Duration::from_secs(60);
        let mut is_caught = false;
        while !is_caught {
            assert!(Instant::now() < end, "no call was caught");
            for _ in 0..1000 {
                // SAFETY: bytes that end with a NUL and live through the call.
                unsafe { libc::unlink(name.as_ptr().cast()) };
            }
            watch.lanes.drain(usize::MAX, |item| {
                if let Item::Event(event) = item {
                    is_caught |= event.header.flags.is_mismatch();
                }
            });
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    }
}

#[test]
fn a_name_that_stays_is_not_flagged() {
    let _one = ONE_AT_A_TIME.lock();
    let mut watch = Watch::new(Settings::default(), &["renameat2"]);
    for length in [1, 7, 8, 9, 200, 255, 256, 257, 1000] {
        let name = CString::new("x".repeat(length)).unwrap();
        // SAFETY: texts that live through the call.
        unsafe {
            libc::syscall(
                libc::SYS_renameat2,
                libc::AT_FDCWD,
                name.as_ptr(),
                libc::AT_FDCWD,
                c"/no/such/folder/y".as_ptr(),
                0,
            );
        }
        let mut is_mismatch = None;
        let end = Instant::now() + Duration::from_secs(30);
        while is_mismatch.is_none() {
            assert!(Instant::now() < end, "the call did not come");
            watch.lanes.drain(1, |item| {
                if let Item::Event(event) = item
                    && matches!(&event.kind, Kind::Call(call) if call.text(Place(1)) == Some(name.as_bytes()))
                {
                    is_mismatch = Some(event.header.flags.is_mismatch());
                }
            });
        }
        assert_eq!(is_mismatch, Some(false), "{length} bytes");
    }
}
