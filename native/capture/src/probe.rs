//! What this kernel offers and this process may do: looked at, not derived from a version.

use std::{fs, io};

use rustix::{
    system::uname,
    thread::{CapabilitySet, capabilities},
};

use crate::{
    entry::{Entries, entries},
    load::{Capture, Hooks, LoadError, Settings, Walk},
    syscalls::Syscall,
    tracefs::Tracefs,
};

/// Answers to the questions that capture depends on.
#[derive(Debug)]
pub struct Probe {
    /// `uname -r`
    pub release: String,
    /// `uname -m`
    pub machine: String,
    /// The kernel describes its own types (`CONFIG_DEBUG_INFO_BTF`).
    pub has_btf: bool,
    /// Capabilities that capture needs and this process lacks.
    pub missing_capabilities: Vec<&'static str>,
    /// The kernel's lockdown, as its file shows it; `None` where there is no such file.
    pub lockdown: Option<String>,
    /// Ways into the kernel besides native system calls.
    pub entries: io::Result<Entries>,
    /// Whether tracepoint ids can be had.
    pub tracefs: io::Result<()>,
    /// How paths would be walked.
    pub walk: Walk,
    /// Cgroup hierarchies in use.
    pub cgroups: Cgroups,
}

/// Cgroup hierarchies in use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cgroups {
    /// Only version 2.
    V2,
    /// Version 1 controllers, version 2 beside them or not.
    Hybrid,
    /// None that could be seen.
    Unknown,
}

impl Probe {
    /// Looks at everything. Makes child processes, so it is for the time before there are threads.
    pub fn take() -> Self {
        let name = uname();
        Self {
            release: name.release().to_string_lossy().into_owned(),
            machine: name.machine().to_string_lossy().into_owned(),
            has_btf: fs::metadata("/sys/kernel/btf/vmlinux").is_ok(),
            missing_capabilities: missing_capabilities(),
            lockdown: fs::read_to_string("/sys/kernel/security/lockdown")
                .ok()
                .map(|text| text.trim().to_owned()),
            entries: entries(),
            tracefs: Tracefs::open().map(|_| ()),
            walk: Walk::choose(),
            cgroups: cgroups(),
        }
    }

    /// The hooks that `auto` stands for here.
    pub fn hooks(&self) -> Hooks {
        match (&self.entries, &self.tracefs) {
            (Ok(entries), Ok(())) => Hooks::choose(*entries),
            // What could not be found out may be there; and without tracefs there is no other way.
            _ => Hooks::SysExit,
        }
    }

    /// Loads and attaches the programs for a moment: the only sure answer.
    pub fn try_load(&self, settings: Settings) -> Result<Vec<String>, LoadError> {
        let (mut capture, _lanes) = Capture::load(settings)?;
        // One for each program.
        let calls: Vec<_> =
            ["open", "creat", "openat", "openat2", "connect", "execve", "execveat", "unlinkat"]
                .into_iter()
                .filter_map(Syscall::from_name)
                .collect();
        capture.set_interest(&calls.as_slice().into())?;
        Ok(capture.hooks())
    }
}

/// CAP_BPF and CAP_PERFMON load and attach; CAP_SYS_ADMIN stands for both before 5.8, and still does.
fn missing_capabilities() -> Vec<&'static str> {
    let Ok(sets) = capabilities(None) else { return Vec::new() };
    if sets.effective.contains(CapabilitySet::SYS_ADMIN) {
        return Vec::new();
    }
    [(CapabilitySet::BPF, "CAP_BPF"), (CapabilitySet::PERFMON, "CAP_PERFMON")]
        .into_iter()
        .filter(|(capability, _)| !sets.effective.contains(*capability))
        .map(|(_, name)| name)
        .collect()
}

fn cgroups() -> Cgroups {
    let Ok(text) = fs::read_to_string("/proc/self/cgroup") else { return Cgroups::Unknown };
    match (text.lines().any(|line| !line.starts_with("0::")), text.is_empty()) {
        (_, true) => Cgroups::Unknown,
        (true, _) => Cgroups::Hybrid,
        (false, _) => Cgroups::V2,
    }
}
