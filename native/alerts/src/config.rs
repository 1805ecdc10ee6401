//! What the service is told at its start: resolved, not as typed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::http::HttpConfig;
use crate::line::LineOptions;
use crate::metrics::Metric;
use crate::sink::Format;

/// Where the journal is and how much it keeps.
#[derive(Debug, Clone)]
pub struct JournalConfig {
    /// The file. Beside it stand `….complete` and what was moved aside as `….corrupt-…`.
    pub path: PathBuf,
    /// Largest size of the file; at least 8 MiB are taken.
    pub limit_bytes: u64,
    /// Alerts older than this go, whatever room there is.
    pub age_limit: Option<Duration>,
    /// How long a group of alerts may gather under load; an alert that comes alone never waits.
    pub commit_interval: Duration,
}

impl JournalConfig {
    /// 256 MiB, a week, 2 ms.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            limit_bytes: 256 << 20,
            age_limit: Some(Duration::from_secs(7 * 24 * 3600)),
            commit_interval: Duration::from_millis(2),
        }
    }
}

/// Listening on TCP: only with mutual TLS.
#[derive(Debug, Clone)]
pub struct TcpConfig {
    /// Address and port.
    pub address: SocketAddr,
    /// PEM chain of this daemon.
    pub certificate: PathBuf,
    /// PEM key of the certificate.
    pub key: PathBuf,
    /// PEM certificates of the authorities that sign clients.
    pub client_ca: PathBuf,
}

/// The alert file.
#[derive(Debug, Clone)]
pub struct FileConfig {
    /// Where to append.
    pub path: PathBuf,
    /// Text or JSON.
    pub format: Format,
}

/// All that the service needs to start.
pub struct ServiceConfig {
    /// Name of this host in every alert.
    pub hostname: String,
    /// The journal.
    pub journal: JournalConfig,
    /// Path of the Unix socket, without `unix://`.
    pub unix_socket: Option<PathBuf>,
    /// Group of the socket: a name of /etc/group, or a number.
    pub socket_group: Option<String>,
    /// TCP with mutual TLS.
    pub tcp: Option<TcpConfig>,
    /// What goes to standard output.
    pub stdout: Format,
    /// The alert file.
    pub file: Option<FileConfig>,
    /// What goes to the machine's log.
    pub syslog: Format,
    /// Where alerts are posted.
    pub http: Option<HttpConfig>,
    /// What lines look like.
    pub line: LineOptions,
    /// `output` on the wire is the JSON line instead of the text line.
    pub json_output: bool,
    /// Self-metrics of the other rooms, for `Status`; this room's own are added.
    pub status: Arc<dyn Fn() -> Vec<Metric> + Send + Sync>,
}
