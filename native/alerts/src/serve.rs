//! The gRPC side: one runtime thread, the services, and where they listen.
//!
//! ```text
//! unix, tcp ─► server ─► outputs (sub, get)   ┐
//!                     ─► batches (Subscribe)  ├─ each stream pulls from a cursor of its own
//!                     ─► version              ┘
//! ```
//!
//! A stream is pulled by its transport: a subscriber that does not read stops its own stream by
//! HTTP/2 flow control and nothing else. At most [`SUBSCRIBERS`] streams are open.

pub(crate) mod batches;
pub(crate) mod outputs;
pub(crate) mod server;
pub(crate) mod tls;
pub(crate) mod unix;
pub(crate) mod version;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

/// Streams open at most; a daemon has a handful of subscribers.
pub(crate) const SUBSCRIBERS: usize = 64;

/// The places for subscribers.
#[derive(Clone)]
pub(crate) struct Places(Arc<Semaphore>);

impl Places {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(SUBSCRIBERS)))
    }

    /// A place, kept until it is dropped.
    pub fn take(&self) -> Result<OwnedSemaphorePermit, Box<Status>> {
        self.0.clone().try_acquire_owned().map_err(|_| {
            let text = format!("{SUBSCRIBERS} subscribers are connected: close one of them");
            Box::new(Status::resource_exhausted(text))
        })
    }

    pub fn taken(&self) -> u64 {
        (SUBSCRIBERS - self.0.available_permits()) as u64
    }
}

/// What a stream ends with when the daemon stops: clients connect again.
pub(crate) fn stopping() -> Status {
    Status::unavailable("the daemon is stopping")
}

/// A position that cannot be meant.
pub(crate) fn check_position(
    position: &crate::wire::falco::outputs::AlertPosition,
) -> Result<(), Box<Status>> {
    if position.stream_id.is_empty() {
        let text =
            "resume_after has no stream_id: send a position as it came with an alert, or none";
        return Err(Box::new(Status::invalid_argument(text)));
    }
    Ok(())
}
