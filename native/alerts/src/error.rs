//! What can keep the alert service from starting.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the alert service did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has the journal open.
    #[error(
        "the journal {} is in use by another daemon: stop that one, or give this one a \
         --state-dir of its own", path.display()
    )]
    JournalInUse {
        /// The journal.
        path: PathBuf,
    },
    /// The journal cannot be opened or created.
    #[error(
        "open the journal {}: check that its directory exists on a writable disk with room left",
        path.display()
    )]
    Journal {
        /// The journal.
        path: PathBuf,
        /// The store's answer.
        #[source]
        source: Box<redb::Error>,
    },
    /// Alerts cannot be posted there.
    #[error("{url} is no address to post alerts to: write http://HOST:PORT/ or https://HOST:PORT/")]
    HttpUrl {
        /// As given.
        url: String,
    },
    /// No request can have this header.
    #[error("the header {name:?} of the HTTP output holds letters that no header may have")]
    HttpHeader {
        /// Its name.
        name: String,
    },
    /// A certificate or key of the HTTP output cannot be used.
    #[error("read {} for the HTTP output: it has to be a PEM file", path.display())]
    HttpPem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },
    /// Somebody listens on the socket already.
    #[error(
        "the socket {} is in use: stop the daemon that listens there, or choose another path \
         with --grpc-socket", path.display()
    )]
    SocketInUse {
        /// The socket.
        path: PathBuf,
    },
    /// The socket's path is taken by something that is no socket.
    #[error(
        "{} exists and is no socket: remove it, or choose another path with --grpc-socket",
        path.display()
    )]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("listen on the socket {}: check the directory and its permissions", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// The socket's group does not exist.
    #[error(
        "there is no group {group:?} in /etc/group: create it with `groupadd --system {group}`, \
         or choose another with --grpc-socket-group"
    )]
    UnknownGroup {
        /// The group's name.
        group: String,
    },
    /// The address cannot be listened on.
    #[error("listen on {address}: choose a free address of this host with --grpc-listen")]
    Address {
        /// The address.
        address: SocketAddr,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// A file of the TLS configuration cannot be used.
    #[error("the TLS file {} ({option}) {problem}", path.display())]
    Tls {
        /// The option that names the file.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The alert file cannot be opened.
    #[error("open the alert file {}: check the directory and its permissions", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// A thread or the runtime cannot be started.
    #[error("start a thread of the alert service: raise the process's limit of threads")]
    Thread {
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
}
