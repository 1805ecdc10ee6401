//! What events don't carry: processes and their ancestors, users, containers.
//!
//! ```text
//! Event ──► World::apply ──► processes ──► process, ancestors, leaders, users ──► daemon
//! /proc ──► World::snapshot     ▲
//!       └─► World::prepare (a process that no event told of)
//! ```
//!
//! Fork copies pointers, exec makes every text once, reading allocates nothing. An ended process
//! stays known until [`World::reap`]. This room knows nothing of rules, and nothing of where events
//! come from. Numbers and bytes are bounded by [`Limits`]; what is given up is counted in
//! [`Stats`] and read again from `/proc` when it is asked for.
//!
//! **Start times.** The kernel's records have nanoseconds of `CLOCK_BOOTTIME`; `/proc` has the same
//! clock rounded down to ticks of 10 ms. A process read from `/proc` matches a record's if pid and
//! tick are the same, and takes over the exact time from the first record that names it.

#![forbid(unsafe_code)]

mod accounts;
mod budget;
mod container;
pub mod identity;
mod image;
mod lineage;
pub mod parse;
mod process;
mod procfs;
mod reader;
mod stats;
mod table;
mod texts;
mod users;
mod world;

pub use accounts::{Accounts, User};
pub use container::{Container, ContainerId, Runtime, identify};
pub use image::Image;
pub use process::{Cgroup, End, Precision, Process, ProcessKey};
pub use procfs::OpenDescriptor;
pub use reader::Reader;
pub use stats::{Limits, SnapshotError, SnapshotStats, Stats};
pub use table::Place;
pub use texts::Texts;
pub use world::{Roots, World};
