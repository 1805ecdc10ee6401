//! Which paths the running daemon goes on to need.

use std::path::{Path, PathBuf};

/// What the threads that judge and serve may still reach; all else is out of reach.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Needs {
    /// Files and folders that are read.
    pub read: Vec<PathBuf>,
    /// Folders in which files are made, written, renamed and removed.
    pub own: Vec<PathBuf>,
    /// Files that are appended to, and made anew after log rotation.
    pub append: Vec<PathBuf>,
    /// Unix sockets that are removed at the end.
    pub sockets: Vec<PathBuf>,
    /// TCP ports that are connected to.
    pub connect: Vec<u16>,
}

/// Folders with so much in them that being allowed one is being allowed nearly all.
const BROAD: [&str; 11] =
    ["/", "/dev", "/etc", "/home", "/proc", "/root", "/run", "/sys", "/usr", "/var", "/var/lib"];

/// Where the kernel's answers are read, the time zone, and the names of hosts to connect to.
const ALWAYS_READ: [&str; 5] =
    ["/proc", "/sys/fs/cgroup", "/sys/devices/system/cpu", "/usr/share/zoneinfo", "/etc/localtime"];
const READ_TO_CONNECT: [&str; 8] = [
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/pki",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
];

impl Needs {
    /// All paths that are read, those that every daemon needs among them.
    pub(super) fn all_read(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let to_connect = READ_TO_CONNECT.iter().filter(|_| !self.connect.is_empty());
        let to_connect = to_connect.flat_map(|path| readable(Path::new(path)));
        let named = self.read.iter().flat_map(|path| readable(path));
        ALWAYS_READ.iter().map(PathBuf::from).chain(to_connect).chain(named)
    }
}

/// Makes a folder that could not be allowed when somebody makes it later: one that is absent below a
/// broad one, such as `/etc/peregrine/rules.d`.
pub fn make_reachable(path: &Path) {
    if !path.exists() && folder(path).is_none_or(is_broad) {
        // Where it cannot be made, nobody makes it later either, or a restart finds it.
        if let Err(error) = std::fs::create_dir_all(path) {
            tracing::debug!(path = %path.display(), %error, "folder not made");
        }
    }
}

/// What to allow so that a path can be read now and after it was replaced, as editors and
/// orchestrators do: a folder as it is, a file by its folder. A link's target counts as well.
fn readable(path: &Path) -> Vec<PathBuf> {
    let target = path.canonicalize().ok();
    let mut all: Vec<_> = [Some(path), target.as_deref()]
        .into_iter()
        .flatten()
        .filter_map(|path| {
            if path.is_dir() {
                return Some(path.to_owned());
            }
            match folder(path) {
                Some(folder) if !is_broad(folder) => Some(folder.to_owned()),
                _ => path.exists().then(|| path.to_owned()),
            }
        })
        .collect();
    all.dedup();
    all
}

/// The nearest folder that is there: one that is made later is allowed with it.
pub(super) fn folder(path: &Path) -> Option<&Path> {
    path.ancestors()
        .skip(1)
        .find(|folder| folder.is_dir())
        .map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

pub(super) fn is_broad(folder: &Path) -> bool {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    BROAD.iter().any(|broad| folder == Path::new(broad))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn a_file_is_allowed_with_its_folder_so_that_it_can_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rules.yaml");
        fs::write(&file, "[]").unwrap();
        assert_eq!(readable(&file), [folder.path()]);
        assert_eq!(readable(folder.path()), [folder.path()]);
    }

    #[test]
    fn a_link_is_allowed_with_what_it_points_to() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let target = elsewhere.path().join("real.yaml");
        fs::write(&target, "[]").unwrap();
        let link = folder.path().join("rules.yaml");
        symlink(&target, &link).unwrap();
        assert_eq!(readable(&link), [folder.path(), elsewhere.path()]);
    }

    #[test]
    fn a_folder_that_is_made_later_is_allowed_with_the_one_above_unless_that_holds_everything() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(readable(&folder.path().join("later/rules.d")), [folder.path()]);
        assert!(readable(Path::new("/etc/not-there-at-all/rules.d")).is_empty());
        assert_eq!(readable(Path::new("/etc/passwd")), [Path::new("/etc/passwd")]);
    }

    #[test]
    fn names_of_hosts_are_read_only_where_there_is_something_to_connect_to() {
        let hosts = PathBuf::from("/etc/hosts");
        let connect = Needs { connect: vec![443], ..Needs::default() };
        assert!(connect.all_read().any(|path| path == hosts));
        assert!(!Needs::default().all_read().any(|path| path == hosts));
    }
}
