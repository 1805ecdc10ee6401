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
//! asks. What is removed before it could be asked for is known by what the events told of it. **Invariant:** the judging thread never waits for this one. **Bounds:** questions, calls
//! under way, bytes of an answer, and the time that a call may take.

#![forbid(unsafe_code)]

mod asker;
mod containerd;
mod cri;
mod docker;
mod http;
mod images;
mod looks;
mod pods;
mod recent;
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
    #[error("the runtime told of the container, and it was removed before it could be asked for")]
    Removed,
}

impl Failure {
    /// Tells something about what was asked for, not about the connection.
    fn is_of_the_question(&self) -> bool {
        use tonic::Code;
        match self {
            Self::Status(_) | Self::Body(_) | Self::Json(_) | Self::Removed => true,
            Self::Rpc(status) => matches!(
                status.code(),
                Code::NotFound
                    | Code::Internal
                    | Code::InvalidArgument
                    | Code::FailedPrecondition
                    | Code::ResourceExhausted
                    | Code::OutOfRange
            ),
            Self::Connect(_) | Self::Late(_) | Self::Http(_) | Self::Closed => false,
        }
    }

    /// May be what a server says that is not ready yet, for which gRPC has no code and Go none.
    fn may_be_too_early(&self) -> bool {
        matches!(self, Self::Rpc(status) if status.code() == tonic::Code::Unknown)
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::Rpc(Box::new(status))
    }
}
