//! Events: records decoded, their texts still where the kernel wrote them.

use std::{borrow::Cow, net::IpAddr};

/// Says that something about an event is not the whole truth.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flags(pub(crate) u32);

impl Flags {
    /// A text was longer than its limit and is cut.
    pub fn is_truncated(self) -> bool {
        self.0 & 1 != 0
    }

    /// Memory of the caller could not be read.
    pub fn is_unreadable(self) -> bool {
        self.0 & 2 != 0
    }

    /// What the kernel did is not what the caller's memory asked for.
    pub fn is_mismatch(self) -> bool {
        self.0 & 4 != 0
    }

    /// The kernel's object was gone; the caller's copy stands instead.
    pub fn is_from_caller(self) -> bool {
        self.0 & 8 != 0
    }

    /// The filter in the kernel would have left the event out: it is told to check the filter.
    pub fn is_audit(self) -> bool {
        self.0 & 16 != 0
    }

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// For sources other than the programs (the `/proc` snapshot, tests).
    pub const UNREADABLE: Self = Self(2);
    /// For sources other than the programs (the `/proc` snapshot, tests).
    pub const TRUNCATED: Self = Self(1);
}

/// Which ring a record came through.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Lane {
    /// Forks, execs, exits and cgroup moves.
    LifeCycle,
    /// Everything else.
    Busy,
}

/// What every event carries: who did it and when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// `CLOCK_BOOTTIME`, ns.
    pub time: u64,
    /// When the process (its main thread) began, `CLOCK_BOOTTIME`, ns. With `pid` the process's key.
    pub start_time: u64,
    /// Process (thread group) as the host counts.
    pub pid: u32,
    /// Thread as the host counts.
    pub tid: u32,
    /// Effective user of the thread.
    pub euid: u32,
    /// Effective group of the thread.
    pub egid: u32,
    /// Audit user, `u32::MAX` when not set.
    pub loginuid: u32,
    /// CPU that the thread ran on.
    pub cpu: u16,
    /// What is not the whole truth.
    pub flags: Flags,
}

/// An event and who did it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event<'a> {
    /// Who and when.
    pub header: Header,
    /// What.
    pub kind: Kind<'a>,
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind<'a> {
    /// A process was made; the header is its maker's.
    Fork(Box<Fork<'a>>),
    /// A process runs a new image.
    Exec(Box<Exec<'a>>),
    /// The last thread of a process ended.
    Exit(Exit),
    /// A process was moved into another cgroup; the header is the mover's.
    CgroupAttach(CgroupAttach<'a>),
    /// What descriptors 0 to 2 of a process stand for; the process is about to be told to have
    /// exec'd.
    Streams(Box<[Option<Descriptor<'a>>; 3]>),
    /// An exec was refused; the process runs on as it was.
    ExecFailed(ExecFailed<'a>),
    /// One of open, openat, openat2, creat.
    Open(Open<'a>),
    /// A connect.
    Connect(Connect<'a>),
    /// Any other call.
    Call(Box<Call<'a>>),
}

/// A path as the kernel walked it, leaf first, each name ended by a NUL.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct KernelPath<'a> {
    pub(crate) names: &'a [u8],
    pub(crate) flags: u32,
}

impl<'a> KernelPath<'a> {
    const ROOTED: u32 = 1;
    const PSEUDO: u32 = 2;
    const CUT: u32 = 8;
    const DELETED: u32 = 16;

    /// A path up to the root, from names leaf first, each ended by a NUL.
    /// For sources other than the programs (the `/proc` snapshot, tests).
    pub fn rooted(names: &'a [u8]) -> Self {
        Self { names, flags: Self::ROOTED }
    }

    /// A file that stands in no directory, by its name.
    /// For sources other than the programs (the `/proc` snapshot, tests).
    pub fn pseudo(name: &'a [u8]) -> Self {
        Self { names: name, flags: Self::PSEUDO }
    }

    /// No path was recorded.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.flags & (Self::ROOTED | Self::PSEUDO) == 0
    }

    /// A file that stands in no directory: a memfd, a pipe, a socket.
    pub fn is_pseudo(&self) -> bool {
        self.flags & Self::PSEUDO != 0
    }

    /// The walk ended before the root: the text is the end of the path only.
    pub fn is_cut(&self) -> bool {
        self.flags & Self::CUT != 0
    }

    /// No name is left for the file.
    pub fn is_deleted(&self) -> bool {
        self.flags & Self::DELETED != 0
    }

    /// Appends the path root first: `/a/b`, or the bare name of a pseudo file.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        self.for_each_part(|part| out.extend_from_slice(part));
    }

    /// Gives the pieces of the path as `write_to` appends them: slashes and names, root first.
    pub fn for_each_part(&self, mut take: impl FnMut(&'a [u8])) {
        let names = self.names.strip_suffix(b"\0").unwrap_or(self.names);
        if self.is_pseudo() {
            return take(names);
        }
        if names.is_empty() {
            if !self.is_empty() {
                take(b"/");
            }
            return;
        }
        for name in names.rsplit(|&byte| byte == 0) {
            take(b"/");
            take(name);
        }
    }

    /// At least as many bytes as the path has.
    pub fn length_bound(&self) -> usize {
        self.names.len() + 1
    }
}

/// What the kernel knows of a process at fork and at exec, and `/proc` at the start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessFacts {
    /// `CLOCK_BOOTTIME`, ns.
    pub start_time: u64,
    /// Of the parent, `CLOCK_BOOTTIME`, ns; 0 when not known.
    pub parent_start_time: u64,
    /// When the init of its pid namespace began, `CLOCK_BOOTTIME`, ns; 0 when not known.
    pub pidns_start_time: u64,
    /// Capability sets, a bit per `CAP_*`.
    pub cap_inheritable: u64,
    /// See `cap_inheritable`.
    pub cap_permitted: u64,
    /// See `cap_inheritable`.
    pub cap_effective: u64,
    /// kernfs id of the cgroup that tells the container.
    pub cgroup_id: u64,
    /// As the host counts.
    pub pid: u32,
    /// As the host counts.
    pub parent_pid: u32,
    /// As its own pid namespace counts.
    pub vpid: u32,
    /// As the host counts.
    pub session_id: u32,
    /// As the host counts.
    pub group_id: u32,
    /// As its own pid namespace counts.
    pub vgroup_id: u32,
    /// As its own pid namespace counts.
    pub vsession_id: u32,
    /// Controlling terminal as in `/proc/PID/stat`, 0 for none.
    pub tty: u32,
    /// Real user.
    pub uid: u32,
    /// Real group.
    pub gid: u32,
    /// Effective user.
    pub euid: u32,
    /// Effective group.
    pub egid: u32,
    /// Audit user, `u32::MAX` when not set.
    pub loginuid: u32,
    /// What it uses.
    pub usage: Usage,
    /// `task_struct.comm`, up to its NUL.
    pub comm: Comm,
}

/// What a process uses of the machine, at its fork or exec.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// How many descriptors it may have (`RLIMIT_NOFILE`).
    pub descriptor_limit: u64,
    /// How many it has; `None` for more than are counted.
    pub descriptors: Option<u32>,
    /// Threads.
    pub threads: u32,
    /// Page faults that had to read.
    pub major_faults: u64,
    /// Page faults that had not.
    pub minor_faults: u64,
    /// Its memory.
    pub memory: Memory,
}

/// Who a process is and what it may, after a call that changes it; as in [`ProcessFacts`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "see `ProcessFacts`")]
pub struct Identity {
    pub cap_inheritable: u64,
    pub cap_permitted: u64,
    pub cap_effective: u64,
    pub session_id: u32,
    pub group_id: u32,
    pub vgroup_id: u32,
    pub vsession_id: u32,
}

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Memory {
    /// Mapped.
    pub size: u32,
    /// In memory, as far as the kernel has summed it up.
    pub resident: u32,
    /// Swapped out.
    pub swapped: u32,
}

/// The kernel's name of a task: at most 15 bytes.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Comm {
    bytes: [u8; 16],
}

impl Comm {
    /// The first 15 bytes, or those before a NUL.
    pub fn new(text: &[u8]) -> Self {
        let mut bytes = [0; 16];
        let length = text.iter().position(|&byte| byte == 0).unwrap_or(text.len()).min(15);
        bytes[..length].copy_from_slice(&text[..length]);
        Self { bytes }
    }

    /// Without the NUL.
    pub fn as_bytes(&self) -> &[u8] {
        let length = self.bytes.iter().position(|&byte| byte == 0).unwrap_or(15);
        &self.bytes[..length]
    }
}

impl std::fmt::Debug for Comm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}", String::from_utf8_lossy(self.as_bytes()))
    }
}

/// Which call made a process.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ForkCall {
    /// clone(2), and what the kernel starts without a call
    #[default]
    Clone,
    /// clone3(2)
    Clone3,
    /// fork(2)
    Fork,
    /// vfork(2)
    Vfork,
}

/// See [`Kind::Fork`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fork<'a> {
    /// Which call.
    pub call: ForkCall,
    /// `CLONE_*` bits.
    pub flags: u64,
    /// The new process.
    pub child: ProcessFacts,
    /// Its cgroup.
    pub cgroup: KernelPath<'a>,
}

/// The file that a process runs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Executable {
    /// Inode number.
    pub inode: u64,
    /// Change time, ns since the epoch.
    pub ctime: u64,
    /// Modification time, ns since the epoch.
    pub mtime: u64,
    /// Kernel's `dev_t`.
    pub device: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// `i_mode`.
    pub mode: u32,
    /// Where overlayfs keeps it.
    pub layer: Layer,
}

/// Where overlayfs keeps a file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Layer {
    /// Not on overlayfs.
    #[default]
    None,
    /// In the writable layer.
    Upper,
    /// In a read-only layer.
    Lower,
}

/// See [`Kind::Exec`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exec<'a> {
    /// The process as it is now.
    pub process: ProcessFacts,
    /// The file that it runs.
    pub executable: Executable,
    /// As given to execve.
    pub filename: &'a [u8],
    /// Path of the file that it runs.
    pub executable_path: KernelPath<'a>,
    /// Working directory.
    pub cwd: KernelPath<'a>,
    /// Its cgroup.
    pub cgroup: KernelPath<'a>,
    /// argv, each ended by a NUL (the last one may be cut).
    pub arguments: &'a [u8],
    /// Environment, each ended by a NUL (the last one may be cut).
    pub environment: &'a [u8],
    /// Bytes of argv before any cut.
    pub arguments_total: u64,
    /// Bytes of the environment before any cut.
    pub environment_total: u64,
}

/// See [`Kind::Exit`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Exit {
    /// As wait(2) has it.
    pub status: i32,
}

/// See [`Kind::CgroupAttach`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CgroupAttach<'a> {
    /// The moved process.
    pub pid: u32,
    /// When the moved process began.
    pub start_time: u64,
    /// kernfs id.
    pub cgroup_id: u64,
    /// Path in its hierarchy, root first.
    pub path: &'a [u8],
}

/// See [`Kind::ExecFailed`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExecFailed<'a> {
    /// Negative errno.
    pub result: i64,
    /// `AT_FDCWD` for execve.
    pub dirfd: i32,
    /// execveat rather than execve.
    pub is_at: bool,
    /// As given.
    pub filename: &'a [u8],
    /// What a relative filename is relative to.
    pub base: KernelPath<'a>,
    /// argv, each ended by a NUL.
    pub arguments: &'a [u8],
}

/// Which call opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum OpenCall {
    /// open(2)
    Open = 0,
    /// openat(2)
    Openat,
    /// openat2(2)
    Openat2,
    /// creat(2)
    Creat,
}

/// See [`Kind::Open`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Open<'a> {
    /// Which call.
    pub call: OpenCall,
    /// Which way it came.
    pub via: Via,
    /// fd, or negative errno.
    pub result: i64,
    /// `AT_FDCWD` where the call has none.
    pub dirfd: i32,
    /// The caller's `O_*` bits.
    pub flags: u32,
    /// The caller's mode bits.
    pub mode: u32,
    /// openat2's `RESOLVE_*` bits.
    pub resolve: u64,
    /// Kernel's `dev_t` of the opened file, 0 without one.
    pub device: u32,
    /// Inode of the opened file, 0 without one.
    pub inode: u64,
    /// `i_mode` of the opened file, 0 without one.
    pub file_mode: u32,
    /// Where overlayfs keeps the opened file.
    pub layer: Layer,
    /// This call made the file.
    pub is_created: bool,
    /// As given.
    pub requested: &'a [u8],
    /// What a relative name is relative to.
    pub base: KernelPath<'a>,
    /// Path of the opened file.
    pub resolved: KernelPath<'a>,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Endpoint {
    /// Address.
    pub address: IpAddr,
    /// Port in host order.
    pub port: u16,
}

/// What the kernel's socket says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Socket<'a> {
    /// The fd is no socket, or is gone.
    None,
    /// IPv4 and IPv6.
    Inet {
        /// `AF_INET` or `AF_INET6`
        family: u16,
        /// This end.
        local: Endpoint,
        /// The other end, or the unspecified address when there is none (a refused connect).
        remote: Endpoint,
    },
    /// `AF_UNIX`
    Unix {
        /// Kernel address of this end, as a name for it.
        socket: u64,
        /// Kernel address of the other end, 0 when there is none.
        peer: u64,
        /// Name that the peer is bound to; begins with a NUL when abstract, empty when unnamed.
        path: Cow<'a, [u8]>,
    },
    /// Another family, by its `AF_*` number.
    Other(u16),
}

/// A socket behind a descriptor.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SocketState<'a> {
    /// `SOCK_*`
    pub socket_type: u16,
    /// `IPPROTO_*`
    pub protocol: u16,
    /// Inode of the socket.
    pub inode: u64,
    /// It waits for connections.
    pub is_listening: bool,
    /// It has another end.
    pub is_connected: bool,
    /// Of TCP: its other end connected to it.
    pub is_accepted: bool,
    /// Of one that listens: how many wait to be accepted, and how many may.
    pub queue: (u32, u32),
    /// What the kernel's socket says.
    pub socket: Socket<'a>,
}

/// See [`Kind::Connect`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connect<'a> {
    /// Which way it came.
    pub via: Via,
    /// 0, or negative errno.
    pub result: i64,
    /// The socket's descriptor.
    pub fd: i32,
    /// The socket.
    pub state: SocketState<'a>,
    /// The address as the caller gave it: `struct sockaddr`.
    pub requested: &'a [u8],
}

/// A file behind a descriptor: whatever is no socket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileState<'a> {
    /// Inode number.
    pub inode: u64,
    /// Kernel's `dev_t`.
    pub device: u32,
    /// `i_mode`; 0 of anonymous inodes.
    pub mode: u32,
    /// Where overlayfs keeps it.
    pub layer: Layer,
    /// `O_*` bits it was opened with.
    pub open_flags: u32,
    /// Which file system it is on: the kernel's `*_MAGIC`.
    pub magic: u32,
    /// Its path, or the name of a pseudo file.
    pub path: KernelPath<'a>,
}

/// What stands behind a descriptor.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Descriptor<'a> {
    /// Anything else.
    File(FileState<'a>),
    /// A socket.
    Socket(SocketState<'a>),
}

/// A descriptor as an event told it, kept beyond that event.
#[derive(Clone, Debug)]
pub struct KeptDescriptor {
    /// Without texts, which stand in `text`.
    state: Descriptor<'static>,
    text: Box<[u8]>,
    flags: u32,
}

impl KeptDescriptor {
    /// Copies it.
    pub fn new(descriptor: &Descriptor<'_>) -> Self {
        match descriptor {
            Descriptor::File(FileState { inode, device, mode, layer, open_flags, magic, path }) => {
                Self {
                    state: Descriptor::File(FileState {
                        inode: *inode,
                        device: *device,
                        mode: *mode,
                        layer: *layer,
                        open_flags: *open_flags,
                        magic: *magic,
                        path: KernelPath::default(),
                    }),
                    text: path.names.into(),
                    flags: path.flags,
                }
            }
            Descriptor::Socket(state) => {
                let (socket, text): (_, &[u8]) = match &state.socket {
                    Socket::Unix { socket, peer, path } => {
                        let path_elsewhere = Cow::Borrowed(&[][..]);
                        (Socket::Unix { socket: *socket, peer: *peer, path: path_elsewhere }, path)
                    }
                    Socket::Inet { family, local, remote } => {
                        let (family, local, remote) = (*family, *local, *remote);
                        (Socket::Inet { family, local, remote }, &[])
                    }
                    Socket::None => (Socket::None, &[]),
                    Socket::Other(family) => (Socket::Other(*family), &[]),
                };
                let text = text.into();
                Self { state: Descriptor::Socket(state.with(socket)), text, flags: 0 }
            }
        }
    }

    /// As it was told.
    pub fn get(&self) -> Descriptor<'_> {
        match &self.state {
            Descriptor::File(state) => {
                let path = KernelPath { names: &self.text, flags: self.flags };
                Descriptor::File(FileState { path, ..*state })
            }
            Descriptor::Socket(state) => Descriptor::Socket(state.with(match &state.socket {
                Socket::Unix { socket, peer, .. } => {
                    Socket::Unix { socket: *socket, peer: *peer, path: Cow::Borrowed(&self.text) }
                }
                Socket::Inet { family, local, remote } => {
                    Socket::Inet { family: *family, local: *local, remote: *remote }
                }
                Socket::None => Socket::None,
                Socket::Other(family) => Socket::Other(*family),
            })),
        }
    }

    /// Bytes that it takes.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }
}

impl SocketState<'_> {
    /// The same with this as the socket.
    fn with<'b>(&self, socket: Socket<'b>) -> SocketState<'b> {
        SocketState {
            socket_type: self.socket_type,
            protocol: self.protocol,
            inode: self.inode,
            is_listening: self.is_listening,
            is_connected: self.is_connected,
            is_accepted: self.is_accepted,
            queue: self.queue,
            socket,
        }
    }
}

/// Which way a request came into the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Via {
    /// A system call.
    Syscall,
    /// A request in an io_uring.
    IoUring,
}

/// Which of a call's values something belongs to: an argument by its place from 0, or the result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place(pub u8);

impl Place {
    /// The result.
    pub const RESULT: Self = Self(6);
    /// The first of the two descriptors that a call has made.
    pub const FIRST: Self = Self(7);
    /// The second of them.
    pub const SECOND: Self = Self(8);
}

/// See [`Kind::Call`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call<'a> {
    /// Which call.
    pub syscall: crate::Syscall,
    /// As returned; an error is a negative errno.
    pub result: i64,
    /// The six argument registers.
    pub arguments: [u64; 6],
    /// Which way it came.
    pub via: Via,
    /// What the arguments point to.
    pub(crate) parts: [Option<Part<'a>>; PARTS],
}

/// As many as a record has sections.
pub(crate) const PARTS: usize = crate::record::CALL_SECTIONS;

/// What one argument points to or stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Part<'a> {
    pub(crate) place: Place,
    pub(crate) content: Content<'a>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Content<'a> {
    Text(&'a [u8]),
    Base(KernelPath<'a>),
    Descriptor(Descriptor<'a>),
    Bytes(&'a [u8]),
    Address(&'a [u8]),
    Cwd(KernelPath<'a>),
    Pair([i32; 2]),
    Identity(Identity),
    Memory(Memory),
    Total(u64),
    Control(&'a [u8]),
    Polled(Box<[Option<Descriptor<'a>>]>),
}

impl<'a> Call<'a> {
    /// An argument, the result, or a descriptor of a new pair.
    pub fn number(&self, place: Place) -> i64 {
        match place {
            Place::RESULT => self.result,
            Place::FIRST => self.pair().map_or(-1, |pair| pair[0].into()),
            Place::SECOND => self.pair().map_or(-1, |pair| pair[1].into()),
            Place(index) => self.argument(index) as i64,
        }
    }

    /// The two descriptors that the call has made.
    pub fn pair(&self) -> Option<[i32; 2]> {
        self.parts.iter().flatten().find_map(|part| match part.content {
            Content::Pair(pair) => Some(pair),
            _ => None,
        })
    }

    /// Memory of the process after the call.
    pub fn memory(&self) -> Option<Memory> {
        self.find(Place(0), |content| match content {
            Content::Memory(memory) => Some(*memory),
            _ => None,
        })
    }

    /// Who the process is and what it may after the call, where that changes it.
    pub fn identity(&self) -> Option<Identity> {
        self.find(Place(0), |content| match content {
            Content::Identity(identity) => Some(*identity),
            _ => None,
        })
    }

    /// How many bytes an array of vectors stands for.
    pub fn total(&self, place: Place) -> Option<u64> {
        self.find(place, |content| match content {
            Content::Total(total) => Some(*total),
            _ => None,
        })
    }

    /// An argument as it stands in its register.
    pub fn argument(&self, index: u8) -> u64 {
        self.arguments.get(usize::from(index)).copied().unwrap_or(0)
    }

    /// The text that an argument points to, without its NUL.
    pub fn text(&self, place: Place) -> Option<&'a [u8]> {
        self.find(place, |content| match content {
            Content::Text(text) => Some(*text),
            _ => None,
        })
    }

    /// What a relative path is relative to; empty for an absolute one.
    pub fn base(&self, place: Place) -> KernelPath<'a> {
        let base = self.find(place, |content| match content {
            Content::Base(path) => Some(*path),
            _ => None,
        });
        base.unwrap_or_default()
    }

    /// What a descriptor stands for, if it still did at the end of the call.
    pub fn descriptor(&self, place: Place) -> Option<&Descriptor<'a>> {
        self.parts.iter().flatten().find_map(|part| match &part.content {
            Content::Descriptor(found) if part.place == place => Some(found),
            _ => None,
        })
    }

    /// The descriptor that the call is about: the first one that its recipe names and that stands
    /// for something.
    pub fn first_descriptor(&self) -> Option<(Place, &Descriptor<'a>)> {
        self.parts.iter().flatten().find_map(|part| match &part.content {
            Content::Descriptor(found) => Some((part.place, found)),
            _ => None,
        })
    }

    /// Memory that an argument points to.
    pub fn bytes(&self, place: Place) -> Option<&'a [u8]> {
        self.find(place, |content| match content {
            Content::Bytes(bytes) => Some(*bytes),
            _ => None,
        })
    }

    /// Control messages that came with a message.
    pub fn control(&self, place: Place) -> Option<&'a [u8]> {
        self.find(place, |content| match content {
            Content::Control(bytes) => Some(*bytes),
            _ => None,
        })
    }

    /// What the first of the descriptors stand for that the call waits for, in its order.
    pub fn polled(&self) -> &[Option<Descriptor<'a>>] {
        let mut contents = self.parts.iter().flatten().map(|part| &part.content);
        let found = contents.find_map(|content| match content {
            Content::Polled(descriptors) => Some(&**descriptors),
            _ => None,
        });
        found.unwrap_or_default()
    }

    /// The `struct sockaddr` that an argument points to.
    pub fn address(&self, place: Place) -> Option<&'a [u8]> {
        self.find(place, |content| match content {
            Content::Address(bytes) => Some(*bytes),
            _ => None,
        })
    }

    /// Where the caller stands after the call.
    pub fn cwd(&self) -> Option<KernelPath<'a>> {
        self.find(Place(0), |content| match content {
            Content::Cwd(path) => Some(*path),
            _ => None,
        })
    }

    fn find<T>(&self, place: Place, of: impl Fn(&Content<'a>) -> Option<T>) -> Option<T> {
        self.parts
            .iter()
            .flatten()
            .filter(|part| part.place == place)
            .find_map(|part| of(&part.content))
    }
}
