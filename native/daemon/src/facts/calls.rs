//! Where the parameters of system calls come from: the event's table says which there are, this one
//! which argument each of them is.

use peregrine_capture::event::{Call, Descriptor, Place};
use peregrine_rules::parameters::{ParameterKind, Raw};

use super::file;

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
    /// `struct timespec` in memory, as nanoseconds.
    Timespec(u8),
    /// Bytes in memory.
    Bytes(u8),
    /// `struct sockaddr` in memory.
    Address(u8),
    /// Both ends of the socket.
    Tuple,
    /// Bits of a number of 32 bits.
    Masked(u8, u32),
    /// Device, inode and path of the descriptor.
    Device,
    Inode,
    Path,
    /// Not captured.
    Unknown,
    /// Always zero: older forms of a call lack the argument.
    Zero,
}

use Source::{
    Address, Bytes, Device, I32, Inode, Long, Masked, NumberUnless, Path, Result as R, Text,
    TextFor, TextOrNumber, Timespec, Tuple, U32, U64, Unknown as U, Word, Words, Zero,
};

const SOCK_TYPE_MASK: u32 = 0xf;
const PR_SET_NAME: u32 = 15;

/// By event, in the order of its parameters.
#[rustfmt::skip]
static SOURCES: &[(&str, &[Source])] = &[
    ("accept", &[R, Tuple, U, U, U]),
    ("accept4", &[R, Tuple, U, U, U, U32(3)]),
    ("access", &[R, Text(0), U32(1)]),
    ("bind", &[R, Address(1), I32(0)]),
    ("bpf", &[R, U32(0)]),
    ("brk", &[R, U, U, U, U64(0)]),
    ("capset", &[R, Words(1, 8, 20), Words(1, 4, 16), Words(1, 0, 12)]),
    ("chdir", &[R, Text(0)]),
    ("chmod", &[R, Text(0), U32(1)]),
    ("chown", &[R, Text(0), U32(1), U32(2)]),
    ("chroot", &[R, Text(0)]),
    ("close", &[R, I32(0)]),
    ("close_range", &[R, U32(0), U32(1), U32(2)]),
    ("copy_file_range", &[R, I32(2), U, I32(0), U, U64(4)]),
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
    ("fsconfig", &[R, I32(0), U32(1), Text(2), U, Text(3), I32(4)]),
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
    ("getsockopt", &[R, I32(0), U32(1), U32(2), U, U]),
    ("getuid", &[R]),
    ("init_module", &[R, U, U64(1), Text(2)]),
    ("inotify_init", &[R, Zero]),
    ("inotify_init1", &[R, U32(0)]),
    ("io_uring_enter", &[R, I32(0), U32(1), U32(2), U32(3), U]),
    ("io_uring_register", &[R, I32(0), U32(1), U64(2), U32(3)]),
    ("io_uring_setup", &[R, U32(0), Word(1, 0), Word(1, 4), Word(1, 8), Word(1, 12), Word(1, 16), Word(1, 20)]),
    ("ioctl", &[R, I32(0), U32(1), U64(2)]),
    ("keyctl", &[R, U32(0), TextOrNumber(1), TextOrNumber(2), TextOrNumber(3), TextOrNumber(4)]),
    ("kill", &[R, I32(0), I32(1)]),
    ("lchown", &[R, Text(0), U32(1), U32(2)]),
    ("link", &[R, Text(0), Text(1)]),
    ("linkat", &[R, I32(0), Text(1), I32(2), Text(3), U32(4)]),
    ("listen", &[R, I32(0), I32(1)]),
    ("llseek", &[R, I32(0), U, U32(4)]),
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
    ("mmap", &[R, U, U, U, U64(0), U64(1), U32(2), U32(3), I32(4), U64(5)]),
    ("mmap2", &[R, U, U, U, U64(0), U64(1), U32(2), U32(3), I32(4), U64(5)]),
    ("mount", &[R, Text(0), Text(1), Text(2), U64(3)]),
    ("mprotect", &[R, U64(0), U64(1), U32(2)]),
    ("munlock", &[R, U64(0), U64(1)]),
    ("munlockall", &[R]),
    ("munmap", &[R, U, U, U, U64(0), U64(1)]),
    ("nanosleep", &[R, Timespec(0)]),
    ("newfstatat", &[R, I32(0), Text(1), U32(3)]),
    ("open_by_handle_at", &[R, I32(0), U32(2), Path, Device, Inode]),
    ("pidfd_getfd", &[R, I32(0), I32(1), U32(2)]),
    ("pidfd_open", &[R, I32(0), U32(1)]),
    ("pipe", &[R, Word(0, 0), Word(0, 4), U]),
    ("pipe2", &[R, Word(0, 0), Word(0, 4), U, U32(1)]),
    ("poll", &[R, U, I32(2)]),
    ("ppoll", &[R, U, U, U]),
    ("prctl", &[R, U32(0), TextFor(1, PR_SET_NAME), NumberUnless(1, PR_SET_NAME)]),
    ("pread", &[R, Bytes(1), I32(0), U32(2), U64(3)]),
    ("preadv", &[R, R, U, I32(0), U64(3)]),
    ("prlimit", &[R, Long(2, 0), Long(2, 8), Long(3, 0), Long(3, 8), I32(0), U32(1)]),
    ("process_vm_readv", &[R, I32(0), U]),
    ("process_vm_writev", &[R, I32(0), U]),
    ("ptrace", &[R, U64(2), U64(3), U32(0), I32(1)]),
    ("pwrite", &[R, Bytes(1), I32(0), U32(2), U64(3)]),
    ("pwritev", &[R, U, I32(0), R, U64(3)]),
    ("quotactl", &[R, Text(1), Text(3), U, U, U, U, U, U, U, U, U, U, U, U32(0), U32(0), U32(2), U]),
    ("read", &[R, Bytes(1), I32(0), U32(2)]),
    ("readv", &[R, R, U, I32(0)]),
    ("recv", &[R, Bytes(1), I32(0), U32(2), Tuple]),
    ("recvfrom", &[R, Bytes(1), Tuple, I32(0), U32(2)]),
    ("recvmmsg", &[R, I32(0), U, Bytes(1), Tuple, U]),
    ("recvmsg", &[R, R, Bytes(1), Tuple, U, I32(0)]),
    ("rename", &[R, Text(0), Text(1)]),
    ("renameat", &[R, I32(0), Text(1), I32(2), Text(3)]),
    ("renameat2", &[R, I32(0), Text(1), I32(2), Text(3), U32(4)]),
    ("rmdir", &[R, Text(0)]),
    ("seccomp", &[R, U32(0), U32(1)]),
    ("select", &[R]),
    ("semctl", &[R, I32(0), I32(1), U32(2), I32(3)]),
    ("semget", &[R, I32(0), I32(1), U32(2)]),
    ("semop", &[R, U32(2), U, U, U, U, U, U, I32(0)]),
    ("send", &[R, Bytes(1), I32(0), U32(2), Tuple]),
    ("sendfile", &[R, U, I32(0), I32(1), U64(3)]),
    ("sendmmsg", &[R, I32(0), U, Bytes(1), Tuple]),
    ("sendmsg", &[R, Bytes(1), I32(0), R, Tuple]),
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
    ("setsockopt", &[R, I32(0), U32(1), U32(2), U, U32(4)]),
    ("setuid", &[R, U32(0)]),
    ("shutdown", &[R, I32(0), U32(1)]),
    ("signalfd", &[R, I32(0), U, Zero]),
    ("signalfd4", &[R, U32(3), I32(0), U]),
    ("socket", &[R, U32(0), Masked(1, SOCK_TYPE_MASK), U32(2), Masked(1, !SOCK_TYPE_MASK)]),
    ("socketpair", &[R, Word(3, 0), Word(3, 4), U, U, U32(0), Masked(1, SOCK_TYPE_MASK), U32(2)]),
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
    ("writev", &[R, U, I32(0), R]),
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
            Some(text) => Raw::Bytes(text),
            None => Raw::Signed(call.argument(place) as i64),
        },
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
        Address(place) => {
            call.address(Place(place)).and_then(super::net::socket_address).unwrap_or_missing()
        }
        Tuple => tuple,
        Device => file_of(call)
            .map_or(Raw::Unknown, |state| Raw::Unsigned(file::new_device(state.device).into())),
        Inode => file_of(call).map_or(Raw::Unknown, |state| Raw::Unsigned(state.inode)),
        Path | U => Raw::Unknown,
        Zero => Raw::Unsigned(0),
    }
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
