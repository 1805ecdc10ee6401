//! The system calls of this architecture, native and 32-bit, by name and by number.

use std::sync::LazyLock;

use crate::event::ForkCall;

/// Numbers in either table are below it (`N_SYSCALLS` in `bpf/config.h`).
pub(crate) const N_SYSCALLS: usize = 1024;
/// Handlers in `bpf/config.h`.
const HANDLER_SOCKETCALL: u8 = 8;
const HANDLER_CALL: u8 = 9;
/// socketcall(2) in the 32-bit table of x86; other architectures' lack it.
const SOCKETCALL_NUMBER: usize = 102;
/// Where the calls of socketcall(2) stand in the 32-bit table (`SOCKETCALL_BASE`).
const SOCKETCALL_BASE: u16 = 1000;

/// A system call, by its name in the kernel's tables.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Syscall(u16);

struct Row {
    name: &'static str,
    native: Vec<u16>,
    compat: Vec<u16>,
}

struct Table {
    /// Sorted by name.
    rows: Vec<Row>,
    native: Vec<Option<Syscall>>,
    compat: Vec<Option<Syscall>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

impl Syscall {
    /// All calls of the native and the 32-bit table, in the order of their names.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.rows.len() as u16).map(Self)
    }

    /// How many there are: [`Self::index`] is below it.
    pub fn count() -> usize {
        TABLE.rows.len()
    }

    /// The call with this very name.
    pub fn from_name(name: &str) -> Option<Self> {
        let index = TABLE.rows.binary_search_by(|row| row.name.cmp(name)).ok()?;
        Some(Self(index as u16))
    }

    /// The call behind a number of the native or of the 32-bit table.
    pub fn from_number(number: u32, is_compat: bool) -> Option<Self> {
        let numbers = if is_compat { &TABLE.compat } else { &TABLE.native };
        numbers.get(number as usize).copied().flatten()
    }

    /// The kernel's name.
    pub fn name(self) -> &'static str {
        TABLE.rows[self.index()].name
    }

    /// Its place among all.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Whether its exit makes an event of its own kind: forks and execs are told by other hooks,
    /// and of an exec only the refused ones are told here.
    pub fn is_told_otherwise(self) -> bool {
        matches!(self.name(), "clone" | "clone3" | "fork" | "vfork")
    }

    /// What its exit is handed to (`enum handler` in `bpf/config.h`).
    pub(crate) fn handler(self) -> u8 {
        match self.name() {
            "open" => 1,
            "creat" => 2,
            "openat" => 3,
            "openat2" => 4,
            "connect" => 5,
            "execve" => 6,
            "execveat" => 7,
            "socketcall" => HANDLER_SOCKETCALL,
            _ => HANDLER_CALL,
        }
    }

    /// Name of the program that its tracepoint runs.
    pub(crate) fn program(self) -> String {
        match self.handler() {
            HANDLER_CALL | HANDLER_SOCKETCALL => "syscall_exit_by_recipe".to_owned(),
            _ => format!("syscall_exit_{}", self.name()),
        }
    }

    /// What the tracepoint of its exit is called behind `sys_exit_`: the name of the kernel's
    /// function, which the tables abbreviate here and there.
    pub(crate) fn tracepoint(self) -> &'static str {
        match self.name() {
            "stat" => "newstat",
            "lstat" => "newlstat",
            "fstat" => "newfstat",
            "uname" => "newuname",
            "umount2" => "umount",
            "sendfile" => "sendfile64",
            "_sysctl" => "sysctl",
            name => name,
        }
    }

    /// Native numbers: of this machine's 64-bit table, and of x32's where that differs.
    pub(crate) fn numbers(self) -> &'static [u16] {
        &TABLE.rows[self.index()].native
    }

    /// Numbers of 32-bit callers.
    pub(crate) fn compat_numbers(self) -> &'static [u16] {
        &TABLE.rows[self.index()].compat
    }
}

/// The handlers of these calls, native and 32-bit, by number.
pub(crate) fn handlers(calls: &[Syscall]) -> ([u8; N_SYSCALLS], [u8; N_SYSCALLS]) {
    let (mut native, mut compat) = ([0; N_SYSCALLS], [0; N_SYSCALLS]);
    for call in calls {
        for &number in call.numbers() {
            native[usize::from(number)] = call.handler();
        }
        for &number in call.compat_numbers() {
            compat[usize::from(number)] = call.handler();
            if number >= SOCKETCALL_BASE {
                compat[SOCKETCALL_NUMBER] = HANDLER_SOCKETCALL;
            }
        }
    }
    (native, compat)
}

impl Table {
    fn new() -> Self {
        let mut rows: Vec<Row> = Vec::new();
        let mut add = |name: &'static str, native: Option<u16>, compat: Option<u16>| {
            let at = rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
                rows.push(Row { name, native: Vec::new(), compat: Vec::new() });
                rows.len() - 1
            });
            rows[at].native.extend(native);
            rows[at].compat.extend(compat);
        };
        #[cfg(target_arch = "x86_64")]
        {
            for call in syscalls::x86_64::Sysno::iter() {
                add(call.name(), Some(call.id() as u16), None);
            }
            for call in syscalls::x86::Sysno::iter() {
                add(call.name(), None, Some(call.id() as u16));
            }
            for (name, number) in X32 {
                add(name, Some(*number), None);
            }
            for (name, number) in SOCKETCALLS {
                add(name, None, Some(SOCKETCALL_BASE + number));
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            for call in syscalls::aarch64::Sysno::iter() {
                add(call.name(), Some(call.id() as u16), None);
            }
            for call in syscalls::arm::Sysno::iter() {
                add(call.name(), None, Some(call.id() as u16));
            }
        }
        rows.sort_unstable_by_key(|row| row.name);
        let (mut native, mut compat) = (vec![None; N_SYSCALLS], vec![None; N_SYSCALLS]);
        for (index, row) in (0..).zip(&mut rows) {
            // The architecture's own calls of arm stand far above and are of no interest.
            row.native.retain(|&number| usize::from(number) < N_SYSCALLS);
            row.compat.retain(|&number| usize::from(number) < N_SYSCALLS);
            row.native
                .iter()
                .for_each(|&number| native[usize::from(number)] = Some(Syscall(index)));
            row.compat
                .iter()
                .for_each(|&number| compat[usize::from(number)] = Some(Syscall(index)));
        }
        Self { rows, native, compat }
    }
}

/// Numbers of x32 that are not those of x86-64 (arch/x86/entry/syscalls/syscall_64.tbl).
#[cfg(target_arch = "x86_64")]
static X32: &[(&str, u16)] = &[
    ("rt_sigaction", 512),
    ("rt_sigreturn", 513),
    ("ioctl", 514),
    ("readv", 515),
    ("writev", 516),
    ("recvfrom", 517),
    ("sendmsg", 518),
    ("recvmsg", 519),
    ("execve", 520),
    ("ptrace", 521),
    ("rt_sigpending", 522),
    ("rt_sigtimedwait", 523),
    ("rt_sigqueueinfo", 524),
    ("sigaltstack", 525),
    ("timer_create", 526),
    ("mq_notify", 527),
    ("kexec_load", 528),
    ("waitid", 529),
    ("set_robust_list", 530),
    ("get_robust_list", 531),
    ("vmsplice", 532),
    ("move_pages", 533),
    ("preadv", 534),
    ("pwritev", 535),
    ("rt_tgsigqueueinfo", 536),
    ("recvmmsg", 537),
    ("sendmmsg", 538),
    ("process_vm_readv", 539),
    ("process_vm_writev", 540),
    ("setsockopt", 541),
    ("getsockopt", 542),
    ("io_setup", 543),
    ("io_submit", 544),
    ("execveat", 545),
    ("preadv2", 546),
    ("pwritev2", 547),
];

/// The calls behind socketcall(2) (include/uapi/linux/net.h).
#[cfg(target_arch = "x86_64")]
static SOCKETCALLS: &[(&str, u16)] = &[
    ("socket", 1),
    ("bind", 2),
    ("connect", 3),
    ("listen", 4),
    ("accept", 5),
    ("getsockname", 6),
    ("getpeername", 7),
    ("socketpair", 8),
    ("send", 9),
    ("recv", 10),
    ("sendto", 11),
    ("recvfrom", 12),
    ("shutdown", 13),
    ("setsockopt", 14),
    ("getsockopt", 15),
    ("sendmsg", 16),
    ("recvmsg", 17),
    ("accept4", 18),
    ("recvmmsg", 19),
    ("sendmmsg", 20),
];

/// Which call a number stands for when it has made a process.
pub(crate) fn fork_call(number: u32, is_compat: bool) -> ForkCall {
    match Syscall::from_number(number, is_compat).map(Syscall::name) {
        Some("clone3") => ForkCall::Clone3,
        Some("fork") => ForkCall::Fork,
        Some("vfork") => ForkCall::Vfork,
        _ => ForkCall::Clone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_found_by_name_and_by_each_of_its_numbers() {
        for call in Syscall::all() {
            assert_eq!(Syscall::from_name(call.name()), Some(call));
            for &number in call.numbers() {
                assert_eq!(Syscall::from_number(number.into(), false), Some(call));
            }
            for &number in call.compat_numbers() {
                assert_eq!(Syscall::from_number(number.into(), true), Some(call));
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn sockets_of_32_bit_programs_are_reached_through_socketcall_too() {
        let accept = Syscall::from_name("accept").unwrap();
        let (native, compat) = handlers(&[accept]);
        assert_eq!(native[43], HANDLER_CALL);
        assert_eq!(compat[SOCKETCALL_NUMBER], HANDLER_SOCKETCALL);
        assert_eq!(compat[1005], HANDLER_CALL);
    }
}
