//! How the exit of each system call is read: what its arguments point to, and which descriptors it
//! uses. Data for the program in `bpf/call.h`; a call without a row is told by its arguments alone.

/// What is read of one argument (`enum step_kind` in `bpf/config.h`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// A text.
    Text(u8),
    /// A path; relative to the working directory.
    Path(u8),
    /// A path; relative to the descriptor in the other argument.
    PathAt(u8, u8),
    /// The file or socket behind a descriptor.
    Fd(u8),
    /// A socket's address, and the argument with its length.
    Address(u8, u8),
    /// The same where the second argument points to the length.
    AddressOut(u8, u8),
    /// So many bytes.
    Bytes(u8, u8),
    /// The first bytes, as many as the other argument says.
    Data(u8, u8),
    /// A message header that is sent: its address and first bytes.
    Message(u8),
    /// The first of several of them.
    Messages(u8),
    /// A message header that was filled in: with its control messages.
    Received(u8),
    /// The first of several of them.
    ReceivedSeveral(u8),
    /// A text for some uses of the call, no pointer for others.
    MaybeText(u8),
    /// Where the caller stands afterwards.
    Cwd,
    /// What follows is read at the call's entry: at its exit it is gone.
    AtEntry,
    /// Two new descriptors.
    Pair(u8),
    /// Who the process is and what it may.
    Identity,
    /// How much memory the process has.
    Memory,
    /// The bytes that an array of vectors stands for, and the argument with their number.
    Vectors(u8, u8),
    /// As `Data` where the second argument points to the length.
    DataOut(u8, u8),
    /// So many times as the second argument says so many bytes.
    Array(u8, u8, u8),
    /// What the descriptors are that are waited for, as many as the second argument says; the first
    /// step.
    Polled(u8, u8),
}

use Step::{
    Address, AddressOut, Array, AtEntry, Bytes, Cwd, Data, DataOut, Fd, Identity, MaybeText,
    Memory, Message, Messages, Pair, Path, PathAt, Polled, Received, ReceivedSeveral, Text,
    Vectors,
};

/// Stands for the call's result where an argument's index else stands.
const RESULT: u8 = 6;
const OTHER_CWD: u8 = 255;
const N_STEPS: usize = 6;
/// Bytes of `struct recipe`.
pub(crate) const RECIPE_BYTES: usize = 4 * N_STEPS;

#[rustfmt::skip]
static RECIPES: &[(&str, &[Step])] = &[
    // Sockets.
    ("accept", &[Fd(RESULT), Fd(0)]),
    ("accept4", &[Fd(RESULT), Fd(0)]),
    ("bind", &[Fd(0), Address(1, 2)]),
    ("getpeername", &[Fd(0)]),
    ("getsockname", &[Fd(0)]),
    ("getsockopt", &[Fd(0), DataOut(3, 4), Bytes(4, 4)]),
    ("listen", &[Fd(0)]),
    ("recv", &[Fd(0), Data(1, RESULT)]),
    ("recvfrom", &[Fd(0), AddressOut(4, 5), Data(1, RESULT)]),
    ("recvmmsg", &[Fd(0), ReceivedSeveral(1)]),
    ("recvmsg", &[Fd(0), Received(1)]),
    ("send", &[Fd(0), Data(1, 2)]),
    ("sendmmsg", &[Fd(0), Messages(1)]),
    ("sendmsg", &[Fd(0), Message(1)]),
    ("sendto", &[Fd(0), Address(4, 5), Data(1, 2)]),
    ("setsockopt", &[Fd(0), Data(3, 4)]),
    ("shutdown", &[Fd(0)]),
    ("socket", &[Fd(RESULT)]),
    ("socketpair", &[Pair(3)]),
    // Names.
    ("access", &[Path(0)]),
    ("acct", &[Path(0)]),
    ("chdir", &[Path(0), Cwd]),
    ("chmod", &[Path(0)]),
    ("chown", &[Path(0)]),
    ("chroot", &[Path(0)]),
    ("execve", &[Path(0)]),
    ("faccessat", &[PathAt(1, 0)]),
    ("faccessat2", &[PathAt(1, 0)]),
    ("fanotify_mark", &[Fd(0), PathAt(4, 3)]),
    ("fchmodat", &[PathAt(1, 0), Fd(0)]),
    ("fchmodat2", &[PathAt(1, 0), Fd(0)]),
    ("fchownat", &[PathAt(1, 0), Fd(0)]),
    ("futimesat", &[PathAt(1, 0)]),
    ("getxattr", &[Path(0), Text(1)]),
    ("inotify_add_watch", &[Path(1), Fd(0)]),
    ("lchown", &[Path(0)]),
    ("lgetxattr", &[Path(0), Text(1)]),
    ("link", &[Path(0), Path(1)]),
    ("linkat", &[PathAt(1, 0), PathAt(3, 2)]),
    ("listxattr", &[Path(0)]),
    ("llistxattr", &[Path(0)]),
    ("lremovexattr", &[Path(0), Text(1)]),
    ("lsetxattr", &[Path(0), Text(1)]),
    ("lstat", &[Path(0)]),
    ("mkdir", &[Path(0)]),
    ("mkdirat", &[PathAt(1, 0), Fd(0)]),
    ("mknod", &[Path(0)]),
    ("mknodat", &[PathAt(1, 0), Fd(0)]),
    ("mount", &[Text(0), Path(1), MaybeText(2)]),
    ("mount_setattr", &[PathAt(1, 0)]),
    ("move_mount", &[PathAt(1, 0), PathAt(3, 2)]),
    ("name_to_handle_at", &[PathAt(1, 0)]),
    ("newfstatat", &[PathAt(1, 0), Fd(0)]),
    ("open_tree", &[PathAt(1, 0)]),
    ("pivot_root", &[Path(0), Path(1)]),
    ("quotactl", &[MaybeText(1), MaybeText(3), Bytes(3, 72)]),
    ("readlink", &[Path(0)]),
    ("readlinkat", &[PathAt(1, 0)]),
    ("removexattr", &[Path(0), Text(1)]),
    ("rename", &[Path(0), Path(1)]),
    ("renameat", &[PathAt(1, 0), PathAt(3, 2)]),
    ("renameat2", &[PathAt(1, 0), PathAt(3, 2)]),
    ("rmdir", &[Path(0)]),
    ("setxattr", &[Path(0), Text(1)]),
    ("stat", &[Path(0)]),
    ("stat64", &[Path(0)]),
    ("lstat64", &[Path(0)]),
    ("statfs", &[Path(0)]),
    ("statx", &[PathAt(1, 0)]),
    ("swapoff", &[Path(0)]),
    ("swapon", &[Path(0)]),
    ("symlink", &[Text(0), Path(1)]),
    ("symlinkat", &[Text(0), PathAt(2, 1), Fd(1)]),
    ("truncate", &[Path(0)]),
    ("umount", &[Path(0)]),
    ("umount2", &[Path(0)]),
    ("unlink", &[Path(0)]),
    ("unlinkat", &[PathAt(1, 0), Fd(0)]),
    ("uselib", &[Path(0)]),
    ("utime", &[Path(0)]),
    ("utimensat", &[PathAt(1, 0)]),
    ("utimes", &[Path(0)]),
    // Descriptors.
    ("bpf", &[Fd(RESULT)]),
    ("close", &[AtEntry, Fd(0)]),
    ("copy_file_range", &[Fd(2), Fd(0), Bytes(1, 8), Bytes(3, 8)]),
    ("dup", &[Fd(RESULT), Fd(0)]),
    ("dup2", &[Fd(RESULT), Fd(0)]),
    ("dup3", &[Fd(RESULT), Fd(0)]),
    ("epoll_create", &[Fd(RESULT)]),
    ("epoll_create1", &[Fd(RESULT)]),
    ("eventfd", &[Fd(RESULT)]),
    ("eventfd2", &[Fd(RESULT)]),
    ("fallocate", &[Fd(0)]),
    ("fchdir", &[Fd(0), Cwd]),
    ("fchmod", &[Fd(0)]),
    ("fchown", &[Fd(0)]),
    ("fcntl", &[Fd(0)]),
    ("fcntl64", &[Fd(0)]),
    ("fdatasync", &[Fd(0)]),
    ("fgetxattr", &[Fd(0), Text(1)]),
    ("flistxattr", &[Fd(0)]),
    ("flock", &[Fd(0)]),
    ("fremovexattr", &[Fd(0), Text(1)]),
    ("fsetxattr", &[Fd(0), Text(1)]),
    ("fstat", &[Fd(0)]),
    ("fstat64", &[Fd(0)]),
    ("fstatfs", &[Fd(0)]),
    ("fsync", &[Fd(0)]),
    ("ftruncate", &[Fd(0)]),
    ("getdents", &[Fd(0)]),
    ("getdents64", &[Fd(0)]),
    ("inotify_init", &[Fd(RESULT)]),
    ("inotify_init1", &[Fd(RESULT)]),
    ("ioctl", &[Fd(0)]),
    ("_llseek", &[Fd(0)]),
    ("lseek", &[Fd(0)]),
    ("memfd_create", &[Text(0), Fd(RESULT)]),
    ("mmap", &[Memory, Fd(4)]),
    ("mmap2", &[Memory, Fd(4)]),
    ("open_by_handle_at", &[Fd(RESULT)]),
    ("pidfd_getfd", &[Fd(RESULT), Fd(0)]),
    ("pidfd_open", &[Fd(RESULT)]),
    ("pipe", &[Pair(0)]),
    ("pipe2", &[Pair(0)]),
    ("pread64", &[Fd(0), Data(1, RESULT)]),
    ("preadv", &[Fd(0), Vectors(1, 2)]),
    ("preadv2", &[Fd(0), Vectors(1, 2)]),
    ("pwrite64", &[Fd(0), Data(1, RESULT)]),
    ("pwritev", &[Fd(0), Vectors(1, 2)]),
    ("pwritev2", &[Fd(0), Vectors(1, 2)]),
    ("read", &[Fd(0), Data(1, RESULT)]),
    ("readv", &[Fd(0), Vectors(1, 2)]),
    ("sendfile", &[Fd(0), Fd(1), Bytes(2, 8)]),
    ("sendfile64", &[Fd(0), Fd(1), Bytes(2, 8)]),
    ("signalfd", &[Fd(RESULT), Fd(0), Bytes(1, 8)]),
    ("signalfd4", &[Fd(RESULT), Fd(0), Bytes(1, 8)]),
    ("splice", &[Fd(2), Fd(0)]),
    ("tee", &[Fd(0), Fd(1)]),
    ("timerfd_create", &[Fd(RESULT)]),
    ("userfaultfd", &[Fd(RESULT)]),
    ("vmsplice", &[Fd(0)]),
    ("write", &[Fd(0), Data(1, RESULT)]),
    ("writev", &[Fd(0), Vectors(1, 2)]),
    // Identity and control.
    ("add_key", &[Text(0), MaybeText(1)]),
    ("brk", &[Memory]),
    ("capset", &[Bytes(1, 24), Identity]),
    ("delete_module", &[Text(0)]),
    ("finit_module", &[Fd(0), Text(1)]),
    ("fsconfig", &[Fd(0), MaybeText(2), MaybeText(3), Data(3, 4)]),
    ("fsopen", &[Text(0)]),
    ("getcwd", &[Text(0)]),
    ("getresgid", &[Bytes(0, 4), Bytes(1, 4), Bytes(2, 4)]),
    ("getresuid", &[Bytes(0, 4), Bytes(1, 4), Bytes(2, 4)]),
    ("getrlimit", &[Bytes(1, 16)]),
    ("init_module", &[Text(2), Data(0, 1)]),
    ("io_uring_enter", &[Fd(0), Bytes(4, 8)]),
    ("io_uring_register", &[Fd(0)]),
    ("io_uring_setup", &[Bytes(1, 32), Fd(RESULT)]),
    ("keyctl", &[MaybeText(1), MaybeText(2), MaybeText(3)]),
    ("munmap", &[Memory]),
    ("nanosleep", &[Bytes(0, 16)]),
    ("pidfd_send_signal", &[Fd(0)]),
    ("poll", &[Polled(0, 1), Array(0, 1, 8)]),
    ("ppoll", &[Polled(0, 1), Array(0, 1, 8), Bytes(2, 16), Bytes(3, 8)]),
    ("prctl", &[MaybeText(1)]),
    ("prlimit64", &[Bytes(2, 16), Bytes(3, 16)]),
    ("process_vm_readv", &[Vectors(1, 2)]),
    ("process_vm_writev", &[Vectors(1, 2)]),
    ("request_key", &[Text(0), Text(1)]),
    ("semop", &[Array(1, 2, 6)]),
    ("setdomainname", &[Text(0)]),
    ("sethostname", &[Text(0)]),
    ("setfsuid", &[Identity]),
    ("setns", &[Fd(0), Identity]),
    ("setpgid", &[Identity]),
    ("setresuid", &[Identity]),
    ("setreuid", &[Identity]),
    ("setrlimit", &[Bytes(1, 16)]),
    ("setsid", &[Identity]),
    ("setuid", &[Identity]),
    ("unshare", &[Identity]),
];

/// Calls that act on a name and leave no object that would tell which: their names are read at the
/// entry, too, and a difference is flagged.
#[rustfmt::skip]
static CHECKED: &[&str] = &[
    "chmod", "chown", "chroot", "fchmodat", "fchmodat2", "fchownat", "lchown", "link", "linkat",
    "mkdir", "mkdirat", "mknod", "mknodat", "mount", "pivot_root", "rename", "renameat",
    "renameat2", "rmdir", "symlink", "symlinkat", "truncate", "umount2", "unlink", "unlinkat",
];

/// Whether the names of a call are compared with what they were at its entry.
pub(crate) fn is_checked(name: &str) -> bool {
    CHECKED.contains(&name)
}

/// Whether what a call needs is read at its entry.
pub(crate) fn is_read_at_entry(name: &str) -> bool {
    steps(name).first() == Some(&AtEntry)
}

fn steps(name: &str) -> &'static [Step] {
    RECIPES.iter().find(|(row, _)| *row == name).map_or(&[], |(_, steps)| steps)
}

/// The recipe of a call as the program reads it; all zero for a call without one.
pub(crate) fn recipe(name: &str) -> [u8; RECIPE_BYTES] {
    let mut bytes = [0; RECIPE_BYTES];
    for (place, step) in bytes.chunks_exact_mut(4).zip(steps(name)) {
        place.copy_from_slice(&step.encode());
    }
    bytes
}

impl Step {
    /// `struct step`.
    fn encode(self) -> [u8; 4] {
        match self {
            Text(argument) => [1, argument, 0, 0],
            Path(argument) => [2, argument, OTHER_CWD, 0],
            PathAt(argument, directory) => [2, argument, directory, 0],
            Fd(argument) => [3, argument, 0, 0],
            Address(argument, length) => [4, argument, length, 0],
            AddressOut(argument, length) => [5, argument, length, 0],
            Bytes(argument, count) => [6, argument, count, 0],
            Data(argument, length) => [7, argument, length, 0],
            Message(argument) => [8, argument, 0, 0],
            Messages(argument) => [8, argument, 1, 0],
            Received(argument) => [8, argument, 2, 0],
            ReceivedSeveral(argument) => [8, argument, 3, 0],
            MaybeText(argument) => [9, argument, 0, 0],
            Cwd => [10, 0, 0, 0],
            AtEntry => [11, 0, 0, 0],
            Pair(argument) => [12, argument, 0, 0],
            Memory => [13, 0, 0, 0],
            Vectors(argument, count) => [14, argument, count, 0],
            DataOut(argument, length) => [15, argument, length, 0],
            Array(argument, count, size) => [16, argument, count, size],
            Identity => [17, 0, 0, 0],
            Polled(argument, count) => [18, argument, count, 0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscalls::Syscall;

    #[test]
    fn every_recipe_is_of_a_call_that_exists_once_and_fits() {
        for (index, (name, steps)) in RECIPES.iter().enumerate() {
            assert!(Syscall::from_name(name).is_some(), "{name} is no system call");
            assert!(RECIPES[..index].iter().all(|(other, _)| other != name), "{name} twice");
            assert!(steps.len() <= N_STEPS, "{name}");
        }
    }

    #[test]
    fn names_that_are_checked_stand_where_the_program_looks_for_them() {
        for name in CHECKED {
            let (_, steps) = RECIPES.iter().find(|(row, _)| row == name).expect(name);
            let first = &steps[..steps.len().min(3)];
            let is_name = |step: &&Step| matches!(step, Text(0..4) | Path(0..4) | PathAt(0..4, _));
            assert!(first.iter().any(|step| is_name(&step)), "{name}");
        }
    }
}
