//! Gives up what the running daemon does not need, thread by thread.
//!
//! ```text
//! main, and all threads started from it after that ─ no capability, no path but those of `Needs`
//! attach ─ CAP_BPF and CAP_PERFMON; opens for reading only
//! names  ─ no capability; reads what name look-ups need, connects to name servers
//! proc   ─ CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; opens for reading only, cannot write at all
//! ```
//!
//! No thread can make a process, run a program, map code, load a kernel module, trace or mount.
//! The thread that reads `/proc` has no landlock domain, since the kernel refuses a look into
//! processes outside of the domain, whatever the capabilities. A thread passes what it lacks on to
//! the threads that it starts, so new ones need nothing of their own.
//!
//! Where the kernel lacks something, the rest is in force all the same, and what is missing is said.

mod capabilities;
mod needs;
mod paths;
mod syscalls;

use std::fmt;

pub use needs::{Needs, make_reachable};

/// Whether threads are confined at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lockdown {
    /// As far as the kernel can.
    On,
    /// Not at all, for debugging.
    Off,
}

/// What a thread is for.
#[derive(Clone, Copy, Debug)]
pub enum Role<'a> {
    /// Judges, journals and serves.
    Serve(&'a Needs),
    /// Loads and attaches programs.
    Attach,
    /// Looks up names of hosts.
    LookUpNames,
    /// Reads processes in `/proc`.
    ReadProcesses,
}

/// The port of name servers, for answers that are too long for a datagram.
const DOMAIN: u16 = 53;

/// What is in force.
#[derive(Debug, Default)]
pub struct Confinement {
    /// Version of landlock in force.
    pub landlock: Option<i32>,
    /// What is not in force, and why.
    pub shortfalls: Vec<Shortfall>,
}

/// A part of the confinement that could not be had.
#[derive(Debug)]
pub struct Shortfall {
    /// Which part: `capabilities`, `landlock`, `seccomp`.
    pub part: &'static str,
    /// What the kernel said.
    pub why: String,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.why)
    }
}

impl Confinement {
    fn note<T>(&mut self, part: &'static str, done: anyhow::Result<T>) -> Option<T> {
        done.map_err(|error| self.shortfalls.push(Shortfall { part, why: format!("{error:#}") }))
            .ok()
    }

    /// Says what is missing, once.
    fn announce(&self) {
        if self.shortfalls.is_empty() {
            let landlock = self.landlock.unwrap_or_default();
            tracing::info!(
                landlock,
                "locked down: no capabilities, system calls and paths limited"
            );
            return;
        }
        let missing: Vec<_> = self.shortfalls.iter().map(Shortfall::to_string).collect();
        tracing::warn!(missing = %missing.join("; "), "locked down in part; see peregrined doctor");
    }
}

impl Lockdown {
    /// Confines the calling thread, and those that it starts from now on, for good. Says what the
    /// kernel lacks where the role is to serve; it is the same for the others.
    pub fn confine(self, role: Role<'_>) {
        match self {
            Self::On => {
                let confinement = confine(role);
                if let Role::Serve(_) = role {
                    confinement.announce();
                }
            }
            Self::Off if matches!(role, Role::Serve(_)) => {
                tracing::warn!("not locked down: --no-lockdown is for debugging");
            }
            Self::Off => {}
        }
    }
}

fn confine(role: Role<'_>) -> Confinement {
    let mut confinement = Confinement::default();
    let kept = capabilities::keep(role);
    confinement.note("capabilities", kept);
    let to_look_up = Needs { connect: vec![DOMAIN], ..Needs::default() };
    let needs = match role {
        Role::Serve(needs) => Some(needs),
        Role::LookUpNames => Some(&to_look_up),
        Role::Attach | Role::ReadProcesses => None,
    };
    if let Some(needs) = needs {
        confinement.landlock = confinement.note("landlock", paths::restrict(needs));
    }
    // Last, since the others are set by system calls that it refuses.
    let filtered = syscalls::filter(role);
    confinement.note("seccomp", filtered);
    confinement
}

/// What this kernel would put in force: tries it on a thread of its own.
pub fn attempt() -> Confinement {
    let thread = std::thread::spawn(|| confine(Role::Serve(&Needs::default())));
    thread.join().unwrap_or_default()
}
