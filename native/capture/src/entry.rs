//! Does this kernel have an entry for 32-bit system calls? They pass no `syscalls:*` tracepoint, so
//! where there is one, only raw `sys_exit` sees all. Found out by trying, in a child that may die.

use std::io;

/// How a program may call the kernel besides the native 64-bit way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entries {
    /// `int 0x80` (or AArch32) works.
    pub is_32_bit: bool,
    /// x32 numbers work.
    pub is_x32: bool,
}

impl Entries {
    /// Some call could pass by the per-syscall tracepoints.
    pub fn has_other_than_native(self) -> bool {
        self.is_32_bit || self.is_x32
    }
}

/// Tries both. Makes child processes, so it is for the time before there are threads.
pub fn entries() -> io::Result<Entries> {
    Ok(Entries { is_32_bit: survives(call_32_bit)?, is_x32: survives(call_x32)? })
}

/// Does `attempt` return true in a child process? False if it kills the child, unless a seccomp
/// filter did: that is for this process and what it starts, and says nothing of others.
fn survives(attempt: fn() -> bool) -> io::Result<bool> {
    // SAFETY: the child calls only `attempt` and `_exit`, which are safe after fork.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let status = if attempt() { 0 } else { 1 };
            // SAFETY: ends the child without running what the parent has registered at exit.
            unsafe { libc::_exit(status) }
        }
        child => {
            let mut status = 0;
            loop {
                // SAFETY: `child` is ours and `status` is a valid place.
                if unsafe { libc::waitpid(child, &raw mut status, 0) } == child {
                    return Ok(is_survivor(status));
                }
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

fn is_survivor(status: i32) -> bool {
    match libc::WIFSIGNALED(status) {
        true => libc::WTERMSIG(status) == libc::SIGSYS,
        false => libc::WEXITSTATUS(status) == 0,
    }
}

#[cfg(target_arch = "x86_64")]
fn call_32_bit() -> bool {
    const GETPID: u64 = 20; // arch/x86/entry/syscalls/syscall_32.tbl
    // SAFETY: getpid has no arguments and touches no memory; without a 32-bit entry the kernel ends
    // this process, which is what is asked.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") GETPID => _, lateout("r8") _,
            lateout("r9") _, lateout("r10") _, lateout("r11") _);
    }
    // It came back, with whatever a filter may have put there.
    true
}

#[cfg(target_arch = "x86_64")]
fn call_x32() -> bool {
    const X32_GETPID: libc::c_long = 0x4000_0000 | libc::SYS_getpid;
    // SAFETY: getpid has no arguments.
    let result = unsafe { libc::syscall(X32_GETPID) };
    // Another error is a filter's.
    result >= 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ENOSYS)
}

#[cfg(target_arch = "aarch64")]
fn call_32_bit() -> bool {
    // SAFETY: asks the kernel for its list of personalities by setting PER_LINUX32, in a child.
    unsafe { libc::personality(0x0008) != -1 }
}

#[cfg(target_arch = "aarch64")]
fn call_x32() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_on_this_process_does_not_hide_an_entry_from_the_probe() {
        fn killed_by(signal: libc::c_int) -> bool {
            // SAFETY: ends the child that `survives` has made, in which this runs.
            unsafe { libc::raise(signal) == 0 }
        }
        assert!(survives(|| true).unwrap());
        assert!(!survives(|| false).unwrap());
        assert!(survives(|| killed_by(libc::SIGSYS)).unwrap());
        assert!(!survives(|| killed_by(libc::SIGILL)).unwrap());
    }
}
