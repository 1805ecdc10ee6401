//! Numbers of the kernel and the names that rules know them by.

use bumpalo::{Bump, collections::String};
use std::fmt::Write;

/// `ENOENT` for 2; the number where it has no name.
pub fn errno(number: i64, arena: &Bump) -> &[u8] {
    let mut text = String::new_in(arena);
    match i32::try_from(number).map(nix::errno::Errno::from_raw) {
        Ok(nix::errno::Errno::UnknownErrno) | Err(_) => push(&mut text, format_args!("{number}")),
        Ok(errno) => push(&mut text, format_args!("{errno:?}")),
    }
    text.into_bump_str().as_bytes()
}

/// A number in decimal.
pub fn decimal(number: impl std::fmt::Display, arena: &Bump) -> &[u8] {
    let mut text = String::new_in(arena);
    push(&mut text, format_args!("{number}"));
    text.into_bump_str().as_bytes()
}

/// Formatted text.
pub fn text<'a>(arguments: std::fmt::Arguments<'_>, arena: &'a Bump) -> &'a [u8] {
    let mut text = String::new_in(arena);
    push(&mut text, arguments);
    text.into_bump_str().as_bytes()
}

fn push(text: &mut String<'_>, arguments: std::fmt::Arguments<'_>) {
    // Only a Display that fails by itself could make this fail, and none of ours does.
    text.write_fmt(arguments).unwrap_or_default();
}

/// Names of the bits that are set, in table order, joined by `|`. A bit is printed once.
pub fn flags<'a>(value: u32, table: &[(u32, &str)], arena: &'a Bump) -> &'a [u8] {
    let mut left = value;
    let mut names = String::new_in(arena);
    for &(bits, name) in table {
        let is_set = if bits == 0 { value == 0 } else { left & bits == bits };
        if is_set {
            left &= !bits;
            if !names.is_empty() {
                names.push('|');
            }
            names.push_str(name);
        }
    }
    names.into_bump_str().as_bytes()
}

/// Falco's own encoding of open flags, in the order in which they are printed.
pub const OPEN_FLAGS: &[(u32, &str)] = &[
    (2048, "O_LARGEFILE"),
    (1024, "O_DIRECTORY"),
    (512, "O_DIRECT"),
    (256, "O_TRUNC"),
    (128, "O_SYNC"),
    (64, "O_NONBLOCK"),
    (32, "O_EXCL"),
    (16, "O_DSYNC"),
    (8, "O_APPEND"),
    (4, "O_CREAT"),
    (3, "O_RDWR"),
    (2, "O_WRONLY"),
    (1, "O_RDONLY"),
    (4096, "O_CLOEXEC"),
    (0, "O_NONE"),
    (8192, "O_TMPFILE"),
    (16384, "O_F_CREATED"),
    (32768, "FD_UPPER_LAYER"),
    (65536, "FD_LOWER_LAYER"),
];

/// The kernel's open flags in Falco's encoding. Flags that are parts of other flags in the kernel
/// (O_DIRECTORY of O_TMPFILE, O_DSYNC of O_SYNC) count only where the whole flag stands.
pub fn open_flags(kernel: u32) -> u32 {
    const KERNEL_TMPFILE: u32 = 0o20_000_000;
    let mut flags = match kernel & 3 {
        0 => 1,
        1 => 2,
        _ => 3,
    };
    for (bits, flag) in [
        (libc::O_CREAT as u32, 4),
        (libc::O_APPEND as u32, 8),
        (libc::O_DSYNC as u32, 16),
        (libc::O_EXCL as u32, 32),
        (libc::O_NONBLOCK as u32, 64),
        (libc::O_SYNC as u32, 128),
        (libc::O_TRUNC as u32, 256),
        (libc::O_DIRECT as u32, 512),
        (libc::O_DIRECTORY as u32, 1024),
        (0o100_000, 2048),
        (libc::O_CLOEXEC as u32, 4096),
        (KERNEL_TMPFILE, 8192),
    ] {
        if kernel & bits == bits {
            flags |= flag;
        }
    }
    flags
}

/// openat2's `RESOLVE_*`, in the kernel's encoding, which Falco's equals.
pub const RESOLVE_FLAGS: &[(u32, &str)] = &[
    (8, "RESOLVE_BENEATH"),
    (16, "RESOLVE_IN_ROOT"),
    (2, "RESOLVE_NO_MAGICLINKS"),
    (4, "RESOLVE_NO_SYMLINKS"),
    (1, "RESOLVE_NO_XDEV"),
    (32, "RESOLVE_CACHED"),
];

/// Flags of an executed file, in Falco's encoding.
pub const EXECUTABLE_FLAGS: &[(u32, &str)] =
    &[(1, "EXE_WRITABLE"), (2, "EXE_UPPER_LAYER"), (4, "EXE_FROM_MEMFD"), (8, "EXE_LOWER_LAYER")];

/// Capabilities by number (include/uapi/linux/capability.h).
const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// Names of the capabilities of a set, joined by spaces.
pub fn capabilities(set: u64, arena: &Bump) -> &[u8] {
    let mut names = String::new_in(arena);
    for (number, name) in CAPABILITIES.iter().enumerate() {
        if set & (1 << number) != 0 {
            if !names.is_empty() {
                names.push(' ');
            }
            names.push_str(name);
        }
    }
    names.into_bump_str().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(kernel: u32, extra: u32) -> std::string::String {
        let arena = Bump::new();
        let names = flags(open_flags(kernel) | extra, OPEN_FLAGS, &arena);
        std::string::String::from_utf8(names.to_vec()).unwrap()
    }

    #[test]
    fn open_flags_are_named_in_the_order_that_rules_know() {
        let create = (libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC) as u32;
        assert_eq!(names(create, 16384), "O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED");
        assert_eq!(names(0, 0), "O_RDONLY");
        assert_eq!(names(libc::O_RDWR as u32, 0), "O_RDWR");
        assert_eq!(names(libc::O_CLOEXEC as u32, 0), "O_RDONLY|O_CLOEXEC");
    }

    #[test]
    fn a_directory_is_no_temporary_file() {
        assert_eq!(names(libc::O_DIRECTORY as u32, 0), "O_DIRECTORY|O_RDONLY");
        let temporary = (libc::O_TMPFILE | libc::O_RDWR) as u32;
        assert!(names(temporary, 0).contains("O_TMPFILE"));
    }

    #[test]
    fn errors_and_capabilities_have_names() {
        let arena = Bump::new();
        assert_eq!(errno(2, &arena), b"ENOENT");
        assert_eq!(errno(13, &arena), b"EACCES");
        assert_eq!(errno(100_000, &arena), b"100000");
        assert_eq!(capabilities(0b10_0001, &arena), b"CAP_CHOWN CAP_KILL");
        assert_eq!(capabilities(0, &arena), b"");
    }
}
