//! Asks container runtimes who their containers are.
//!
//! ```text
//! Runtimes::ask ──► asker ──► Docker, Podman, containerd, CRI ──► News ──► the daemon
//!                             └─ their events ───────────────────────┘
//! ```
//!
//! Everything runs on one thread of its own. Each socket has a watcher that waits for the socket to
//! appear, lists what runs, follows the runtime's events and begins anew when the connection ends.
//! So the name is normally there before a container's first process; for what is not, the daemon
//! asks. **Invariant:** the judging thread never waits for this one. **Bounds:** questions, calls
//! under way, bytes of an answer, and the time that a call may take.

#![forbid(unsafe_code)]

mod asker;
mod containerd;
mod cri;
mod docker;
mod http;
mod runtimes;
mod socket;
mod spec;
mod watcher;

pub use runtimes::{Runtimes, Status};
pub use socket::{Kind, Socket, SocketError, usual_sockets};

/// Why a runtime gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum Failure {
    #[error("connect: {0}")]
    Connect(#[source] std::io::Error),
    #[error("the runtime answered {0}")]
    Status(u16),
    #[error("the answer is larger than {0} bytes, or broke off")]
    Body(usize),
    #[error("no answer within {0:?}")]
    Late(std::time::Duration),
    #[error("the answer is not as documented: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Rpc(#[from] Box<tonic::Status>),
    #[error("the runtime closed the connection")]
    Closed,
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::Rpc(Box::new(status))
    }
}
