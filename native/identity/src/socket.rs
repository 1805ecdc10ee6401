//! Which runtimes there may be, and where their sockets are.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use peregrine_world::Runtime;

/// The interface that a socket speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// Docker Engine API.
    Docker,
    /// Podman's API, which is Docker's and more.
    Podman,
    /// containerd's own API, and CRI on the same socket.
    Containerd,
    /// CRI alone, as CRI-O has it.
    Cri,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Docker, Self::Podman, Self::Containerd, Self::Cri];

    /// The word before the `=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::Cri => "cri",
        }
    }

    /// May containers whose cgroup has this form be from here?
    pub(crate) fn may_have_made(self, runtime: Runtime) -> bool {
        match runtime {
            Runtime::Docker => self == Self::Docker,
            Runtime::Podman => self == Self::Podman,
            Runtime::Containerd => matches!(self, Self::Containerd | Self::Cri),
            Runtime::Crio => self == Self::Cri,
            // A kubelet's pods, and places of a user's choice (a cgroup parent): anyone's.
            Runtime::Cri | Runtime::Unknown => true,
            Runtime::Lxc | Runtime::LibvirtLxc => false,
        }
    }
}

/// A runtime's socket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Socket {
    /// What it speaks.
    pub kind: Kind,
    /// Where it is, or will be.
    pub path: PathBuf,
}

/// Why a text names no socket.
#[derive(Debug, thiserror::Error)]
#[error(
    "{given:?} names no runtime socket: write docker=, podman=, containerd= or cri= and an absolute path"
)]
pub struct SocketError {
    given: String,
}

impl FromStr for Socket {
    type Err = SocketError;

    fn from_str(text: &str) -> Result<Self, SocketError> {
        let wrong = || SocketError { given: text.to_owned() };
        let (kind, path) = text.split_once('=').ok_or_else(wrong)?;
        let kind = Kind::ALL.into_iter().find(|it| it.as_str() == kind).ok_or_else(wrong)?;
        let path = PathBuf::from(path.strip_prefix("unix://").unwrap_or(path));
        if path.is_absolute() { Ok(Self { kind, path }) } else { Err(wrong()) }
    }
}

impl Socket {
    /// The user whose runtime listens here; `None` for the machine's. In a container the host's
    /// `/run` is somewhere below.
    pub(crate) fn owner(&self) -> Option<u32> {
        let mut names =
            self.path.iter().filter_map(|name| name.to_str()).skip_while(|it| *it != "run");
        let is_users = names.next().is_some() && names.next() == Some("user");
        names.next().filter(|_| is_users)?.parse().ok()
    }
}

/// Where runtimes put their sockets: as distributed, k3s and RKE2, k0s, MicroK8s.
pub fn usual_sockets() -> Vec<Socket> {
    [
        (Kind::Docker, "/run/docker.sock"),
        (Kind::Podman, "/run/podman/podman.sock"),
        (Kind::Containerd, "/run/containerd/containerd.sock"),
        (Kind::Containerd, "/run/k3s/containerd/containerd.sock"),
        (Kind::Containerd, "/run/k0s/containerd.sock"),
        (Kind::Containerd, "/var/snap/microk8s/common/run/containerd.sock"),
        (Kind::Cri, "/run/crio/crio.sock"),
    ]
    .into_iter()
    .map(|(kind, path)| Socket { kind, path: Path::new(path).into() })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_a_kind_and_an_absolute_path() {
        let socket: Socket = "docker=unix:///run/docker.sock".parse().unwrap();
        assert_eq!(socket, usual_sockets()[0]);
        for wrong in ["", "docker", "docker=", "docker=run/x", "dokcer=/run/x", "/run/docker.sock"]
        {
            let error = wrong.parse::<Socket>().unwrap_err().to_string();
            assert!(error.contains("absolute path"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_users_runtime_is_told_by_its_folder() {
        let owner = |text: &str| text.parse::<Socket>().unwrap().owner();
        assert_eq!(owner("podman=/run/user/1000/podman/podman.sock"), Some(1000));
        assert_eq!(owner("podman=/host/run/user/1000/podman/podman.sock"), Some(1000));
        assert_eq!(owner("podman=/run/podman/podman.sock"), None);
    }
}
