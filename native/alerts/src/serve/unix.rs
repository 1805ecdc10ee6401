//! The Unix socket: mode 0660, an optional group, and never taken from a daemon that lives.
//!
//! The socket is bound under a name of its own, gets its mode and group, and is then renamed to
//! its place: nobody can connect in between, and a stale socket is replaced in one step.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A listening socket; its file is removed with it.
pub(crate) struct Socket {
    pub listener: UnixListener,
    pub guard: SocketFile,
}

/// Removes the socket's file when dropped.
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(path = %self.0.display(), error = %error, "socket not removed");
        }
    }
}

/// Listens at `path`.
pub(crate) fn listen(path: &Path, group: Option<&str>) -> Result<Socket, Error> {
    let gid = group.map(gid_of).transpose()?;
    let failed = |source| Error::Socket { path: path.to_owned(), source };
    make_parent(path).map_err(failed)?;
    check_free(path)?;
    let listener = bind(path, gid).map_err(failed)?;
    Ok(Socket { listener, guard: SocketFile(path.to_owned()) })
}

fn bind(path: &Path, gid: Option<u32>) -> io::Result<UnixListener> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&fresh)?;
    let placed = place(&fresh, path, gid).and_then(|()| listener.set_nonblocking(true));
    if let Err(error) = placed {
        // The first error is the one to tell.
        fs::remove_file(&fresh).ok();
        return Err(error);
    }
    Ok(listener)
}

fn place(fresh: &Path, path: &Path, gid: Option<u32>) -> io::Result<()> {
    if gid.is_some() {
        chown(fresh, None, gid)?;
    }
    fs::set_permissions(fresh, fs::Permissions::from_mode(0o660))?;
    fs::rename(fresh, path)
}

/// Refuses a path that a daemon listens on, or that is no socket at all.
fn check_free(path: &Path) -> Result<(), Error> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::Socket { path: path.to_owned(), source }),
        Ok(metadata) => metadata,
    };
    if !metadata.file_type().is_socket() {
        return Err(Error::NotASocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(Error::SocketInUse { path: path.to_owned() }),
        // A full backlog is a daemon that lives.
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            Err(Error::SocketInUse { path: path.to_owned() })
        }
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(source) => Err(Error::Socket { path: path.to_owned(), source }),
    }
}

fn make_parent(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    // The socket's own mode decides who may connect; its group must be able to reach it.
    fs::DirBuilder::new().recursive(true).mode(0o755).create(parent)
}

fn gid_of(group: &str) -> Result<u32, Error> {
    if let Ok(gid) = group.parse() {
        return Ok(gid);
    }
    let unknown = || Error::UnknownGroup { group: group.to_owned() };
    let groups = fs::read("/etc/group").map_err(|_| unknown())?;
    find_gid(&String::from_utf8_lossy(&groups), group).ok_or_else(unknown)
}

/// The number of a group in the text of `/etc/group`.
fn find_gid(groups: &str, group: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut parts = line.split(':');
        let named = parts.next() == Some(group);
        let gid = parts.nth(1);
        if named { gid?.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_by_name() {
        let groups = "root:x:0:\nadm:x:4:syslog,me\nbroken\nfalco:x:990:\n";
        assert_eq!(find_gid(groups, "falco"), Some(990));
        assert_eq!(find_gid(groups, "adm"), Some(4));
        assert_eq!(find_gid(groups, "broken"), None);
        assert_eq!(find_gid(groups, "me"), None);
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/alerts.sock");
        drop(listen(&path, None).unwrap().listener);
        let stale = UnixListener::bind(&path);
        drop(stale);
        let live = listen(&path, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        let refused = listen(&path, None).err().unwrap();
        assert!(refused.to_string().contains("alerts.sock is in use: stop"), "{refused}");
        drop(live);
        assert!(!path.exists(), "the socket goes with its owner");
    }

    #[test]
    fn a_path_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        fs::write(&path, "data").unwrap();
        assert!(matches!(listen(&path, None), Err(Error::NotASocket { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"data");
    }

    #[test]
    fn an_unknown_group_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let refused = listen(&path, Some("no-such-group")).err().unwrap();
        assert!(refused.to_string().contains("groupadd --system no-such-group"), "{refused}");
        assert!(!path.exists());
    }
}
