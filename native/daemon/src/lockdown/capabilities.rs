//! Which capabilities a thread keeps.

use anyhow::Context as _;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use super::Role;

/// Gives up all others, and the way to get any back.
pub(super) fn keep(role: Role<'_>) -> anyhow::Result<()> {
    set_no_new_privs(true).context("no_new_privs")?;
    empty_bounding_set();
    let permitted = capabilities(None).context("read capabilities")?.permitted;
    let kept = permitted & wanted(role, permitted);
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).context("give up capabilities")?;
    // Kernels without an ambient set have nothing to clear, and giving up the inheritable ones has
    // cleared it in the others.
    clear_ambient_capability_set().ok();
    Ok(())
}

fn wanted(role: Role<'_>, permitted: CapabilitySet) -> CapabilitySet {
    match role {
        Role::Serve(_) | Role::LookUpNames => CapabilitySet::empty(),
        Role::Attach => {
            let bpf = CapabilitySet::BPF | CapabilitySet::PERFMON;
            // An engine that knows neither name can only give what stood for both before 5.8.
            let load = if permitted.contains(bpf) { bpf } else { bpf | CapabilitySet::SYS_ADMIN };
            // Tracepoint ids are for root's eyes; another user needs the right to read them.
            let is_root = rustix::process::geteuid().is_root();
            if is_root { load } else { load | CapabilitySet::DAC_READ_SEARCH }
        }
        // Links of `/proc/PID` take the first, the environment of other users' processes the second.
        Role::ReadProcesses => CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH,
    }
}

/// Takes CAP_SETPCAP. Where that is not had, no_new_privs alone keeps an exec from gaining any.
fn empty_bounding_set() {
    for bit in 0..u64::BITS {
        remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)).ok();
    }
}
