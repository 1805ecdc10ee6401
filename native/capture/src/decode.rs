//! Bytes of a record → typed event. The bytes come from our own programs, but a stale or foreign
//! pinned ring could hold anything, so nothing in them is trusted: no panic, no read out of bounds.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use zerocopy::FromBytes;

use crate::{
    event::{
        Call, CgroupAttach, Comm, Connect, Content, Descriptor, Endpoint, Event, Exec, ExecFailed,
        Executable, Exit, FileState, Flags, Fork, Header, Identity, KernelPath, Kind, Lane, Layer,
        Memory, Open, OpenCall, PARTS, Part, Place, ProcessFacts, Socket, SocketState, Usage, Via,
    },
    record::{
        self, CallRecord, CgroupAttachRecord, ConnectRecord, ExecFailedRecord, ExecRecord,
        ExitRecord, FileFacts, ForkRecord, IdentityFacts, MemoryFacts, OpenRecord,
        PolledDescriptor, RecordHeader, SocketFacts,
    },
    syscalls::{self, Syscall},
};

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// include/net/tcp_states.h; connected sockets of UDP and of unix(7) are in it, too.
const TCP_ESTABLISHED: u16 = 1;

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Shorter than its fixed part or its sections.
    #[error("record of {length} bytes ends before its {part}")]
    Short {
        /// Bytes given.
        length: usize,
        /// What did not fit.
        part: &'static str,
    },
    /// Another layout.
    #[error("record of layout version {0}, this build reads {version}", version = record::VERSION)]
    Version(u8),
    /// A kind that this build doesn't know.
    #[error("record of unknown kind {0}")]
    Kind(u16),
    /// A section that this build doesn't know.
    #[error("record with a section of unknown kind {0}")]
    Section(u16),
    /// A system call that this build doesn't know.
    #[error("record of unknown system call {number} (32-bit table: {is_compat})")]
    Call {
        /// Its number.
        number: u32,
        /// Of the 32-bit table.
        is_compat: bool,
    },
}

/// Where a record stands in its lane.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LanePlace {
    /// Which ring.
    pub lane: Lane,
    /// Which CPU wrote it.
    pub cpu: u16,
    /// Grows by one per record of this lane and CPU, lost ones included.
    pub sequence: u64,
    /// `CLOCK_BOOTTIME`, ns.
    pub time: u64,
}

/// Reads only what says where the record stands; `None` for a mere wake-up or foreign bytes.
pub(crate) fn place(bytes: &[u8]) -> Option<LanePlace> {
    let (header, _) = RecordHeader::read_from_prefix(bytes).ok()?;
    (header.kind != record::KIND_WAKE && header.version == record::VERSION).then_some(LanePlace {
        lane: if header.lane == 0 { Lane::LifeCycle } else { Lane::Busy },
        cpu: header.cpu,
        sequence: header.sequence,
        time: header.time,
    })
}

/// Decodes a record; `None` for a mere wake-up.
pub fn decode(bytes: &[u8]) -> Result<Option<Event<'_>>, DecodeError> {
    let (header, _) = fixed::<RecordHeader>(bytes)?;
    if header.version != record::VERSION {
        return Err(DecodeError::Version(header.version));
    }
    let kind = match header.kind {
        record::KIND_WAKE => return Ok(None),
        record::KIND_FORK => fork(bytes)?,
        record::KIND_EXEC => exec(bytes)?,
        record::KIND_EXIT => Kind::Exit(Exit { status: fixed::<ExitRecord>(bytes)?.0.status }),
        record::KIND_CGROUP_ATTACH => cgroup_attach(bytes)?,
        record::KIND_STREAMS => streams(bytes)?,
        record::KIND_EXEC_FAILED => exec_failed(bytes)?,
        record::KIND_OPEN => open(bytes)?,
        record::KIND_CONNECT => connect(bytes)?,
        record::KIND_CALL => call(bytes)?,
        other => return Err(DecodeError::Kind(other)),
    };
    Ok(Some(Event { header: to_header(&header), kind }))
}

fn to_header(header: &RecordHeader) -> Header {
    Header {
        time: header.time,
        start_time: header.start_time,
        pid: header.pid,
        tid: header.tid,
        euid: header.euid,
        egid: header.egid,
        loginuid: header.loginuid,
        cpu: header.cpu,
        flags: Flags(header.flags),
    }
}

fn fixed<T: FromBytes>(bytes: &[u8]) -> Result<(T, Sections<'_>), DecodeError> {
    T::read_from_prefix(bytes)
        .map(|(fixed, rest)| (fixed, Sections { rest, length: bytes.len() }))
        .map_err(|_| DecodeError::Short { length: bytes.len(), part: "fixed part" })
}

/// What follows the fixed part, taken from the front.
struct Sections<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Sections<'a> {
    fn bytes(&mut self, length: u32, part: &'static str) -> Result<&'a [u8], DecodeError> {
        let (section, rest) = self
            .rest
            .split_at_checked(length as usize)
            .ok_or(DecodeError::Short { length: self.length, part })?;
        self.rest = rest;
        Ok(section)
    }

    /// Without the NUL that ends it.
    fn text(&mut self, length: u32, part: &'static str) -> Result<&'a [u8], DecodeError> {
        let text = self.bytes(length, part)?;
        Ok(text.strip_suffix(b"\0").unwrap_or(text))
    }

    fn path(
        &mut self,
        length: u32,
        flags: u32,
        part: &'static str,
    ) -> Result<KernelPath<'a>, DecodeError> {
        Ok(KernelPath { names: self.bytes(length, part)?, flags })
    }
}

fn process_facts(facts: &record::ProcessFacts) -> ProcessFacts {
    ProcessFacts {
        start_time: facts.start_time,
        parent_start_time: facts.parent_start_time,
        pidns_start_time: facts.pidns_start_time,
        cap_inheritable: facts.cap_inheritable,
        cap_permitted: facts.cap_permitted,
        cap_effective: facts.cap_effective,
        cgroup_id: facts.cgroup_id,
        pid: facts.pid,
        parent_pid: facts.parent_pid,
        vpid: facts.vpid,
        session_id: facts.session_id,
        group_id: facts.group_id,
        vgroup_id: facts.vgroup_id,
        vsession_id: facts.vsession_id,
        tty: facts.tty,
        uid: facts.uid,
        gid: facts.gid,
        euid: facts.euid,
        egid: facts.egid,
        loginuid: facts.loginuid,
        usage: Usage {
            descriptor_limit: facts.descriptor_limit,
            descriptors: (facts.n_descriptors != u32::MAX).then_some(facts.n_descriptors),
            threads: facts.n_threads,
            major_faults: facts.major_faults,
            minor_faults: facts.minor_faults,
            memory: Memory { size: facts.vm_size, resident: facts.vm_rss, swapped: facts.vm_swap },
        },
        comm: Comm::new(&facts.comm),
    }
}

fn via(number: u32) -> Via {
    if number == 0 { Via::Syscall } else { Via::IoUring }
}

fn layer(file_flags: u32) -> Layer {
    match file_flags & 3 {
        1 => Layer::Upper,
        2 => Layer::Lower,
        _ => Layer::None,
    }
}

fn fork(bytes: &[u8]) -> Result<Kind<'_>, DecodeError> {
    let (record, mut sections) = fixed::<ForkRecord>(bytes)?;
    Ok(Kind::Fork(Box::new(Fork {
        flags: record.flags,
        call: syscalls::fork_call(record.syscall, record.is_compat != 0),
        child: process_facts(&record.child),
        cgroup: sections.path(record.cgroup_length, record.cgroup_flags, "cgroup")?,
    })))
}

fn exec(bytes: &[u8]) -> Result<Kind<'_>, DecodeError> {
    let (record, mut sections) = fixed::<ExecRecord>(bytes)?;
    Ok(Kind::Exec(Box::new(Exec {
        process: process_facts(&record.process),
        executable: Executable {
            inode: record.executable_inode,
            ctime: record.executable_ctime,
            mtime: record.executable_mtime,
            device: record.executable_device,
            uid: record.executable_uid,
            gid: record.executable_gid,
            mode: record.executable_mode,
            layer: layer(record.executable_flags),
        },
        filename: sections.text(record.filename_length, "filename")?,
        executable_path: sections.path(
            record.executable_length,
            record.executable_path_flags,
            "executable",
        )?,
        cwd: sections.path(record.cwd_length, record.cwd_flags, "cwd")?,
        cgroup: sections.path(record.cgroup_length, record.cgroup_flags, "cgroup")?,
        arguments: sections.bytes(record.arguments_length, "arguments")?,
        environment: sections.bytes(record.environment_length, "environment")?,
        arguments_total: record.arguments_total,
        environment_total: record.environment_total,
    })))
}

fn cgroup_attach(bytes: &[u8]) -> Result<Kind<'_>, DecodeError> {
    let (record, mut sections) = fixed::<CgroupAttachRecord>(bytes)?;
    Ok(Kind::CgroupAttach(CgroupAttach {
        pid: record.pid,
        start_time: record.start_time,
        cgroup_id: record.cgroup_id,
        path: sections.text(record.path_length, "path")?,
    }))
}

fn exec_failed(bytes: &[u8]) -> Result<Kind<'_>, DecodeError> {
    let (record, mut sections) = fixed::<ExecFailedRecord>(bytes)?;
    Ok(Kind::ExecFailed(ExecFailed {
        result: record.result,
        dirfd: record.dirfd,
        is_at: record.at != 0,
        filename: sections.text(record.filename_length, "filename")?,
        base: sections.path(record.base_length, record.base_flags, "base")?,
        arguments: sections.bytes(record.arguments_length, "arguments")?,
    }))
}

fn open(bytes: &[u8]) -> Result<Kind<'_>, DecodeError> {
    let (record, mut sections) = fixed::<OpenRecord>(bytes)?;
    Ok(Kind::Open(Open {
        call: match record.call {
            0 => OpenCall::Open,
            1 => OpenCall::Openat,
            2 => OpenCall::Openat2,
            _ => OpenCall::Creat,
        },
        via: via(record.via),
        result: record.result,
        dirfd: record.dirfd,
        flags: record.open_flags,
        mode: record.mode,
        resolve: record.resolve,
        device: record.device,
        inode: record.inode,
        file_mode: record.file_mode,
        layer: layer(record.file_flags),
        is_created: record.file_flags & 4 != 0,
        requested: sections.text(record.requested_length, "requested path")?,
        base: sections.path(record.base_length, record.base_flags, "base")?,
        resolved: sections.path(record.resolved_length, record.resolved_flags, "resolved path")?,
    }))
}

fn connect(bytes: &[u8]) -> Result<Kind<'_>, DecodeError> {
    let (record, mut sections) = fixed::<ConnectRecord>(bytes)?;
    let requested = sections.bytes(record.address_length, "address")?;
    let path = sections.bytes(record.path_length, "peer's path")?;
    Ok(Kind::Connect(Connect {
        via: via(record.via),
        result: record.result,
        fd: record.fd,
        state: socket_state(&record.socket, path),
        requested,
    }))
}

fn socket_state<'a>(facts: &SocketFacts, path: &'a [u8]) -> SocketState<'a> {
    SocketState {
        socket_type: facts.kind,
        protocol: facts.protocol,
        inode: facts.inode,
        is_listening: facts.is_listening != 0,
        is_connected: facts.state == TCP_ESTABLISHED,
        is_accepted: facts.is_accepted != 0,
        queue: (facts.queue, facts.queue_limit),
        socket: socket(facts, path),
    }
}

fn socket<'a>(facts: &SocketFacts, path: &'a [u8]) -> Socket<'a> {
    match facts.family {
        0 => Socket::None,
        AF_UNIX => Socket::Unix {
            socket: facts.socket,
            peer: facts.peer,
            path: Cow::Borrowed(unix_path(path)),
        },
        family @ (AF_INET | AF_INET6) => Socket::Inet {
            family,
            local: endpoint(family, facts.local_address, facts.local_port),
            remote: endpoint(family, facts.remote_address, facts.remote_port),
        },
        other => Socket::Other(other),
    }
}

fn streams(bytes: &[u8]) -> Result<Kind<'_>, DecodeError> {
    let (record, sections) = fixed::<CallRecord>(bytes)?;
    let mut streams = [const { None }; 3];
    for part in parts(&record, sections)?.into_iter().flatten() {
        if let (Content::Descriptor(descriptor), Some(stream)) =
            (part.content, streams.get_mut(usize::from(part.place.0)))
        {
            *stream = Some(descriptor);
        }
    }
    Ok(Kind::Streams(Box::new(streams)))
}

fn call(bytes: &[u8]) -> Result<Kind<'_>, DecodeError> {
    let (record, sections) = fixed::<CallRecord>(bytes)?;
    let is_compat = record.is_compat != 0;
    let syscall = Syscall::from_number(record.number, is_compat)
        .ok_or(DecodeError::Call { number: record.number, is_compat })?;
    Ok(Kind::Call(Box::new(Call {
        syscall,
        result: record.result,
        arguments: record.arguments,
        via: via(record.via.into()),
        parts: parts(&record, sections)?,
    })))
}

fn parts<'a>(
    record: &CallRecord,
    mut sections: Sections<'a>,
) -> Result<[Option<Part<'a>>; PARTS], DecodeError> {
    let mut parts: [Option<Part<'a>>; PARTS] = [const { None }; PARTS];
    let n_sections = (record.n_sections as usize).min(record.sections.len());
    let mut filled = 0;
    for section in &record.sections[..n_sections] {
        let bytes = sections.bytes(section.length, "section")?;
        let place = Place(section.argument as u8);
        let path = KernelPath { names: bytes, flags: section.flags };
        let content = match section.kind {
            record::SECTION_TEXT => Content::Text(bytes.strip_suffix(b"\0").unwrap_or(bytes)),
            record::SECTION_BASE => Content::Base(path),
            record::SECTION_FILE | record::SECTION_SOCKET => {
                Content::Descriptor(descriptor(section.kind, bytes)?)
            }
            record::SECTION_FILE_PATH | record::SECTION_SOCKET_PATH => {
                let found = parts.iter_mut().flatten().rev().find(|part| part.place == place);
                if let Some(Content::Descriptor(descriptor)) = found.map(|it| &mut it.content) {
                    name_descriptor(descriptor, path);
                }
                continue;
            }
            record::SECTION_BYTES => Content::Bytes(bytes),
            record::SECTION_ADDRESS => Content::Address(bytes),
            record::SECTION_CWD => Content::Cwd(path),
            record::SECTION_PAIR => Content::Pair(fixed::<[i32; 2]>(bytes)?.0),
            record::SECTION_MEMORY => {
                let (facts, _) = fixed::<MemoryFacts>(bytes)?;
                Content::Memory(Memory {
                    size: facts.vm_size,
                    resident: facts.vm_rss,
                    swapped: facts.vm_swap,
                })
            }
            record::SECTION_IDENTITY => {
                let (facts, _) = fixed::<IdentityFacts>(bytes)?;
                Content::Identity(Identity {
                    cap_inheritable: facts.cap_inheritable,
                    cap_permitted: facts.cap_permitted,
                    cap_effective: facts.cap_effective,
                    session_id: facts.session_id,
                    group_id: facts.group_id,
                    vgroup_id: facts.vgroup_id,
                    vsession_id: facts.vsession_id,
                })
            }
            record::SECTION_TOTAL => Content::Total(fixed::<u64>(bytes)?.0),
            record::SECTION_CONTROL => Content::Control(bytes),
            record::SECTION_POLLED => Content::Polled(polled(bytes)?),
            other => return Err(DecodeError::Section(other)),
        };
        parts[filled] = Some(Part { place, content });
        filled += 1;
    }
    Ok(parts)
}

/// What a descriptor stands for, without its name.
fn descriptor(kind: u16, bytes: &[u8]) -> Result<Descriptor<'static>, DecodeError> {
    if kind == record::SECTION_FILE {
        return Ok(Descriptor::File(file_state(&fixed::<FileFacts>(bytes)?.0)));
    }
    Ok(Descriptor::Socket(socket_state(&fixed::<SocketFacts>(bytes)?.0, &[])))
}

/// Each is told by sections of its own; there are as many as the bytes hold.
fn polled(bytes: &[u8]) -> Result<Box<[Option<Descriptor<'_>>]>, DecodeError> {
    let mut all = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (head, mut sections) = fixed::<PolledDescriptor>(rest)?;
        let mut found = None;
        for section in head.sections {
            let bytes = sections.bytes(section.length, "section")?;
            match section.kind {
                0 => {}
                record::SECTION_FILE | record::SECTION_SOCKET => {
                    found = Some(descriptor(section.kind, bytes)?);
                }
                record::SECTION_FILE_PATH | record::SECTION_SOCKET_PATH => {
                    let path = KernelPath { names: bytes, flags: section.flags };
                    found.iter_mut().for_each(|it| name_descriptor(it, path));
                }
                other => return Err(DecodeError::Section(other)),
            }
        }
        all.push(found);
        rest = sections.rest;
    }
    Ok(all.into())
}

fn file_state(facts: &FileFacts) -> FileState<'static> {
    FileState {
        inode: facts.inode,
        device: facts.device,
        mode: facts.mode,
        layer: layer(facts.file_flags),
        open_flags: facts.open_flags,
        magic: facts.magic,
        path: KernelPath::default(),
    }
}

/// A descriptor's path follows it as a section of its own.
fn name_descriptor<'a>(descriptor: &mut Descriptor<'a>, path: KernelPath<'a>) {
    match descriptor {
        Descriptor::File(file) => file.path = path,
        Descriptor::Socket(SocketState { socket: Socket::Unix { path: name, .. }, .. }) => {
            *name = Cow::Borrowed(unix_path(path.names));
        }
        Descriptor::Socket(_) => {}
    }
}

/// A filesystem name ends at its NUL; an abstract one begins with it and may hold more.
fn unix_path(path: &[u8]) -> &[u8] {
    match path.iter().position(|&byte| byte == 0) {
        Some(end) if end > 0 => &path[..end],
        _ => path,
    }
}

fn endpoint(family: u16, address: [u8; 16], port: u16) -> Endpoint {
    let address = if family == AF_INET {
        IpAddr::V4(Ipv4Addr::new(address[0], address[1], address[2], address[3]))
    } else {
        IpAddr::V6(Ipv6Addr::from(address))
    };
    Endpoint { address, port }
}
