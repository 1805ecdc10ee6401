//! Recordings: events with the values of all their fields, as lines of JSON that a stranger can read
//! and write. `docs/recordings.md` is the contract.
//!
//! What a process is and what it did are separate lines, since most events of a process share the
//! former. A recording knows nothing of records of the kernel, so it can be replayed by any later
//! version.
//!
//! **Bounds:** a line has at most 1 MiB, a recording at most a million lines of processes.
#![forbid(unsafe_code)]

mod read;
mod value;
mod write;

pub use read::{Error, Reader, RecordedEvent};
pub use write::{Writer, key};

/// The word by which a recording is known.
pub(crate) const FORMAT: &str = "peregrine-recording";
/// The version that is written; a reader refuses later ones.
pub(crate) const VERSION: u64 = 1;
