//! How the kernel's numbers become the catalogue's, where they differ.

#[cfg(target_arch = "aarch64")]
mod machine {
    pub const DIRECTORY: u64 = 0o40_000;
    pub const DIRECT: u64 = 0o200_000;
    pub const LARGEFILE: u64 = 0o400_000;
}

#[cfg(not(target_arch = "aarch64"))]
mod machine {
    pub const DIRECTORY: u64 = 0o200_000;
    pub const DIRECT: u64 = 0o40_000;
    pub const LARGEFILE: u64 = 0o100_000;
}

#[cfg(test)]
pub(super) use machine::{DIRECTORY, LARGEFILE};

/// Those of a descriptor that open(2), pipe2(2), dup3(2), socket(2) and the like set. Flags that are
/// parts of others in the kernel (O_DIRECTORY of O_TMPFILE, O_DSYNC of O_SYNC) count only where the
/// whole flag stands.
pub(super) static DESCRIPTOR: &[(u64, u32)] = &[
    (0o100, 0x4),
    (0o2_000, 0x8),
    (0o10_000, 0x10),
    (0o200, 0x20),
    (0o4_000, 0x40),
    (0o4_010_000, 0x80),
    (0o1_000, 0x100),
    (machine::DIRECT, 0x200),
    (machine::DIRECTORY, 0x400),
    (machine::LARGEFILE, 0x800),
    (0o2_000_000, 0x1000),
    (0o20_000_000, 0x2000),
];

/// Those of open(2): with the way of access, which is a number and no set of bits.
pub(super) fn open(kernel: u64) -> u32 {
    let access = match kernel & 3 {
        0 => 1,
        1 => 2,
        _ => 3,
    };
    DESCRIPTOR
        .iter()
        .filter(|(bits, _)| kernel & bits == *bits)
        .fold(access, |set, (_, ours)| set | ours)
}

/// What poll(2) waits for, or what has come of it.
pub(in crate::events) fn polled(kernel: u16) -> u16 {
    const RDHUP: u16 = 0x2000;
    let hung_up = if kernel & RDHUP == 0 { 0 } else { 8 };
    kernel & 7 | hung_up | (kernel & 0x3f8) << 1
}

pub(super) static CLONE: &[(u64, u32)] = &[
    (0x100, 0x8000),
    (0x200, 0x2),
    (0x400, 0x1),
    (0x800, 0x800),
    (0x2000, 0x400),
    (0x4000, 0x800_0000),
    (0x8000, 0x100),
    (0x1_0000, 0x2000),
    (0x2_0000, 0x20),
    (0x4_0000, 0x1000),
    (0x8_0000, 0x200_0000),
    (0x10_0000, 0x200),
    (0x20_0000, 0x80_0000),
    (0x80_0000, 0x4000),
    (0x100_0000, 0x100_0000),
    (0x200_0000, 0x1000_0000),
    (0x400_0000, 0x80),
    (0x800_0000, 0x8),
    (0x1000_0000, 0x10_0000),
    (0x2000_0000, 0x40),
    (0x4000_0000, 0x10),
    (0x8000_0000, 0x4),
];

pub(super) static PROTECTION: &[(u64, u32)] = &[
    (0x1, 0x1),
    (0x2, 0x2),
    (0x4, 0x4),
    (0x8, 0x8),
    (0x100_0000, 0x10),
    (0x200_0000, 0x20),
    (0x10, 0x40),
];

pub(super) static MAPPING: &[(u64, u32)] = &[
    (0x1, 0x1),
    (0x2, 0x2),
    (0x10, 0x4),
    (0x20, 0x8),
    (0x40, 0x10),
    (0x4000, 0x40),
    (0x8000, 0x80),
    (0x1_0000, 0x100),
    (0x100, 0x200),
    (0x800, 0x400),
    (0x1000, 0x800),
    (0x2000, 0x4000),
];

pub(super) static RESOLVE: &[(u64, u32)] =
    &[(0x8, 0x1), (0x10, 0x2), (0x2, 0x4), (0x4, 0x8), (0x1, 0x10), (0x20, 0x20)];

pub(super) static FCHOWNAT: &[(u64, u32)] = &[(0x100, 0x400), (0x1000, 0x1000)];

pub(super) static RING_SETUP: &[(u64, u32)] =
    &[(0x1, 0x1), (0x2, 0x2), (0x4, 0x8), (0x8, 0x10), (0x10, 0x20), (0x20, 0x40), (0x40, 0x80)];

pub(super) static SEMAPHORE_OPERATION: &[(u64, u32)] = &[(0o4_000, 0x1), (0o10_000, 0x2)];

pub(super) static SEMAPHORE_GET: &[(u64, u32)] = &[(0o1_000, 0x2000), (0o2_000, 0x4000)];

pub(super) static DELETE_MODULE: &[(u64, u32)] = &[(0o4_000, 0x2), (0o1_000, 0x1)];

pub(super) static PIDFD_OPEN: &[(u64, u32)] = &[(0o4_000, 0x1)];

pub(super) static EPOLL_CREATE: &[(u64, u32)] = &[(0o2_000_000, 0x1)];

pub(super) fn shutdown(how: u64) -> u32 {
    if how <= 2 { how as u32 } else { 65_535 }
}

pub(super) fn resource_limit(resource: u64) -> u32 {
    if resource <= 15 { resource as u32 } else { 255 }
}

pub(super) fn file_control(command: u64) -> u32 {
    match command {
        0..=2 => command as u32 + 1,
        3 => 4,
        4 => 5,
        5 => 6,
        6 => 8,
        7 => 9,
        8 => 10,
        9 => 12,
        10 => 13,
        11 => 15,
        15 => 21,
        16 => 22,
        36..=38 => command as u32 - 6,
        1024 => 23,
        1025 => 24,
        1026 => 27,
        1029 => 25,
        1030 => 26,
        1031 => 28,
        1032 => 29,
        _ => 0,
    }
}

pub(super) fn socket_level(level: u64) -> u32 {
    match level {
        1 => 1,
        6 => 2,
        _ => 0,
    }
}

/// Options of the socket level; those of other levels have no number of their own.
pub(super) fn socket_option(option: u64) -> u32 {
    match option {
        1..=50 => option as u32,
        59 => 51,
        55 => 52,
        57 => 53,
        _ => 0,
    }
}

pub(super) fn trace_request(request: u64) -> u32 {
    match request {
        0..=9 => request as u32 + 1,
        12 => 26,
        13 => 27,
        14 => 28,
        15 => 29,
        16 => 11,
        17 => 12,
        18 => 30,
        19 => 31,
        21 => 32,
        24 => 13,
        25 => 33,
        26 => 34,
        30 => 35,
        31 => 36,
        32 => 37,
        33 => 38,
        0x4200 => 14,
        0x4201 => 15,
        0x4202 => 16,
        0x4203 => 17,
        0x4204 => 18,
        0x4205 => 19,
        0x4206 => 20,
        0x4207 => 21,
        0x4208 => 22,
        0x4209 => 23,
        0x420a => 24,
        0x420b => 25,
        _ => 0,
    }
}

pub(super) fn semaphore_control(command: u64) -> u32 {
    match command {
        0 => 0x4,
        1 => 0x2,
        2 => 0x1,
        3 => 0x8,
        11 => 0x100,
        12 => 0x200,
        13 => 0x40,
        14 => 0x80,
        15 => 0x400,
        16 => 0x1000,
        17 => 0x800,
        18 => 0x20,
        19 => 0x10,
        _ => 0,
    }
}

/// The command is above the eight bits of the kind of quota.
pub(super) fn quota_command(command: u64) -> u32 {
    match (command >> 8) & 0xff_ffff {
        0x80_0002 => 0x1,
        0x80_0003 => 0x2,
        0x80_0004 => 0x4,
        0x80_0005 => 0x8,
        0x80_0006 => 0x10,
        0x80_0007 => 0x20,
        0x80_0008 => 0x40,
        0x80_0001 => 0x80,
        0x5801 => 0x100,
        0x5802 => 0x200,
        0x5803 => 0x400,
        0x5804 => 0x800,
        0x5805 => 0x1000,
        0x5806 => 0x2000,
        0x5807 => 0x4000,
        _ => 0,
    }
}

pub(super) fn quota_kind(command: u64) -> u32 {
    match command & 0xff {
        0 => 0x1,
        1 => 0x2,
        _ => 0,
    }
}

pub(super) fn quota_format(format: u64) -> u32 {
    match format {
        1 => 0x2,
        2 => 0x4,
        4 => 0x8,
        _ => 0x1,
    }
}
