//! cgroup path → container: which runtime made the cgroup, and the id it gave.
//!
//! A pure function over the path's components, innermost first, so that a container in a container
//! is the inner one. The path is all that is known here: whoever may write cgroups can make one
//! that looks like a container's, and only the runtime can say that there is no such container.
//! The path tells, too, what container or user had the right to make the cgroup.

use std::sync::Arc;

/// Ids that people read have this many characters.
const SHORT: usize = 12;
/// Docker, containerd, CRI-O and Podman give 32 random bytes in hex.
const FULL: usize = 64;
/// Longest name that LXC and libvirt take is shorter (`NAME_MAX` less a prefix).
const LIMIT_NAME: usize = 255;

/// Where a process runs.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub enum Container {
    /// In no container.
    #[default]
    Host,
    /// In a container.
    Id(Arc<ContainerId>),
}

impl Container {
    /// The container's id, or `None` on the host.
    pub fn id(&self) -> Option<&ContainerId> {
        match self {
            Self::Host => None,
            Self::Id(id) => Some(id),
        }
    }

    /// What `container.id` shows: 12 characters of the id, or `host`.
    pub fn short(&self) -> &str {
        self.id().map_or("host", ContainerId::short)
    }
}

/// A container's name for itself.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ContainerId {
    /// Who made it.
    pub runtime: Runtime,
    /// The user whose part of the tree it is in: only that user's runtimes make containers there.
    pub owner: Option<u32>,
    /// The container around it.
    pub outer: Option<Box<ContainerId>>,
    full: Box<str>,
}

impl ContainerId {
    /// The whole id: 12 to 64 hex digits, or a name for LXC and libvirt.
    pub fn full(&self) -> &str {
        &self.full
    }

    /// The first 12 characters of a hex id, the whole of a name.
    pub fn short(&self) -> &str {
        if self.runtime.names_containers() {
            return &self.full;
        }
        self.full.get(..SHORT).unwrap_or(&self.full)
    }
}

/// What made a container, as far as a cgroup's name tells.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Runtime {
    /// Docker
    Docker,
    /// containerd, by CRI, nerdctl or ctr
    Containerd,
    /// A kubelet's runtime, no telling which
    Cri,
    /// CRI-O
    Crio,
    /// Podman
    Podman,
    /// LXC and Incus
    Lxc,
    /// LXC by libvirt
    LibvirtLxc,
    /// A container's cgroup in a place of the user's choice
    Unknown,
}

impl Runtime {
    /// What `container.type` shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::Cri => "cri",
            Self::Crio => "cri-o",
            Self::Podman => "podman",
            Self::Lxc => "lxc",
            Self::LibvirtLxc => "libvirt-lxc",
            Self::Unknown => "unknown",
        }
    }

    /// Ids of these are the containers' names, and no service tells more.
    pub(crate) fn names_containers(self) -> bool {
        matches!(self, Self::Lxc | Self::LibvirtLxc)
    }
}

/// `PREFIX<id>`, with or without `.scope`. What has another word between prefix and id, such as
/// `crio-conmon-` and `libpod-conmon-`, is a monitor's cgroup and not a container's.
const PREFIXES: [(&[u8], Runtime); 6] = [
    (b"cri-containerd-", Runtime::Containerd),
    (b"crio-", Runtime::Crio),
    (b"docker-", Runtime::Docker),
    (b"libpod-", Runtime::Podman),
    (b"libpod-payload-", Runtime::Podman),
    (b"nerdctl-", Runtime::Containerd),
];

/// `SLICE:WORD:<id>`: a systemd name taken literally by a runtime that writes cgroups itself.
const WORDS: [(&[u8], Runtime); 5] = [
    (b"cri-containerd", Runtime::Containerd),
    (b"crio", Runtime::Crio),
    (b"docker", Runtime::Docker),
    (b"libpod", Runtime::Podman),
    (b"nerdctl", Runtime::Containerd),
];

/// The component that stands somewhere above a bare id begins with one of these.
const PARENTS: [(&[u8], Runtime); 6] = [
    (b"actions_job", Runtime::Docker),
    (b"docker", Runtime::Docker),
    (b"ecs", Runtime::Docker),
    (b"kubepods", Runtime::Cri),
    (b"libpod_parent", Runtime::Podman),
    (b"libpod_pod_", Runtime::Podman),
];

/// Containers in containers that are told apart; what is further in counts as the innermost.
const DEPTH: usize = 4;

/// Tells which container a cgroup belongs to: the innermost, with those around it.
pub fn identify(cgroup_path: &[u8]) -> Container {
    let owner = owner(cgroup_path);
    let mut ids: Vec<ContainerId> = Vec::new();
    let mut rest = cgroup_path;
    loop {
        let at = rest.iter().rposition(|&byte| byte == b'/');
        let (parents, name) = at.map_or((&[][..], rest), |at| (&rest[..at], &rest[at + 1..]));
        if let Some(mut id) = identify_component(parents, name) {
            id.owner = owner;
            // The outermost matters most, since it is the one that a runtime of ours may know.
            if ids.len() == DEPTH {
                ids.pop();
            }
            ids.push(id);
        }
        if at.is_none() {
            break;
        }
        rest = parents;
    }
    let nested = ids.into_iter().rev().reduce(|outer, mut inner| {
        inner.outer = Some(Box::new(outer));
        inner
    });
    nested.map_or(Container::Host, |id| Container::Id(Arc::new(id)))
}

/// The user of `user@UID.service`, below which systemd lets that user make cgroups.
fn owner(cgroup_path: &[u8]) -> Option<u32> {
    cgroup_path.split(|&byte| byte == b'/').find_map(|name| {
        let uid = name.strip_prefix(b"user@")?.strip_suffix(b".service")?;
        std::str::from_utf8(uid).ok()?.parse().ok()
    })
}

fn identify_component(parents: &[u8], name: &[u8]) -> Option<ContainerId> {
    let stem = name.strip_suffix(b".scope").unwrap_or(name);
    by_prefix(stem)
        .or_else(|| by_word(stem))
        .or_else(|| by_name(parents, name, stem))
        .or_else(|| bare(parents, stem))
}

fn by_prefix(stem: &[u8]) -> Option<ContainerId> {
    PREFIXES.iter().find_map(|(prefix, runtime)| hex(stem.strip_prefix(*prefix)?, SHORT, *runtime))
}

fn by_word(stem: &[u8]) -> Option<ContainerId> {
    let mut parts = stem.rsplit(|&byte| byte == b':');
    let (id, word) = (parts.next()?, parts.next()?);
    let (_, runtime) = WORDS.iter().find(|(known, _)| *known == word)?;
    hex(id, SHORT, *runtime)
}

fn by_name(parents: &[u8], name: &[u8], stem: &[u8]) -> Option<ContainerId> {
    if let Some(name) = name.strip_prefix(b"lxc.payload.") {
        return named(name, Runtime::Lxc);
    }
    if let Some(name) = name.strip_suffix(b".libvirt-lxc") {
        return named(name, Runtime::LibvirtLxc);
    }
    if let Some(machine) = stem.strip_prefix(br"machine-lxc\x2d") {
        let name = after_number(machine)?;
        return named(name, Runtime::LibvirtLxc);
    }
    let parent = parents.rsplit(|&byte| byte == b'/').next()?;
    match parent {
        b"lxc" if parents.ends_with(b"libvirt/lxc") => named(name, Runtime::LibvirtLxc),
        b"lxc" | b"lxc.payload" => named(name, Runtime::Lxc),
        _ => None,
    }
}

/// systemd-machined's name: the leader's number, an escaped dash, the name.
fn after_number(machine: &[u8]) -> Option<&[u8]> {
    let digits = machine.iter().take_while(|byte| byte.is_ascii_digit()).count();
    machine[digits..].strip_prefix(br"\x2d")
}

fn bare(parents: &[u8], stem: &[u8]) -> Option<ContainerId> {
    hex(stem, FULL, bare_runtime(parents))
}

fn bare_runtime(parents: &[u8]) -> Runtime {
    let by_parent = parents.rsplit(|&byte| byte == b'/').find_map(|component| {
        PARENTS
            .iter()
            .find(|(parent, _)| component.starts_with(parent))
            .map(|(_, runtime)| *runtime)
    });
    // `/NAMESPACE/<id>` is what containerd's own clients make.
    let is_containerd = parents.iter().filter(|&&byte| byte == b'/').count() == 1
        && ![&b".slice"[..], b".service", b".scope"].iter().any(|unit| parents.ends_with(unit));
    by_parent.unwrap_or(if is_containerd { Runtime::Containerd } else { Runtime::Unknown })
}

fn hex(id: &[u8], shortest: usize, runtime: Runtime) -> Option<ContainerId> {
    let is_id = (shortest..=FULL).contains(&id.len())
        && id.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_id.then(|| to_id(id, runtime))?
}

fn named(name: &[u8], runtime: Runtime) -> Option<ContainerId> {
    let is_name = !name.is_empty()
        && name.len() <= LIMIT_NAME
        && name.iter().all(|byte| byte.is_ascii_graphic());
    is_name.then(|| to_id(name, runtime))?
}

fn to_id(text: &[u8], runtime: Runtime) -> Option<ContainerId> {
    let full = std::str::from_utf8(text).ok()?.into();
    Some(ContainerId { runtime, owner: None, outer: None, full })
}
