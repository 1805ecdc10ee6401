//! Where the parameters of system calls come from: the event's table says which there are, this one
//! which argument each of them is.

use bumpalo::Bump;
use peregrine_capture::event::{Call, Descriptor, Place, Socket};
use peregrine_rules::parameters::{ParameterKind, Raw};

use super::{
    descriptor, file, options,
    quota::{self, Quota as Q},
};

/// Where a parameter comes from. Numbers are places of arguments, from 0.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// What the call returned.
    Result,
    /// A number of 32 bits without a sign.
    U32(u8),
    /// A number of 32 bits with a sign: descriptors, pids, signals.
    I32(u8),
    /// A number of 64 bits.
    U64(u8),
    /// A text or path.
    Text(u8),
    /// A text if the argument is one, else its number: which of both is the kind's choice.
    TextOrNumber(u8),
    /// A text of this call with this first argument only.
    TextFor(u8, u32),
    /// A number unless the first argument is this.
    NumberUnless(u8, u32),
    /// 32 bits in memory, at this offset.
    Word(u8, u8),
    /// 64 bits in memory, at this offset.
    Long(u8, u8),
    /// Two times 32 bits in memory, the lower first.
    Words(u8, u8, u8),
    /// A value in memory, 0 without one.
    LongOr0(u8),
    /// 16 bits in memory at this offset, with and without a sign.
    I16(u8, u8),
    U16(u8, u8),
    /// `struct timespec` in memory, as nanoseconds.
    Timespec(u8),
    /// Bytes in memory.
    Bytes(u8),
    /// How many bytes an array of vectors stands for.
    Total(u8),
    /// An option of a socket: what the arguments behind the descriptor say.
    SocketOption,
    /// What the request to ptrace(2) says of its data.
    TraceData,
    /// Memory of the process.
    Memory(Amount),
    /// One of two descriptors that the call has made.
    Pair(Place),
    /// Kernel addresses of the two sockets of a pair.
    SocketAddress(Place),
    /// Of the socket that has accepted: percentage of its queue, its length and its limit.
    Queue(u8),
    /// `struct pollfd` in memory.
    Polled,
    /// Control messages.
    Control(u8),
    /// The value of a setting of fsconfig(2), if it is one of bytes, or one of text.
    Setting(bool),
    /// A number of 64 bits in two arguments, the upper half first.
    Halves(u8, u8),
    /// `sigset_t` in memory.
    Signals(u8),
    /// `struct sockaddr` in memory.
    Address(u8),
    /// Both ends of the socket.
    Tuple,
    /// Bits of a number of 32 bits.
    Masked(u8, u32),
    /// What the last argument of quotactl(2) stands for.
    Quota(Q),
    /// Device, inode and path of the descriptor.
    Device,
    Inode,
    Path,
    /// Always zero: older forms of a call lack the argument.
    Zero,
}

/// Which memory.
#[derive(Clone, Copy, Debug)]
enum Amount {
    Size,
    Resident,
    Swapped,
}

use Amount::{Resident, Size, Swapped};
use Source::{
    Address, Bytes, Control, Device, Halves, I16, I32, Inode, Long, LongOr0, Masked, Memory,
    NumberUnless, Pair, Path, Polled, Queue, Quota, Result as R, Setting, Signals, SocketAddress,
    SocketOption, Text, TextFor, TextOrNumber, Timespec, Total, TraceData, Tuple, U16, U32, U64,
    Word, Words, Zero,
};

const FIRST: Place = Place::FIRST;
const SECOND: Place = Place::SECOND;

const SOCK_TYPE_MASK: u32 = 0xf;
const PR_SET_NAME: u32 = 15;
const FSCONFIG_SET_BINARY: u32 = 2;

/// By event, in the order of its parameters.
#[rustfmt::skip]
static SOURCES: &[(&str, &[Source])] = &[
    ("accept", &[R, Tuple, Queue(0), Queue(1), Queue(2)]),
    ("accept4", &[R, Tuple, Queue(0), Queue(1), Queue(2), U32(3)]),
    ("access", &[R, Text(0), U32(1)]),
    ("bind", &[R, Address(1), I32(0)]),
    ("bpf", &[R, U32(0)]),
    ("brk", &[R, Memory(Size), Memory(Resident), Memory(Swapped), U64(0)]),
    ("capset", &[R, Words(1, 8, 20), Words(1, 4, 16), Words(1, 0, 12)]),
    ("chdir", &[R, Text(0)]),
    ("chmod", &[R, Text(0), U32(1)]),
    ("chown", &[R, Text(0), U32(1), U32(2)]),
    ("chroot", &[R, Text(0)]),
    ("close", &[R, I32(0)]),
    ("close_range", &[R, U32(0), U32(1), U32(2)]),
    ("copy_file_range", &[R, I32(2), LongOr0(3), I32(0), LongOr0(1), U64(4)]),
    ("delete_module", &[R, Text(0), U32(1)]),
    ("dup", &[R, I32(0)]),
    ("dup2", &[R, I32(0), I32(1)]),
    ("dup3", &[R, I32(0), I32(1), U32(2)]),
    ("epoll_create", &[R, I32(0)]),
    ("epoll_create1", &[R, U32(0)]),
    ("epoll_wait", &[R, I32(2)]),
    ("eventfd", &[R, U32(0), Zero]),
    ("eventfd2", &[R, U32(1), U32(0)]),
    ("fchdir", &[R, I32(0)]),
    ("fchmod", &[R, I32(0), U32(1)]),
    ("fchmodat", &[R, I32(0), Text(1), U32(2)]),
    ("fchown", &[R, I32(0), U32(1), U32(2)]),
    ("fchownat", &[R, I32(0), Text(1), U32(2), U32(3), U32(4)]),
    ("fcntl", &[R, I32(0), U32(1), U64(2)]),
    ("finit_module", &[R, I32(0), Text(1), U32(2)]),
    ("flock", &[R, I32(0), U32(1)]),
    ("fsconfig", &[R, I32(0), U32(1), Text(2), Setting(true), Setting(false), I32(4)]),
    ("fstat", &[R, I32(0)]),
    ("fstat64", &[R]),
    ("futex", &[R, U64(0), U32(1), U32(2)]),
    ("getcwd", &[R, Text(0)]),
    ("getdents", &[R, I32(0)]),
    ("getdents64", &[R, I32(0)]),
    ("getegid", &[R]),
    ("geteuid", &[R]),
    ("getgid", &[R]),
    ("getresgid", &[R, Word(0, 0), Word(1, 0), Word(2, 0)]),
    ("getresuid", &[R, Word(0, 0), Word(1, 0), Word(2, 0)]),
    ("getrlimit", &[R, Long(1, 0), Long(1, 8), U32(0)]),
    ("getsockopt", &[R, I32(0), U32(1), U32(2), SocketOption, Word(4, 0)]),
    ("getuid", &[R]),
    ("init_module", &[R, Bytes(0), U64(1), Text(2)]),
    ("inotify_init", &[R, Zero]),
    ("inotify_init1", &[R, U32(0)]),
    ("io_uring_enter", &[R, I32(0), U32(1), U32(2), U32(3), Signals(4)]),
    ("io_uring_register", &[R, I32(0), U32(1), U64(2), U32(3)]),
    ("io_uring_setup", &[R, U32(0), Word(1, 0), Word(1, 4), Word(1, 8), Word(1, 12), Word(1, 16), Word(1, 20)]),
    ("ioctl", &[R, I32(0), U32(1), U64(2)]),
    ("keyctl", &[R, U32(0), TextOrNumber(1), TextOrNumber(2), TextOrNumber(3), TextOrNumber(4)]),
    ("kill", &[R, I32(0), I32(1)]),
    ("lchown", &[R, Text(0), U32(1), U32(2)]),
    ("link", &[R, Text(0), Text(1)]),
    ("linkat", &[R, I32(0), Text(1), I32(2), Text(3), U32(4)]),
    ("listen", &[R, I32(0), I32(1)]),
    ("llseek", &[R, I32(0), Halves(1, 2), U32(4)]),
    ("lseek", &[R, I32(0), U64(1), U32(2)]),
    ("lstat", &[R, Text(0)]),
    ("lstat64", &[R, Text(0)]),
    ("memfd_create", &[R, Text(0), U32(1)]),
    ("mkdir", &[R, Text(0), U32(1)]),
    ("mkdirat", &[R, I32(0), Text(1), U32(2)]),
    ("mknod", &[R, Text(0), U32(1), U32(2)]),
    ("mknodat", &[R, I32(0), Text(1), U32(2), U32(3)]),
    ("mlock", &[R, U64(0), U64(1)]),
    ("mlock2", &[R, U64(0), U64(1), U32(2)]),
    ("mlockall", &[R, U32(0)]),
    ("mmap", &[R, Memory(Size), Memory(Resident), Memory(Swapped), U64(0), U64(1), U32(2), U32(3), I32(4), U64(5)]),
    ("mmap2", &[R, Memory(Size), Memory(Resident), Memory(Swapped), U64(0), U64(1), U32(2), U32(3), I32(4), U64(5)]),
    ("mount", &[R, Text(0), Text(1), Text(2), U64(3)]),
    ("mprotect", &[R, U64(0), U64(1), U32(2)]),
    ("munlock", &[R, U64(0), U64(1)]),
    ("munlockall", &[R]),
    ("munmap", &[R, Memory(Size), Memory(Resident), Memory(Swapped), U64(0), U64(1)]),
    ("nanosleep", &[R, Timespec(0)]),
    ("newfstatat", &[R, I32(0), Text(1), U32(3)]),
    ("open_by_handle_at", &[R, I32(0), U32(2), Path, Device, Inode]),
    ("pidfd_getfd", &[R, I32(0), I32(1), U32(2)]),
    ("pidfd_open", &[R, I32(0), U32(1)]),
    ("pipe", &[R, Pair(FIRST), Pair(SECOND), Inode]),
    ("pipe2", &[R, Pair(FIRST), Pair(SECOND), Inode, U32(1)]),
    ("poll", &[R, Polled, I32(2)]),
    ("ppoll", &[R, Polled, Timespec(2), Signals(3)]),
    ("prctl", &[R, U32(0), TextFor(1, PR_SET_NAME), NumberUnless(1, PR_SET_NAME)]),
    ("pread", &[R, Bytes(1), I32(0), U32(2), U64(3)]),
    ("preadv", &[R, Total(1), Bytes(1), I32(0), U64(3)]),
    ("prlimit", &[R, Long(2, 0), Long(2, 8), Long(3, 0), Long(3, 8), I32(0), U32(1)]),
    ("process_vm_readv", &[R, I32(0), Bytes(1)]),
    ("process_vm_writev", &[R, I32(0), Bytes(1)]),
    ("ptrace", &[R, U64(2), TraceData, U32(0), I32(1)]),
    ("pwrite", &[R, Bytes(1), I32(0), U32(2), U64(3)]),
    ("pwritev", &[R, Bytes(1), I32(0), Total(1), U64(3)]),
    ("quotactl", &[R, Text(1), Quota(Q::Path), Quota(Q::Block(0, 1)), Quota(Q::Block(8, 1)), Quota(Q::Block(16, 2)), Quota(Q::Block(24, 4)), Quota(Q::Block(32, 4)), Quota(Q::BlockTime(48, 16)), Quota(Q::BlockTime(56, 32)), Quota(Q::InformationTime(0, 1)), Quota(Q::InformationTime(8, 2)), Quota(Q::InformationFlags), Quota(Q::FormatGiven), U32(0), U32(0), U32(2), Quota(Q::FormatAsked)]),
    ("read", &[R, Bytes(1), I32(0), U32(2)]),
    ("readv", &[R, Total(1), Bytes(1), I32(0)]),
    ("recv", &[R, Bytes(1), I32(0), U32(2), Tuple]),
    ("recvfrom", &[R, Bytes(1), Tuple, I32(0), U32(2)]),
    ("recvmmsg", &[R, I32(0), Total(1), Bytes(1), Tuple, Control(1)]),
    ("recvmsg", &[R, R, Bytes(1), Tuple, Control(1), I32(0)]),
    ("rename", &[R, Text(0), Text(1)]),
    ("renameat", &[R, I32(0), Text(1), I32(2), Text(3)]),
    ("renameat2", &[R, I32(0), Text(1), I32(2), Text(3), U32(4)]),
    ("rmdir", &[R, Text(0)]),
    ("seccomp", &[R, U32(0), U32(1)]),
    ("select", &[R]),
    ("semctl", &[R, I32(0), I32(1), U32(2), I32(3)]),
    ("semget", &[R, I32(0), I32(1), U32(2)]),
    ("semop", &[R, U32(2), U16(1, 0), I16(1, 2), U16(1, 4), U16(1, 6), I16(1, 8), U16(1, 10), I32(0)]),
    ("send", &[R, Bytes(1), I32(0), U32(2), Tuple]),
    ("sendfile", &[R, LongOr0(2), I32(0), I32(1), U64(3)]),
    ("sendmmsg", &[R, I32(0), Total(1), Bytes(1), Tuple]),
    ("sendmsg", &[R, Bytes(1), I32(0), Total(1), Tuple]),
    ("sendto", &[R, Bytes(1), I32(0), U32(2), Tuple]),
    ("setgid", &[R, U32(0)]),
    ("setns", &[R, I32(0), U32(1)]),
    ("setpgid", &[R, I32(0), I32(1)]),
    ("setregid", &[R, U32(0), U32(1)]),
    ("setresgid", &[R, U32(0), U32(1), U32(2)]),
    ("setresuid", &[R, U32(0), U32(1), U32(2)]),
    ("setreuid", &[R, U32(0), U32(1)]),
    ("setrlimit", &[R, Long(1, 0), Long(1, 8), U32(0)]),
    ("setsid", &[R]),
    ("setsockopt", &[R, I32(0), U32(1), U32(2), SocketOption, U32(4)]),
    ("setuid", &[R, U32(0)]),
    ("shutdown", &[R, I32(0), U32(1)]),
    ("signalfd", &[R, I32(0), Word(1, 0), Zero]),
    ("signalfd4", &[R, U32(3), I32(0), Word(1, 0)]),
    ("socket", &[R, U32(0), Masked(1, SOCK_TYPE_MASK), U32(2), Masked(1, !SOCK_TYPE_MASK)]),
    ("socketpair", &[R, Pair(FIRST), Pair(SECOND), SocketAddress(FIRST), SocketAddress(SECOND), U32(0), Masked(1, SOCK_TYPE_MASK), U32(2)]),
    ("splice", &[R, I32(0), I32(2), U64(4), U32(5)]),
    ("stat", &[R, Text(0)]),
    ("stat64", &[R, Text(0)]),
    ("symlink", &[R, Text(0), Text(1)]),
    ("symlinkat", &[R, Text(0), I32(1), Text(2)]),
    ("tgkill", &[R, I32(0), I32(1), I32(2)]),
    ("timerfd_create", &[R, U32(0), U32(1)]),
    ("tkill", &[R, I32(0), I32(1)]),
    ("umount", &[R, Text(0)]),
    ("umount2", &[R, Text(0), U32(1)]),
    ("unlink", &[R, Text(0)]),
    ("unlinkat", &[R, I32(0), Text(1), U32(2)]),
    ("unshare", &[R, U32(0)]),
    ("userfaultfd", &[R, U32(0)]),
    ("write", &[R, Bytes(1), I32(0), U32(2)]),
    ("writev", &[R, Bytes(1), I32(0), Total(1)]),
];

/// Events whose path a rule may name without asking for the parameter (`fs.path.*`): the parameters
/// that are its name, source and target.
#[rustfmt::skip]
static PATHS: &[(&str, [Option<&str>; 3])] = &[
    ("chmod", [Some("filename"), None, None]),
    ("chown", [Some("path"), None, None]),
    ("fchmodat", [Some("filename"), None, None]),
    ("fchownat", [Some("pathname"), None, None]),
    ("lchown", [Some("path"), None, None]),
    ("link", [None, Some("newpath"), Some("oldpath")]),
    ("linkat", [None, Some("newpath"), Some("oldpath")]),
    ("mkdir", [Some("path"), None, None]),
    ("mkdirat", [Some("path"), None, None]),
    ("mount", [None, Some("dev"), Some("dir")]),
    ("quotactl", [Some("special"), None, None]),
    ("rename", [None, Some("oldpath"), Some("newpath")]),
    ("renameat", [None, Some("oldpath"), Some("newpath")]),
    ("renameat2", [None, Some("oldpath"), Some("newpath")]),
    ("rmdir", [Some("path"), None, None]),
    ("symlink", [None, Some("linkpath"), Some("target")]),
    ("symlinkat", [None, Some("linkpath"), Some("target")]),
    ("umount", [Some("name"), None, None]),
    ("umount2", [Some("name"), None, None]),
    ("unlink", [Some("path"), None, None]),
    ("unlinkat", [Some("name"), None, None]),
];

/// Events whose name `evt.abspath` gives, and the one that it gives for `.dst`.
#[rustfmt::skip]
static ABSPATHS: &[(&str, u8, u8)] = &[
    ("fchmodat", 1, 1), ("fchownat", 1, 1), ("linkat", 1, 3), ("mkdirat", 1, 1),
    ("renameat", 1, 3), ("renameat2", 1, 3), ("symlinkat", 2, 2), ("unlinkat", 1, 1),
];

/// The place of the name that `evt.abspath` gives.
pub fn abspath_place(event: peregrine_rules::EventType, is_destination: bool) -> Option<Place> {
    let (_, source, destination) = ABSPATHS.iter().find(|(row, ..)| *row == event.name())?;
    Some(Place(if is_destination { *destination } else { *source }))
}

/// What a path is to its event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    Name,
    Source,
    Target,
}

/// The place of the path in this role.
pub fn path_place(event: peregrine_rules::EventType, role: Role) -> Option<Place> {
    let name = event.name();
    let at = PATHS.binary_search_by(|(row, _)| (*row).cmp(name)).ok()?;
    let parameter = PATHS[at].1[role as usize]?;
    let at = event.parameters().iter().position(|it| it.name == parameter)?;
    match sources(name)?.get(at)? {
        Text(place) => Some(Place(*place)),
        _ => None,
    }
}

/// Whether the file behind the descriptor is what the event acts on, as for fchmod.
pub fn is_about_descriptor(event: &str) -> bool {
    matches!(event, "fchmod" | "fchown")
}

fn sources(event: &str) -> Option<&'static [Source]> {
    let at = SOURCES.binary_search_by(|(row, _)| (*row).cmp(event)).ok()?;
    Some(SOURCES[at].1)
}

/// A parameter of the call.
pub fn raw<'a>(
    call: &'a Call<'a>,
    event: &str,
    at: usize,
    kind: ParameterKind,
    tuple: Raw<'a>,
    arena: &'a Bump,
) -> Raw<'a> {
    let Some(source) = sources(event).and_then(|sources| sources.get(at)) else {
        return Raw::Unknown;
    };
    match *source {
        R => match kind {
            ParameterKind::Hexadecimal => Raw::Unsigned(call.result as u64),
            ParameterKind::User | ParameterKind::Group => {
                Raw::Unsigned(u64::from(call.result as u32))
            }
            _ => Raw::Signed(call.result),
        },
        U32(place) => coded(kind, u64::from(call.argument(place) as u32)),
        U64(place) => coded(kind, call.argument(place)),
        Masked(place, mask) => coded(kind, u64::from(call.argument(place) as u32 & mask)),
        I32(place) => Raw::Signed(i64::from(call.argument(place) as i32)),
        Text(place) => match call.text(Place(place)) {
            Some(text) => Raw::Bytes(text),
            None if call.argument(place) == 0 => Raw::Missing,
            None => Raw::Unknown,
        },
        TextOrNumber(place) => match call.text(Place(place)) {
            Some(text) => Raw::Chosen(1, arena.alloc(Raw::Bytes(text))),
            None => Raw::Chosen(0, arena.alloc(Raw::Signed(call.argument(place) as i64))),
        },
        TraceData => options::trace_data(call, arena),
        SocketOption => options::socket_option(call, arena),
        Total(place) => call.total(Place(place)).map_or(Raw::Unknown, Raw::Unsigned),
        Memory(amount) => call.memory().map_or(Raw::Unknown, |memory| {
            Raw::Unsigned(u64::from(match amount {
                Size => memory.size,
                Resident => memory.resident,
                Swapped => memory.swapped,
            }))
        }),
        Pair(_) | SocketAddress(_) if call.result < 0 => Raw::Unknown,
        Pair(place) => Raw::Signed(call.number(place)),
        SocketAddress(place) => match call.descriptor(place) {
            Some(Descriptor::Socket(state)) => match state.socket {
                Socket::Unix { socket, .. } => Raw::Unsigned(socket),
                _ => Raw::Unknown,
            },
            _ => Raw::Unknown,
        },
        Queue(which) => queue(call, which),
        Polled => Raw::Polled(polled(call, arena)),
        Signals(place) if call.argument(place) == 0 => Raw::Unsigned(0),
        Signals(place) => long(call, place, 0).map_or(Raw::Unknown, Raw::Unsigned),
        LongOr0(place) if call.argument(place) == 0 => Raw::Unsigned(0),
        LongOr0(place) => long(call, place, 0).map_or(Raw::Unknown, Raw::Unsigned),
        // A call with one operation has no second: 0, as rules are used to.
        U16(place, offset) => coded(kind, half(call, place, offset).unwrap_or(0).into()),
        I16(place, offset) => {
            Raw::Signed(half(call, place, offset).unwrap_or(0).cast_signed().into())
        }
        TextFor(place, first) => match call.text(Place(place)) {
            Some(text) if call.argument(0) as u32 == first => Raw::Bytes(text),
            _ => Raw::Bytes(b""),
        },
        NumberUnless(_, first) if call.argument(0) as u32 == first => Raw::Signed(0),
        NumberUnless(place, _) => Raw::Signed(call.argument(place) as i64),
        Word(place, offset) => {
            word(call, place, offset).map_or(Raw::Unknown, |word| number(kind, u64::from(word)))
        }
        Words(place, low, high) => match (word(call, place, low), word(call, place, high)) {
            (Some(low), Some(high)) => Raw::Unsigned(u64::from(low) | u64::from(high) << 32),
            _ => Raw::Unknown,
        },
        Long(place, offset) => {
            long(call, place, offset).map_or(Raw::Unknown, |long| Raw::Signed(long as i64))
        }
        Timespec(place) => match (long(call, place, 0), long(call, place, 8)) {
            (Some(seconds), Some(nanoseconds)) => {
                Raw::Unsigned(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds))
            }
            _ => Raw::Unknown,
        },
        Bytes(place) => call.bytes(Place(place)).map_or(Raw::Missing, Raw::Bytes),
        Setting(of_bytes) => {
            let is_binary = call.argument(1) as u32 == FSCONFIG_SET_BINARY;
            match (of_bytes, is_binary) {
                (true, true) => call.bytes(Place(3)).map_or(Raw::Missing, Raw::Bytes),
                (false, false) => call.text(Place(3)).map_or(Raw::Missing, Raw::Bytes),
                _ => Raw::Missing,
            }
        }
        Halves(high, low) => Raw::Unsigned(
            u64::from(call.argument(high) as u32) << 32 | u64::from(call.argument(low) as u32),
        ),
        Quota(which) => quota::quota(call, which),
        Control(place) => call.control(Place(place)).map_or(Raw::Missing, Raw::Bytes),
        Address(place) => {
            call.address(Place(place)).and_then(super::net::socket_address).unwrap_or_missing()
        }
        Tuple => tuple,
        Device => file_of(call)
            .map_or(Raw::Unknown, |state| Raw::Unsigned(file::new_device(state.device).into())),
        Inode => file_of(call).map_or(Raw::Unknown, |state| Raw::Unsigned(state.inode)),
        Path => file_of(call)
            .map_or(Raw::Missing, |state| Raw::Bytes(descriptor::name(state, None, arena))),
        Zero => Raw::Unsigned(0),
    }
}

/// Of the socket that has accepted.
fn queue(call: &Call<'_>, which: u8) -> Raw<'static> {
    let Some(Descriptor::Socket(state)) = call.descriptor(Place(0)) else { return Raw::Unknown };
    let (length, limit) = state.queue;
    Raw::Unsigned(u64::from(match which {
        0 if limit == 0 => 0,
        0 => (u64::from(length) * 100 / u64::from(limit)) as u32,
        1 => length,
        _ => limit,
    }))
}

/// Descriptors that a call waits for, with what has come of them.
pub fn polled<'a>(call: &Call<'_>, arena: &'a Bump) -> &'a [(i64, u16)] {
    let (entries, _) = call.bytes(Place(0)).unwrap_or_default().as_chunks::<8>();
    arena.alloc_slice_fill_iter(entries.iter().map(|&[a, b, c, d, _, _, e, f]| {
        (i64::from(i32::from_ne_bytes([a, b, c, d])), u16::from_ne_bytes([e, f]))
    }))
}

trait OrMissing<'a> {
    fn unwrap_or_missing(self) -> Raw<'a>;
}

impl<'a> OrMissing<'a> for Option<peregrine_rules::parameters::SocketAddress<'a>> {
    fn unwrap_or_missing(self) -> Raw<'a> {
        self.map_or(Raw::Missing, Raw::Address)
    }
}

/// Flags as the kernel counts them, or a plain number.
fn coded(kind: ParameterKind, value: u64) -> Raw<'static> {
    match kind {
        ParameterKind::Flags(_) | ParameterKind::Enumeration(_) | ParameterKind::Mode(_) => {
            Raw::Kernel(value)
        }
        _ => Raw::Unsigned(value),
    }
}

fn number(kind: ParameterKind, value: u64) -> Raw<'static> {
    match kind {
        ParameterKind::Descriptor => Raw::Signed(i64::from(value as i32)),
        kind => coded(kind, value),
    }
}

fn half(call: &Call<'_>, place: u8, offset: u8) -> Option<u16> {
    let offset = usize::from(offset);
    let bytes = call.bytes(Place(place))?.get(offset..offset + 2)?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

fn word(call: &Call<'_>, place: u8, offset: u8) -> Option<u32> {
    let offset = usize::from(offset);
    let bytes = call.bytes(Place(place))?.get(offset..offset + 4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

fn long(call: &Call<'_>, place: u8, offset: u8) -> Option<u64> {
    let offset = usize::from(offset);
    let bytes = call.bytes(Place(place))?.get(offset..offset + 8)?;
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

fn file_of<'a>(call: &'a Call<'_>) -> Option<&'a peregrine_capture::event::FileState<'a>> {
    match call.first_descriptor()?.1 {
        Descriptor::File(state) => Some(state),
        Descriptor::Socket(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peregrine_rules::EventType;

    #[test]
    fn each_row_has_a_source_for_each_parameter_of_its_event() {
        assert!(SOURCES.windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted");
        for (event, sources) in SOURCES {
            let parameters = EventType::from_name(event).expect(event).parameters();
            assert_eq!(sources.len(), parameters.len(), "{event}");
        }
    }

    #[test]
    fn every_call_with_parameters_of_its_own_has_a_row() {
        /// What has a kind of record of its own.
        const OTHERS: &[&str] = &[
            "clone", "clone3", "connect", "creat", "execve", "execveat", "fork", "open", "openat",
            "openat2", "vfork",
        ];
        for event in EventType::all() {
            let is_own = event.kind() == peregrine_rules::EventKind::Syscall;
            if is_own && !event.parameters().is_empty() && !OTHERS.contains(&event.name()) {
                assert!(sources(event.name()).is_some(), "{}", event.name());
            }
        }
    }

    #[test]
    fn paths_of_the_table_are_texts_of_their_events() {
        assert!(PATHS.windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted");
        for (name, roles) in PATHS {
            let event = EventType::from_name(name).expect(name);
            for (role, named) in [Role::Name, Role::Source, Role::Target].into_iter().zip(roles) {
                assert_eq!(path_place(event, role).is_some(), named.is_some(), "{name} {role:?}");
            }
        }
    }
}
