//! Kernel facts as typed events, in order.
//!
//! ```text
//! BPF programs (../bpf) ─► two lanes (ring buffers) ─► Lanes::drain ─► Event
//!       ▲                                                    └──────► Gap
//!       └── Capture: load, attach, set_interest
//! ```
//!
//! This room knows nothing of rules, containers or users. It keeps nothing but positions. When
//! the reader is slow, a lane fills up, the newest records are lost, and a [`Gap`] says exactly how
//! many; the kernel is never held up. Dropping [`Capture`] detaches and unloads all programs.

mod decode;
mod entry;
pub mod event;
mod interest;
mod lanes;
mod load;
mod probe;
mod recipes;
mod record;
mod ring;
mod ring_calls;
mod syscalls;
mod tracefs;

pub use decode::{DecodeError, LanePlace, decode};
pub use entry::{Entries, entries};
pub use interest::{Interest, Opens};
pub use lanes::{Gap, Item, Lanes, Newest, Waker};
pub use load::{Capture, Counts, Flood, Hooks, LoadError, Settings, Walk};
pub use probe::{Cgroups, Probe};
pub use syscalls::Syscall;
