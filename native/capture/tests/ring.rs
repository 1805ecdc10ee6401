//! Requests in an io_uring are told as the calls that they stand for.
#![allow(clippy::unwrap_used)]

use std::{
    ffi::{CStr, CString, OsStr},
    fs,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use io_uring::{IoUring, opcode, squeue, types};
use peregrine_capture::{
    Capture, Interest, Item, Lanes, Settings, Syscall,
    event::{Descriptor, Event, KernelPath, Kind, Place, Socket, Via},
};

/// One capture at a time keeps what is seen explainable.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Watch {
    capture: Capture,
    lanes: Lanes,
}

impl Watch {
    fn new(names: &[&str]) -> Self {
        let calls = names.iter().map(|name| Syscall::from_name(name).unwrap()).collect();
        let settings = Settings { skip_own: false, ..Settings::default() };
        let (mut capture, lanes) = Capture::load(settings).expect("BPF programs load");
        capture.set_interest(&Interest { calls, ..Interest::default() }).unwrap();
        Self { capture, lanes }
    }

    /// The next event of this process that came through a ring and that `wanted` finds something in.
    fn find<T>(&mut self, mut wanted: impl FnMut(&Event<'_>) -> Option<T>) -> T {
        let mut found = None;
        let end = Instant::now() + Duration::from_secs(30);
        while found.is_none() {
            assert!(Instant::now() < end, "the event did not come");
            let count = self.lanes.drain(1, |item| match item {
                Item::Event(event) if event.header.pid == std::process::id() => {
                    found = wanted(&event);
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

/// Submits a request and waits for its completion; gives the result.
fn complete(ring: &mut IoUring, entry: squeue::Entry) -> i32 {
    // SAFETY: what the entry points to lives until it has completed, below.
    unsafe { ring.submission().push(&entry).unwrap() };
    ring.submit_and_wait(1).unwrap();
    ring.completion().next().unwrap().result()
}

fn path_of(path: &KernelPath<'_>) -> PathBuf {
    let mut bytes = Vec::new();
    path.write_to(&mut bytes);
    PathBuf::from(OsStr::from_bytes(&bytes))
}

fn c(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

const CWD: types::Fd = types::Fd(libc::AT_FDCWD);

#[test]
fn an_open_is_told_with_the_name_that_the_kernel_has_and_the_file() {
    let _one = ONE_AT_A_TIME.lock();
    let mut watch = Watch::new(&["openat"]);
    let mut ring = IoUring::new(8).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().canonicalize().unwrap();
    let name = c(&path);
    let fd = complete(&mut ring, opcode::OpenAt::new(CWD, name.as_ptr()).build());
    assert!(fd >= 0);
    // SAFETY: the ring has just made it.
    let _fd = unsafe { OwnedFd::from_raw_fd(fd) };
    watch.find(|event| match &event.kind {
        Kind::Open(open) if open.via == Via::IoUring => {
            assert_eq!(open.requested, path.as_os_str().as_bytes());
            assert_eq!(path_of(&open.resolved), path);
            assert_eq!(open.result, i64::from(fd));
            Some(())
        }
        _ => None,
    });
    let missing = c"/no/such/file";
    let result = complete(&mut ring, opcode::OpenAt::new(CWD, missing.as_ptr()).build());
    assert_eq!(result, -libc::ENOENT);
    watch.find(|event| match &event.kind {
        Kind::Open(open) if open.requested == missing.to_bytes() => {
            assert_eq!((open.result, open.via), (i64::from(result), Via::IoUring));
            Some(())
        }
        _ => None,
    });
}

#[test]
fn an_open_without_a_completion_or_without_a_descriptor_is_told_and_flagged() {
    let _one = ONE_AT_A_TIME.lock();
    let mut watch = Watch::new(&["openat"]);
    let mut ring = IoUring::new(8).unwrap();
    ring.submitter().register_files_sparse(4).unwrap();
    let direct = types::DestinationSlot::try_from_slot_target(2).unwrap();
    let seen = |watch: &mut Watch, name: &CStr| {
        watch.find(|event| match &event.kind {
            Kind::Open(open) if open.requested == name.to_bytes() => {
                assert_eq!(open.via, Via::IoUring);
                assert!(event.header.flags.is_from_caller());
                Some(())
            }
            _ => None,
        });
    };
    let name = c"/etc/hostname";
    let entry = opcode::OpenAt::new(CWD, name.as_ptr()).file_index(Some(direct)).build();
    assert_eq!(complete(&mut ring, entry), 0);
    seen(&mut watch, name);
    let quiet = c"/etc/passwd";
    let direct = types::DestinationSlot::try_from_slot_target(3).unwrap();
    let entry = opcode::OpenAt::new(CWD, quiet.as_ptr())
        .file_index(Some(direct))
        .build()
        .flags(squeue::Flags::SKIP_SUCCESS);
    // SAFETY: the name is static.
    unsafe { ring.submission().push(&entry).unwrap() };
    ring.submit().unwrap();
    seen(&mut watch, quiet);
}

#[test]
fn names_are_told_as_the_calls_that_change_them() {
    let _one = ONE_AT_A_TIME.lock();
    let names = ["mkdirat", "renameat2", "linkat", "symlinkat", "unlinkat"];
    let mut watch = Watch::new(&names);
    let mut ring = IoUring::new(8).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::write(root.join("a"), "").unwrap();
    let directory = fs::File::open(&root).unwrap();
    let fd = types::Fd(directory.as_raw_fd());
    let entries = [
        opcode::MkDirAt::new(fd, c"made".as_ptr()).mode(0o700).build(),
        opcode::RenameAt::new(fd, c"a".as_ptr(), fd, c"b".as_ptr()).build(),
        opcode::LinkAt::new(fd, c"b".as_ptr(), fd, c"c".as_ptr()).build(),
        opcode::SymlinkAt::new(fd, c"../target".as_ptr(), c"s".as_ptr()).build(),
        opcode::UnlinkAt::new(fd, c"c".as_ptr()).build(),
    ];
    for entry in entries {
        assert_eq!(complete(&mut ring, entry), 0);
    }
    let mut expect = |name: &str, texts: &[(u8, &str)], based: u8| {
        watch.find(|event| match &event.kind {
            Kind::Call(call) if call.syscall.name() == name && call.via == Via::IoUring => {
                for (place, text) in texts {
                    assert_eq!(call.text(Place(*place)), Some(text.as_bytes()), "{name}");
                }
                assert_eq!(path_of(&call.base(Place(based))), root, "{name}");
                assert_eq!(call.result, 0);
                Some(())
            }
            _ => None,
        });
    };
    expect("mkdirat", &[(1, "made")], 1);
    expect("renameat2", &[(1, "a"), (3, "b")], 3);
    expect("linkat", &[(1, "b"), (3, "c")], 3);
    expect("symlinkat", &[(0, "../target"), (2, "s")], 2);
    expect("unlinkat", &[(1, "c")], 1);
}

#[test]
fn connections_are_told_from_the_kernels_socket() {
    let _one = ONE_AT_A_TIME.lock();
    let mut watch = Watch::new(&["connect", "accept4", "sendto", "recvfrom"]);
    let mut ring = IoUring::new(8).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let SocketAddr::V4(v4) = address else { panic!("{address}") };
    // SAFETY: makes a descriptor.
    let client = unsafe { OwnedFd::from_raw_fd(libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0)) };
    let raw = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: v4.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
        sin_zero: [0; 8],
    };
    let client_fd = types::Fd(client.as_raw_fd());
    let connect =
        opcode::Connect::new(client_fd, (&raw const raw).cast(), size_of_val(&raw) as u32).build();
    assert_eq!(complete(&mut ring, connect), 0);
    let accept = opcode::Accept::new(
        types::Fd(listener.as_raw_fd()),
        std::ptr::null_mut(),
        std::ptr::null_mut(),
    );
    let accepted = complete(&mut ring, accept.build());
    assert!(accepted >= 0);
    // SAFETY: the ring has just made it.
    let accepted = unsafe { OwnedFd::from_raw_fd(accepted) };
    let send = opcode::Send::new(client_fd, b"question".as_ptr(), 8).build();
    assert_eq!(complete(&mut ring, send), 8);
    let mut bytes = [0; 16];
    let from = types::Fd(accepted.as_raw_fd());
    let receive = opcode::Recv::new(from, bytes.as_mut_ptr(), 16).build();
    assert_eq!(complete(&mut ring, receive), 8);

    watch.find(|event| match &event.kind {
        Kind::Connect(connect) if connect.via == Via::IoUring => {
            let Socket::Inet { remote, .. } = &connect.state.socket else { panic!("{connect:?}") };
            assert_eq!(remote.port, address.port());
            assert_eq!(connect.fd, client.as_raw_fd());
            Some(())
        }
        _ => None,
    });
    let mut local_port = |name: &str, place: Place| {
        watch.find(|event| match &event.kind {
            Kind::Call(call) if call.syscall.name() == name && call.via == Via::IoUring => {
                let Some(Descriptor::Socket(state)) = call.descriptor(place) else {
                    panic!("{call:?}")
                };
                let Socket::Inet { local, .. } = &state.socket else { panic!("{state:?}") };
                Some(local.port)
            }
            _ => None,
        })
    };
    assert_eq!(local_port("accept4", Place::RESULT), address.port());
    assert_ne!(local_port("sendto", Place(0)), address.port());
    assert_eq!(local_port("recvfrom", Place(0)), address.port());
}

#[test]
fn requests_that_find_no_room_are_counted() {
    /// What a submission queue holds; three of them are more than capture follows at once.
    const BATCH: u32 = 4096;
    let _one = ONE_AT_A_TIME.lock();
    let mut watch = Watch::new(&["accept4"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Room for all completions, since those of a full queue are another matter.
    let mut ring: IoUring = IoUring::builder().setup_cqsize(4 * BATCH).build(BATCH).unwrap();
    for batch in 0..3 {
        for number in 0..BATCH {
            // Nobody connects, so none of them completes.
            let accept = opcode::Accept::new(
                types::Fd(listener.as_raw_fd()),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            );
            let accept = accept.build().user_data(u64::from(batch * BATCH + number));
            // SAFETY: the entry points to nothing, and its descriptor outlives the ring.
            unsafe { ring.submission().push(&accept).unwrap() };
        }
        ring.submit().unwrap();
    }
    let not_followed = watch.capture.counts().ring_lost;
    assert!(not_followed > 0, "there was room for {} requests", 3 * BATCH);
    ring.submitter().register_sync_cancel(None, types::CancelBuilder::any()).unwrap();
    // Those that were followed end as cancelled, and the rest are what was counted.
    let mut left = u64::from(3 * BATCH) - not_followed;
    while left > 0 {
        watch.find(|event| match &event.kind {
            Kind::Call(call) if call.via == Via::IoUring => {
                assert_eq!(call.result, -i64::from(libc::ECANCELED));
                Some(())
            }
            _ => None,
        });
        left -= 1;
    }
}

#[test]
fn requests_whose_completions_find_their_queue_full_are_told() {
    let _one = ONE_AT_A_TIME.lock();
    let mut watch = Watch::new(&["openat"]);
    // A queue for four completions, of which nothing is taken out.
    let mut ring: IoUring = IoUring::builder().setup_cqsize(4).build(4).unwrap();
    let mut submit = |entries: &[squeue::Entry]| {
        // SAFETY: the names that the entries point to are constants.
        unsafe { ring.submission().push_multiple(entries).unwrap() };
        ring.submit().unwrap();
    };
    submit(&[(); 4].map(|()| opcode::Nop::new().build()));
    let open = |name: &'static CStr, user_data| {
        opcode::OpenAt::new(CWD, name.as_ptr()).build().user_data(user_data)
    };
    submit(&[open(c"/nowhere/alone", 1)]);
    submit(&[open(c"/nowhere/first", 2), open(c"/nowhere/second", 2)]);
    let mut told: Vec<(String, bool)> = Vec::new();
    watch.find(|event| match &event.kind {
        Kind::Open(open) if open.via == Via::IoUring => {
            let is_known = !event.header.flags.is_from_caller();
            assert!(!is_known || open.result == -i64::from(libc::ENOENT), "{open:?}");
            told.push((String::from_utf8_lossy(open.requested).into_owned(), is_known));
            (told.len() == 3).then_some(())
        }
        _ => None,
    });
    told.sort();
    // Of the one whose tag was taken the outcome is not known, and that is said.
    let expected = [("alone", true), ("first", true), ("second", false)];
    assert_eq!(told, expected.map(|(name, is_known)| (format!("/nowhere/{name}"), is_known)));
}
