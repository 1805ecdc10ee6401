//! Lines for the machine's log, as syslog(3) hands them over: a datagram to `/dev/log` each.
//!
//! The socket is connected anew when the log's own daemon was restarted.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::alert::Priority;

/// Where the machine's log listens.
pub(crate) const SOCKET: &str = "/dev/log";
/// `LOG_USER`, as Falco's messages have it.
const FACILITY: u8 = 1;
/// What a full log may hold one line up for.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A line with what says whose it is and how urgent.
pub(crate) fn message(priority: Priority, line: &str) -> String {
    let number = FACILITY << 3 | priority as u8;
    let now = Timestamp::now().to_zoned_datetime(TimeZone::system());
    let time = now.strftime("%b %e %H:%M:%S");
    format!("<{number}>{time} peregrined[{}]: {line}", std::process::id())
}

/// The machine's log.
pub(crate) struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    /// It need not listen yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), socket: connected(path).ok() }
    }

    /// Hands over one message; if nobody takes it, once more over a fresh socket.
    pub fn send(&mut self, message: &str) -> io::Result<()> {
        if let Some(socket) = &self.socket
            && socket.send(message.as_bytes()).is_ok()
        {
            return Ok(());
        }
        let socket = self.socket.insert(connected(&self.path)?);
        socket.send(message.as_bytes()).map(drop)
    }
}

fn connected(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    socket.connect(path)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(log: &UnixDatagram) -> String {
        let mut bytes = [0; 4096];
        let length = log.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[test]
    fn a_message_has_facility_and_severity_in_front() {
        let critical = message(Priority::Critical, "Alert text");
        assert!(critical.starts_with("<10>"), "{critical}");
        let end = format!(" peregrined[{}]: Alert text", std::process::id());
        assert!(critical.ends_with(&end), "{critical}");
        assert!(message(Priority::Debug, "x").starts_with("<15>"));
    }

    #[test]
    fn a_log_that_comes_late_or_is_restarted_gets_the_next_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut syslog = Syslog::new(&path);
        assert!(syslog.send("nobody").is_err());
        let log = UnixDatagram::bind(&path).unwrap();
        syslog.send("one").unwrap();
        assert_eq!(received(&log), "one");
        drop(log);
        std::fs::remove_file(&path).unwrap();
        assert!(syslog.send("lost").is_err());
        let log = UnixDatagram::bind(&path).unwrap();
        syslog.send("two").unwrap();
        assert_eq!(received(&log), "two");
    }
}
