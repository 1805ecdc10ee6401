//! System calls whose exit the programs know to read, and their numbers.

use crate::event::ForkCall;

/// Handler of socketcall(2), through which 32-bit programs may connect too.
pub(crate) const SOCKETCALL_HANDLER: u8 = 8;
/// Its number in the 32-bit table of x86; other architectures' compat tables lack it.
pub(crate) const SOCKETCALL_NUMBER: usize = 102;

/// A system call with a handler in `bpf/syscalls.bpf.c`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Syscall {
    /// open(2)
    Open = 1,
    /// creat(2)
    Creat = 2,
    /// openat(2)
    Openat = 3,
    /// openat2(2)
    Openat2 = 4,
    /// connect(2)
    Connect = 5,
    /// execve(2) that fails
    Execve = 6,
    /// execveat(2) that fails
    Execveat = 7,
}

impl Syscall {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Creat,
        Self::Openat,
        Self::Openat2,
        Self::Connect,
        Self::Execve,
        Self::Execveat,
    ];

    /// The kernel's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Creat => "creat",
            Self::Openat => "openat",
            Self::Openat2 => "openat2",
            Self::Connect => "connect",
            Self::Execve => "execve",
            Self::Execveat => "execveat",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.name() == name)
    }

    /// Bits in `control.handlers`.
    pub(crate) fn bits(self) -> u32 {
        let socketcall = if self == Self::Connect { 1 << SOCKETCALL_HANDLER } else { 0 };
        1 << self as u8 | socketcall
    }

    /// Native numbers: of this machine's 64-bit table, and of x32's where that differs.
    pub(crate) fn numbers(self) -> &'static [usize] {
        #[cfg(target_arch = "x86_64")]
        return match self {
            Self::Open => &[2],
            Self::Creat => &[85],
            Self::Openat => &[257],
            Self::Openat2 => &[437],
            Self::Connect => &[42],
            Self::Execve => &[59, 520],
            Self::Execveat => &[322, 545],
        };
        #[cfg(target_arch = "aarch64")]
        return match self {
            Self::Open | Self::Creat => &[],
            Self::Openat => &[56],
            Self::Openat2 => &[437],
            Self::Connect => &[203],
            Self::Execve => &[221],
            Self::Execveat => &[281],
        };
    }

    /// Numbers of 32-bit callers (arch/x86/entry/syscalls/syscall_32.tbl, arch/arm/tools/syscall.tbl).
    pub(crate) fn compat_numbers(self) -> &'static [usize] {
        #[cfg(target_arch = "x86_64")]
        return match self {
            Self::Open => &[5],
            Self::Creat => &[8],
            Self::Openat => &[295],
            Self::Openat2 => &[437],
            Self::Connect => &[362],
            Self::Execve => &[11],
            Self::Execveat => &[358],
        };
        #[cfg(target_arch = "aarch64")]
        return match self {
            Self::Open => &[5],
            Self::Creat => &[8],
            Self::Openat => &[322],
            Self::Openat2 => &[437],
            Self::Connect => &[283],
            Self::Execve => &[11],
            Self::Execveat => &[387],
        };
    }
}

/// Which call a number stands for when it has made a process.
pub(crate) fn fork_call(number: u32, is_compat: bool) -> ForkCall {
    let (fork, vfork) = match (is_compat, cfg!(target_arch = "x86_64")) {
        (true, _) => (Some(2), Some(190)),
        (false, true) => (Some(57), Some(58)),
        (false, false) => (None, None),
    };
    match number {
        435 => ForkCall::Clone3,
        number if Some(number) == fork => ForkCall::Fork,
        number if Some(number) == vfork => ForkCall::Vfork,
        _ => ForkCall::Clone,
    }
}
