//! Requests in an io_uring and the system calls that they stand for.

use crate::syscalls::Syscall;

/// Kinds of requests that the programs tell apart at most (`N_RING_CALLS` in `bpf/config.h`).
const N_RING_CALLS: usize = 64;

/// The programs in `bpf/ring.bpf.c`.
pub(crate) const PROGRAMS: [&str; 3] = ["ring_submit", "ring_complete", "ring_overflow"];

/// By `IORING_OP_*` (include/uapi/linux/io_uring.h).
static RING_CALLS: &[(usize, &str)] = &[
    (9, "sendmsg"),
    (10, "recvmsg"),
    (13, "accept4"),
    (16, "connect"),
    (18, "openat"),
    (26, "sendto"),
    (27, "recvfrom"),
    (28, "openat2"),
    (34, "shutdown"),
    (35, "renameat2"),
    (36, "unlinkat"),
    (37, "mkdirat"),
    (38, "symlinkat"),
    (39, "linkat"),
    (45, "socket"),
    (56, "bind"),
    (57, "listen"),
];

/// Whether requests may stand for one of these calls.
pub(crate) fn is_wanted(calls: &[Syscall]) -> bool {
    calls.iter().any(|call| RING_CALLS.iter().any(|(_, name)| *name == call.name()))
}

/// `config.ring_calls`: the native number of each kind's call, 0 for kinds that are not told.
pub(crate) fn numbers() -> Vec<u8> {
    let mut numbers = [0u16; N_RING_CALLS];
    for (kind, name) in RING_CALLS {
        let call = Syscall::from_name(name);
        numbers[*kind] = call.and_then(|call| call.numbers().first().copied()).unwrap_or(0);
    }
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

/// Whether this kernel has the tracepoint at submission in the form that the programs know (6.3).
///
/// The names of all types stand in one section of the kernel's type information; looking for the
/// text takes a few milliseconds, and parsing the types a hundred.
pub(crate) fn is_traced() -> bool {
    const NAME: &[u8] = b"\0btf_trace_io_uring_submit_req\0";
    std::fs::read("/sys/kernel/btf/vmlinux")
        .is_ok_and(|types| memchr::memmem::find(&types, NAME).is_some())
}

/// Names of the hooks as the kernel knows them.
pub(crate) fn hooks() -> impl Iterator<Item = String> {
    ["submit_req", "complete", "cqe_overflow"]
        .into_iter()
        .map(|name| format!("tp_btf/io_uring_{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_for_a_call_that_exists() {
        for (kind, name) in RING_CALLS {
            assert!(*kind < N_RING_CALLS);
            assert!(Syscall::from_name(name).is_some(), "{name}");
        }
        assert_eq!(numbers().len(), 2 * N_RING_CALLS);
    }
}
