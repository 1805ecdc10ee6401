//! Seccomp: a list of system calls for each role. All others are refused with `EPERM`.

use std::collections::BTreeMap;

use anyhow::Context as _;
use libc::{c_int, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Compare,
    SeccompCondition, SeccompFilter, SeccompRule, apply_filter,
};

use super::Role;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Filters the calling thread's calls from now on.
pub(super) fn filter(role: Role<'_>) -> anyhow::Result<()> {
    apply(&Rules::from([(libc::SYS_clone3, Vec::new())]), UNKNOWN_CLONE)?;
    apply(&allowed(role)?, SeccompAction::Errno(libc::EPERM as u32))
}

/// Its flags are behind a pointer, where a filter cannot look; told that there is no such call, the
/// C library takes `clone`.
const UNKNOWN_CLONE: SeccompAction = SeccompAction::Errno(libc::ENOSYS as u32);

/// `clone3` alone gets the action; in a list, what is not in it gets it.
fn apply(rules: &Rules, action: SeccompAction) -> anyhow::Result<()> {
    let (mismatch, matched) = match action {
        UNKNOWN_CLONE => (SeccompAction::Allow, action),
        refusal => (refusal, SeccompAction::Allow),
    };
    let machine = std::env::consts::ARCH.try_into().context("no filter for this processor")?;
    let filter = SeccompFilter::new(rules.clone(), mismatch, matched, machine)?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&program).context("install the filter")
}

fn allowed(role: Role<'_>) -> anyhow::Result<Rules> {
    let mut rules = Rules::new();
    allow(&mut rules, EVERY_THREAD);
    if_all(&mut rules, libc::SYS_clone, &[has(0, libc::CLONE_THREAD)])?;
    if_all(&mut rules, libc::SYS_mmap, &[lacks(2, libc::PROT_EXEC)])?;
    if_all(&mut rules, libc::SYS_mprotect, &[lacks(2, libc::PROT_EXEC)])?;
    if_all(&mut rules, libc::SYS_prctl, &[is(0, libc::PR_SET_NAME)])?;
    if_all(&mut rules, libc::SYS_prctl, &[is(0, libc::PR_SET_VMA)])?;
    // The C library asks for the limit of the stack.
    if_all(&mut rules, libc::SYS_prlimit64, &[is(0, 0)])?;
    // For abort.
    if_all(&mut rules, libc::SYS_tgkill, &[is(0, std::process::id() as c_int)])?;
    match role {
        Role::Serve(needs) => {
            allow(&mut rules, SERVE);
            for request in [libc::FIONBIO, libc::FIOCLEX, libc::FIONREAD, libc::TCGETS] {
                if_all(&mut rules, libc::SYS_ioctl, &[is(1, request as c_int)])?;
            }
            // Sockets for clients over TCP were made before: only a connection out takes a new one.
            let families: &[_] = match needs.connect.is_empty() {
                true => &[libc::AF_UNIX],
                false => &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK],
            };
            for &family in families {
                if_all(&mut rules, libc::SYS_socket, &[is(0, family)])?;
            }
            if_all(&mut rules, libc::SYS_socketpair, &[is(0, libc::AF_UNIX)])?;
            if !needs.connect.is_empty() {
                // The C library binds the socket by which it asks for the machine's addresses.
                allow(&mut rules, &[libc::SYS_bind]);
            }
        }
        Role::Attach => {
            allow(&mut rules, ATTACH);
            read_only_open(&mut rules)?;
        }
        Role::LookUpNames => {
            allow(&mut rules, LOOK_UP_NAMES);
            read_only_open(&mut rules)?;
            for family in [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK] {
                if_all(&mut rules, libc::SYS_socket, &[is(0, family)])?;
            }
            if_all(&mut rules, libc::SYS_ioctl, &[is(1, libc::FIONREAD as c_int)])?;
        }
        Role::ReadProcesses => {
            allow(&mut rules, READ_PROCESSES);
            read_only_open(&mut rules)?;
            // What is said of a panic.
            if_all(&mut rules, libc::SYS_write, &[is(0, libc::STDERR_FILENO)])?;
        }
    }
    Ok(rules)
}

fn allow(rules: &mut Rules, calls: &[c_long]) {
    rules.extend(calls.iter().map(|&call| (call, Vec::new())));
}

/// Allows a call with such arguments, besides those that are allowed already.
fn if_all(rules: &mut Rules, call: c_long, conditions: &[Argument]) -> anyhow::Result<()> {
    let conditions = conditions
        .iter()
        .map(|it| SeccompCondition::new(it.index, Length::Dword, it.compare.clone(), it.value));
    let rule = SeccompRule::new(conditions.collect::<Result<_, _>>()?)?;
    rules.entry(call).or_default().push(rule);
    Ok(())
}

struct Argument {
    index: u8,
    compare: Compare,
    value: u64,
}

fn is(index: u8, value: c_int) -> Argument {
    Argument { index, compare: Compare::Eq, value: u64::from(value as u32) }
}

fn has(index: u8, bits: c_int) -> Argument {
    let bits = u64::from(bits as u32);
    Argument { index, compare: Compare::MaskedEq(bits), value: bits }
}

fn lacks(index: u8, bits: c_int) -> Argument {
    Argument { index, compare: Compare::MaskedEq(u64::from(bits as u32)), value: 0 }
}

/// `O_TMPFILE` needs write access, so the access mode covers it.
fn read_only_open(rules: &mut Rules) -> anyhow::Result<()> {
    let flags = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC;
    if_all(rules, libc::SYS_openat, &[lacks(2, flags)])
}

/// Memory, time, waiting, ending.
const EVERY_THREAD: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_clone3,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_get_robust_list,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
];

const SERVE: &[c_long] = &[
    // Files; which ones, landlock decides.
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fallocate,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_rm_watch,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
    // Sockets that are open.
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    // Waiting for several at once.
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    // Who and where it is.
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getppid,
    libc::SYS_getrusage,
    libc::SYS_getuid,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // The older names of the above.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_dup2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
];

const ATTACH: &[c_long] = &[
    libc::SYS_bpf,
    libc::SYS_epoll_ctl,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_ioctl,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_perf_event_open,
    libc::SYS_read,
    libc::SYS_statx,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
];

/// What the C library makes of a question for a name. It writes to tell the judging thread.
const LOOK_UP_NAMES: &[c_long] = &[
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_statx,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
];

const READ_PROCESSES: &[c_long] = &[
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_getdents64,
    libc::SYS_getxattr,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    // Its flags are behind a pointer. What it opens cannot be written to: no call here does that.
    libc::SYS_openat2,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_statx,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
];
