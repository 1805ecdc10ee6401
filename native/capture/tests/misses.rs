//! Calls whose programs the kernel leaves out are counted, each of them. Needs root and BPF.
//!
//! Programs of ordinary tracepoints do not run while `bpf_prog_active` of their CPU is taken
//! (`trace_call_bpf` in kernel/trace/bpf_trace.c). A write to a map takes it, and holds it while the
//! kernel fetches a page that the value points to (`bpf_map_update_value` in kernel/bpf/syscall.c). So
//! a page that does not come keeps it taken for as long as the test likes.

#![allow(clippy::unwrap_used, clippy::let_underscore_must_use)]

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    thread,
    time::Duration,
};

use peregrine_capture::{Capture, Hooks, Item, Settings, Syscall, event::Kind};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    mm::{MapFlags, ProtFlags, UserfaultfdFlags, mmap_anonymous, userfaultfd},
    process::{PidfdFlags, getpid, pidfd_open},
    thread::{CpuSet, sched_setaffinity},
};

/// A call that nobody else makes meanwhile.
const CALL: &str = "sched_rr_get_interval";

const PAGE: usize = 4096;

#[test]
fn each_call_whose_program_did_not_run_is_counted() {
    let settings =
        Settings { skip_own: false, hooks: Hooks::SyscallTracepoints, ..Settings::default() };
    let (mut capture, mut lanes) = Capture::load(settings).expect("BPF programs load");
    let call = Syscall::from_name(CALL).unwrap();
    capture.set_interest(&[call].as_slice().into()).expect("hooks attach");
    let mut seen = || {
        let mut seen = 0;
        thread::sleep(Duration::from_millis(100));
        lanes.drain(usize::MAX, |item| match item {
            Item::Event(event) => {
                seen += usize::from(matches!(&event.kind, Kind::Call(it) if it.syscall == call))
            }
            other => panic!("{other:?}"),
        });
        seen
    };
    pin_to_first_cpu();
    make_calls(5);
    assert_eq!((seen(), capture.counts().recursion_misses), (5, 0));

    let busy = BusyCpu::new();
    make_calls(1_000);
    busy.end();
    assert_eq!((seen(), capture.counts().recursion_misses), (0, 1_000));

    make_calls(7);
    assert_eq!((seen(), capture.counts().recursion_misses), (7, 1_000));
}

fn pin_to_first_cpu() {
    let mut cpus = CpuSet::new();
    cpus.set(0);
    sched_setaffinity(None, &cpus).unwrap();
}

fn make_calls(times: usize) {
    for _ in 0..times {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the kernel writes a time to where one is.
        assert_eq!(unsafe { libc::sched_rr_get_interval(0, &raw mut time) }, 0);
    }
}

/// The first CPU while it runs no programs of ordinary tracepoints.
struct BusyCpu {
    faults: OwnedFd,
    page: usize,
    writer: thread::JoinHandle<io::Result<()>>,
}

impl BusyCpu {
    fn new() -> Self {
        let (faults, page) = page_that_does_not_come();
        let writer = thread::spawn(move || {
            pin_to_first_cpu();
            write_pointer_to(page)
        });
        let time = Timespec { tv_sec: 30, tv_nsec: 0 };
        let n_ready = poll(&mut [PollFd::new(&faults, PollFlags::IN)], Some(&time)).unwrap();
        if n_ready == 0 {
            panic!("the kernel does not wait for the page: {:?}", writer.join());
        }
        Self { faults, page, writer }
    }

    fn end(self) {
        let mut zero = [self.page as u64, PAGE as u64, 0, 0];
        uffd(&self.faults, UFFDIO_ZEROPAGE, &mut zero);
        self.writer.join().unwrap().unwrap();
    }
}

const UFFDIO_API: libc::c_ulong = 0xc018_aa3f;
const UFFDIO_REGISTER: libc::c_ulong = 0xc020_aa00;
const UFFDIO_ZEROPAGE: libc::c_ulong = 0xc020_aa04;

fn uffd<const N: usize>(fd: &OwnedFd, request: libc::c_ulong, argument: &mut [u64; N]) {
    // SAFETY: the structs of these requests are numbers of 64 bits, as many as each caller gives.
    let answer = unsafe { libc::ioctl(fd.as_raw_fd(), request, argument.as_mut_ptr()) };
    assert_eq!(answer, 0, "{}", io::Error::last_os_error());
}

/// The page, and where the kernel says that somebody waits for it.
fn page_that_does_not_come() -> (OwnedFd, usize) {
    // SAFETY: the descriptor is new and nobody else's.
    let fd =
        unsafe { userfaultfd(UserfaultfdFlags::CLOEXEC | UserfaultfdFlags::NONBLOCK) }.unwrap();
    const VERSION: u64 = 0xaa;
    uffd(&fd, UFFDIO_API, &mut [VERSION, 0, 0]);
    let rights = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses the place.
    let page = unsafe { mmap_anonymous(std::ptr::null_mut(), PAGE, rights, MapFlags::PRIVATE) };
    let page = page.unwrap() as usize;
    const MISSING: u64 = 1;
    uffd(&fd, UFFDIO_REGISTER, &mut [page as u64, PAGE as u64, MISSING, 0]);
    (fd, page)
}

/// Writes a value with a pointer to user memory (`__uptr`) to the storage of this process.
fn write_pointer_to(page: usize) -> io::Result<()> {
    let types = load_types()?;
    let options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as u64,
        map_flags: libbpf_sys::BPF_F_NO_PREALLOC,
        btf_fd: types.as_raw_fd() as u32,
        btf_key_type_id: 1,
        btf_value_type_id: 5,
        ..Default::default()
    };
    // SAFETY: a name and options that outlive the call.
    let map = unsafe {
        libbpf_sys::bpf_map_create(
            libbpf_sys::BPF_MAP_TYPE_TASK_STORAGE,
            c"pages".as_ptr(),
            4,
            8,
            0,
            &raw const options,
        )
    };
    let map = owned(map)?;
    let process = pidfd_open(getpid(), PidfdFlags::empty())?;
    let (key, value) = (process.as_raw_fd(), page as u64);
    // SAFETY: a key and a value of the sizes that the map has.
    let answer = unsafe {
        libbpf_sys::bpf_map_update_elem(
            map.as_raw_fd(),
            (&raw const key).cast(),
            (&raw const value).cast(),
            0,
        )
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-answer)) }
}

fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `struct value { struct user_page __uptr *page; }`, as BTF (Documentation/bpf/btf.rst).
fn load_types() -> io::Result<OwnedFd> {
    let names = b"\0int\0uptr\0user_page\0value\0";
    let (int, uptr, page, value) = (1, 5, 10, 20);
    let kind = |kind: u32, members: u32| kind << 24 | members;
    let types = [
        [int, kind(1, 0), 4, 1 << 24 | 32].as_slice(), // 1: a signed number of 32 bits
        &[page, kind(4, 1), 4, int, 1, 0],             // 2: struct user_page { int int; }
        &[uptr, kind(18, 0), 2],                       // 3: a tag of 2
        &[0, kind(2, 0), 3],                           // 4: a pointer to 3
        &[value, kind(4, 1), 8, page, 4, 0],           // 5: struct value { 4 page; }
    ]
    .concat();
    let length = size_of_val(types.as_slice()) as u32;
    let head = [0x0001_eb9f, 24, 0, length, length, names.len() as u32];
    let numbers = head.iter().chain(&types).flat_map(|word| word.to_ne_bytes());
    let bytes: Vec<u8> = numbers.chain(*names).collect();
    // SAFETY: as many bytes as are said.
    owned(unsafe {
        libbpf_sys::bpf_btf_load(bytes.as_ptr().cast(), bytes.len() as u64, std::ptr::null_mut())
    })
}
