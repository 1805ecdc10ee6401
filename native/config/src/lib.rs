//! `falco.yaml` as configuration: each key is honoured, or answered with one warning that says what
//! takes its place.
//!
//! ```text
//! text ─► tree (with the place of every value) ─► keys (known? of the right kind?) ─► FalcoYaml
//!           ▲ -o key=value, config_files                    └─► warnings, errors
//! ```
//!
//! **Invariant:** no file is opened here: the caller reads. **Invariant:** a key that is not known is
//! never passed over in silence.
#![forbid(unsafe_code)]

mod change;
mod falco;
mod keys;
mod tree;

pub use change::{Change, ChangeError};
pub use falco::{Engine, FalcoYaml, Grpc, Http, Log};
pub use keys::{Key, Kind, Treatment, all as keys};
pub use tree::{Error, Strategy, Tree};

/// Something to tell about a key; the daemon starts all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// `file:line:column`, or `-o` for a key of the command line.
    pub place: String,
    /// The key with those above it, such as `http_output.url`.
    pub key: String,
    /// What about it.
    pub message: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}: {}", self.place, self.key, self.message)
    }
}
