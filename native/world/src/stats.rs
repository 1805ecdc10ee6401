//! How much the world may hold, and what it has to say of itself.

use std::path::PathBuf;

/// How much the world may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Processes, the ended ones that are still known included; at least 2.
    pub processes: usize,
    /// Bytes of arguments, environments, paths and cgroups, each counted once.
    pub bytes: usize,
    /// Processes read from `/proc` in a second of event time because no event had told of them.
    pub heals_per_second: u32,
}

impl Default for Limits {
    /// Twice the processes that a full node runs (110 pods), 1 KiB each; a heal takes about 80 µs,
    /// so that a storm of them takes at most a twelfth of a CPU.
    fn default() -> Self {
        Self { processes: 65_536, bytes: 64 << 20, heals_per_second: 1000 }
    }
}

/// What the world holds and has done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Known processes.
    pub processes: usize,
    /// Of these, those that ended.
    pub ended: usize,
    /// Bytes of arguments, environments, paths and cgroups.
    pub bytes: usize,
    /// Processes given up for want of room.
    pub evictions: u64,
    /// Times that a process was asked for and nothing was known of it.
    pub placeholders: u64,
    /// Processes read from `/proc` because no event had told of them.
    pub heals: u64,
    /// Heals that were due and not made, because of their limit.
    pub refused_heals: u64,
    /// Forks by a process that nothing was known of.
    pub unknown_parents: u64,
    /// Bytes of containers' users and groups.
    pub account_bytes: usize,
}

/// What a snapshot found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SnapshotStats {
    /// Processes that were new.
    pub added: usize,
    /// Processes that events had told of.
    pub known: usize,
    /// Of these, the ones that were otherwise than events had told.
    pub renewed: usize,
    /// Processes that had ended without an event.
    pub ended: usize,
    /// Pids that vanished while they were read.
    pub gone: usize,
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The directory can't be read.
    #[error("read processes in {path}; mount proc there")]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It counts pids in another way than the kernel's records.
    #[error(
        "{path} belongs to another pid namespace than the host's; use the host's pid namespace"
    )]
    OtherPidNamespace {
        /// Where.
        path: PathBuf,
    },
}
