//! Flags and enumerations of event parameters: their names, and the numbers behind them.
//!
//! Rules know two things: names, which `evt.arg` shows, and numbers, which `evt.rawarg` shows. Those
//! numbers are the catalogue's own and often not the kernel's, so [`FlagTable::from_kernel`] stands
//! between capture and rules.

pub(super) mod encodings;
mod table;

use bumpalo::{Bump, collections::String};

pub use table::*;

/// Names of the bits or values of a parameter, in the order in which they are printed.
#[derive(Debug)]
pub struct FlagTable {
    names: &'static [(u32, &'static str)],
    encoding: Encoding,
}

/// How the kernel's numbers become the catalogue's.
#[derive(Debug)]
enum Encoding {
    /// They are the same.
    Kernel,
    /// Each of the kernel's bits, if all of it is set, gives one of ours: (kernel, ours).
    Bits(&'static [(u64, u32)]),
    /// By a function.
    By(fn(u64) -> u32),
}

impl FlagTable {
    const fn new(names: &'static [(u32, &'static str)], encoding: Encoding) -> Self {
        Self { names, encoding }
    }

    /// The catalogue's number for one of the kernel's.
    pub fn from_kernel(&self, number: u64) -> u32 {
        match self.encoding {
            Encoding::Kernel => number as u32,
            Encoding::Bits(bits) => bits
                .iter()
                .filter(|(kernel, _)| number & kernel == *kernel)
                .fold(0, |set, (_, ours)| set | ours),
            Encoding::By(encode) => encode(number),
        }
    }

    /// Names of the bits of a set, joined by `|`. A bit is named once, and bits without a name are
    /// left out.
    pub(crate) fn set<'a>(&self, value: u32, arena: &'a Bump) -> &'a [u8] {
        let mut left = value;
        joined(
            self.names.iter().filter(|(bits, _)| {
                let is_set = if *bits == 0 { value == 0 } else { left & bits == *bits };
                if is_set {
                    left &= !bits;
                }
                is_set
            }),
            arena,
        )
    }

    /// Every name of a value, joined by `|`.
    pub(crate) fn value<'a>(&self, value: u32, arena: &'a Bump) -> &'a [u8] {
        joined(self.names.iter().filter(|(known, _)| *known == value), arena)
    }

    /// Names of the permissions of a mode, then that of the kind of file.
    pub(crate) fn mode<'a>(&self, value: u32, arena: &'a Bump) -> &'a [u8] {
        const KIND: u32 = 0o170_000;
        joined(
            self.names.iter().filter(|(bits, _)| {
                if bits & KIND == 0 { value & bits == *bits } else { value & KIND == *bits }
            }),
            arena,
        )
    }
}

fn joined<'a, 't>(
    names: impl Iterator<Item = &'t (u32, &'static str)>,
    arena: &'a Bump,
) -> &'a [u8] {
    let mut text = String::new_in(arena);
    for (_, name) in names {
        if !text.is_empty() {
            text.push('|');
        }
        text.push_str(name);
    }
    text.into_bump_str().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(table: &FlagTable, value: u32) -> std::string::String {
        std::string::String::from_utf8(table.set(value, &Bump::new()).to_vec()).unwrap()
    }

    fn value(table: &FlagTable, value: u32) -> std::string::String {
        std::string::String::from_utf8(table.value(value, &Bump::new()).to_vec()).unwrap()
    }

    fn kernel_set(table: &FlagTable, kernel: u64) -> std::string::String {
        set(table, table.from_kernel(kernel))
    }

    fn kernel_value(table: &FlagTable, kernel: u64) -> std::string::String {
        value(table, table.from_kernel(kernel))
    }

    #[test]
    fn sets_are_named_in_table_order_and_each_bit_once() {
        assert_eq!(
            set(&OPEN_FLAGS, 0x4 | 0x2 | 0x100 | 0x4000),
            "O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED"
        );
        assert_eq!(set(&OPEN_FLAGS, 3), "O_RDWR");
        assert_eq!(set(&OPEN_FLAGS, 0x1001), "O_RDONLY|O_CLOEXEC");
        assert_eq!(set(&OPEN_FLAGS, 0), "O_NONE");
        assert_eq!(set(&UMOUNT_FLAGS, 0x100), "", "an unknown bit has no name");
        assert_eq!(set(&ACCESS_FLAGS, 0), "F_OK");
        assert_eq!(set(&ACCESS_FLAGS, 6), "R_OK|W_OK");
    }

    #[test]
    fn every_name_of_a_value_is_shown() {
        assert_eq!(value(&SOCKET_FAMILIES, 1), "AF_LOCAL|AF_UNIX");
        assert_eq!(value(&SOCKET_FAMILIES, 2), "AF_INET");
        assert_eq!(value(&BPF_COMMANDS, 5), "BPF_PROG_LOAD");
        assert_eq!(value(&BPF_COMMANDS, 999), "");
    }

    #[test]
    fn modes_name_permissions_and_the_kind_of_file() {
        let mode = |table: &FlagTable, value| {
            std::string::String::from_utf8(table.mode(value, &Bump::new()).to_vec()).unwrap()
        };
        assert_eq!(
            mode(&CHMOD_MODE, 0o4755),
            "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID"
        );
        assert_eq!(mode(&MKNOD_MODE, 0o060_600), "S_IWUSR|S_IRUSR|S_IFBLK");
        assert_eq!(mode(&MKNOD_MODE, 0o140_000), "S_IFSOCK");
        assert_eq!(mode(&CHMOD_MODE, 0), "");
    }

    #[test]
    fn open_flags_of_the_kernel_have_their_names() {
        let large = encodings::LARGEFILE;
        let directory = encodings::DIRECTORY;
        let cases = [
            (0, "O_RDONLY"),
            (0o2, "O_RDWR"),
            (0o1101, "O_TRUNC|O_CREAT|O_WRONLY"),
            (0o2_000_000, "O_RDONLY|O_CLOEXEC"),
            (directory, "O_DIRECTORY|O_RDONLY"),
            (large, "O_LARGEFILE|O_RDONLY"),
            (0o20_000_000 | directory | 2, "O_DIRECTORY|O_RDWR|O_TMPFILE"),
            (0o10_000, "O_DSYNC|O_RDONLY"),
            (0o4_010_000, "O_SYNC|O_DSYNC|O_RDONLY"),
        ];
        for (kernel, names) in cases {
            assert_eq!(kernel_set(&OPEN_FLAGS, kernel), names, "{kernel:o}");
        }
        assert_eq!(kernel_set(&DESCRIPTOR_FLAGS, 0o2_004_000), "O_NONBLOCK|O_CLOEXEC");
        assert_eq!(kernel_set(&DESCRIPTOR_FLAGS, 0), "O_NONE");
    }

    #[test]
    fn numbers_of_the_kernel_find_their_names() {
        let sets: [(&FlagTable, u64, &str); 13] = [
            (&CLONE_FLAGS, 0x1000_0000, "CLONE_NEWUSER"),
            (&CLONE_FLAGS, 0x0002_0000 | 0x2000_0000, "CLONE_NEWNS|CLONE_NEWPID"),
            (&MMAP_FLAGS, 0x22, "MAP_PRIVATE|MAP_ANONYMOUS"),
            (&PROT_FLAGS, 7, "PROT_READ|PROT_WRITE|PROT_EXEC"),
            (&PROT_FLAGS, 0, "PROT_NONE"),
            (&OPENAT2_FLAGS, 8, "RESOLVE_BENEATH"),
            (&OPENAT2_FLAGS, 1, "RESOLVE_NO_XDEV"),
            (&MOUNT_FLAGS, 0x1000, "BIND"),
            (&FCHOWNAT_FLAGS, 0x100, "AT_SYMLINK_NOFOLLOW"),
            (&IO_URING_SETUP_FLAGS, 4, "IORING_SETUP_SQ_AFF"),
            (&SEMGET_FLAGS, 0o1000, "IPC_CREAT"),
            (&DELETE_MODULE_FLAGS, 0o4000, "O_NONBLOCK"),
            (&PIDFD_OPEN_FLAGS, 0o4000, "PIDFD_NONBLOCK"),
        ];
        for (table, kernel, names) in sets {
            assert_eq!(kernel_set(table, kernel), names, "{kernel:x}");
        }
        let values: [(&FlagTable, u64, &str); 14] = [
            (&PTRACE_REQUESTS, 0, "PTRACE_TRACEME"),
            (&PTRACE_REQUESTS, 16, "PTRACE_ATTACH"),
            (&PTRACE_REQUESTS, 0x4206, "PTRACE_SEIZE"),
            (&PTRACE_REQUESTS, 9999, "PTRACE_UNKNOWN"),
            (&FCNTL_COMMANDS, 0, "F_DUPFD"),
            (&FCNTL_COMMANDS, 4, "F_SETFL"),
            (&FCNTL_COMMANDS, 9999, "UNKNOWN"),
            (&SOCKOPT_LEVELS, 6, "SOL_TCP"),
            (&SOCKOPT_OPTIONS, 57, "SO_COOKIE"),
            (&SHUTDOWN_HOW, 9, "SHUT_UNKNOWN"),
            (&RLIMIT_RESOURCES, 7, "RLIMIT_NOFILE"),
            (&RLIMIT_RESOURCES, 99, "RLIMIT_UNKNOWN"),
            (&SEMCTL_COMMANDS, 0, "IPC_RMID"),
            (&QUOTACTL_CMDS, 0x80_0002 << 8, "Q_QUOTAON"),
        ];
        for (table, kernel, names) in values {
            assert_eq!(kernel_value(table, kernel), names, "{kernel:x}");
        }
    }
}
