//! The layout of records, as `bpf/record.h` has it. Each struct stands for the C one of that name.

use zerocopy::{FromBytes, Immutable, KnownLayout};

/// Version of the layout that this build reads and its programs write.
pub(crate) const VERSION: u8 = 3;

pub(crate) const KIND_WAKE: u16 = 0;
pub(crate) const KIND_FORK: u16 = 1;
pub(crate) const KIND_EXEC: u16 = 2;
pub(crate) const KIND_EXIT: u16 = 3;
pub(crate) const KIND_CGROUP_ATTACH: u16 = 4;
pub(crate) const KIND_STREAMS: u16 = 5;
pub(crate) const KIND_EXEC_FAILED: u16 = 32;
pub(crate) const KIND_OPEN: u16 = 33;
pub(crate) const KIND_CONNECT: u16 = 34;
pub(crate) const KIND_CALL: u16 = 35;

pub(crate) const SECTION_TEXT: u16 = 1;
pub(crate) const SECTION_BASE: u16 = 2;
pub(crate) const SECTION_FILE: u16 = 3;
pub(crate) const SECTION_FILE_PATH: u16 = 4;
pub(crate) const SECTION_SOCKET: u16 = 5;
pub(crate) const SECTION_SOCKET_PATH: u16 = 6;
pub(crate) const SECTION_BYTES: u16 = 7;
pub(crate) const SECTION_ADDRESS: u16 = 8;
pub(crate) const SECTION_CWD: u16 = 9;
pub(crate) const SECTION_PAIR: u16 = 10;
pub(crate) const SECTION_MEMORY: u16 = 11;
pub(crate) const SECTION_TOTAL: u16 = 12;
pub(crate) const SECTION_IDENTITY: u16 = 13;
pub(crate) const SECTION_CONTROL: u16 = 14;
pub(crate) const SECTION_POLLED: u16 = 15;

pub(crate) const CALL_SECTIONS: usize = 10;

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct RecordHeader {
    pub time: u64,
    pub sequence: u64,
    pub start_time: u64,
    pub length: u32,
    pub pid: u32,
    pub tid: u32,
    pub euid: u32,
    pub egid: u32,
    pub loginuid: u32,
    pub flags: u32,
    pub kind: u16,
    pub cpu: u16,
    pub version: u8,
    pub lane: u8,
    pub _pad: [u8; 6],
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ProcessFacts {
    pub start_time: u64,
    pub parent_start_time: u64,
    pub pidns_start_time: u64,
    pub cap_inheritable: u64,
    pub cap_permitted: u64,
    pub cap_effective: u64,
    pub cgroup_id: u64,
    pub descriptor_limit: u64,
    pub major_faults: u64,
    pub minor_faults: u64,
    pub pid: u32,
    pub parent_pid: u32,
    pub vpid: u32,
    pub session_id: u32,
    pub group_id: u32,
    pub vgroup_id: u32,
    pub vsession_id: u32,
    pub tty: u32,
    pub uid: u32,
    pub gid: u32,
    pub euid: u32,
    pub egid: u32,
    pub loginuid: u32,
    pub vm_size: u32,
    pub vm_rss: u32,
    pub vm_swap: u32,
    pub n_descriptors: u32,
    pub n_threads: u32,
    pub comm: [u8; 16],
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ForkRecord {
    pub header: RecordHeader,
    pub child: ProcessFacts,
    pub flags: u64,
    pub syscall: u32,
    pub is_compat: u32,
    pub cgroup_flags: u32,
    pub cgroup_length: u32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExecRecord {
    pub header: RecordHeader,
    pub process: ProcessFacts,
    pub executable_inode: u64,
    pub executable_ctime: u64,
    pub executable_mtime: u64,
    pub arguments_total: u64,
    pub environment_total: u64,
    pub executable_device: u32,
    pub executable_uid: u32,
    pub executable_gid: u32,
    pub executable_mode: u32,
    pub executable_flags: u32,
    pub filename_length: u32,
    pub executable_path_flags: u32,
    pub executable_length: u32,
    pub cwd_flags: u32,
    pub cwd_length: u32,
    pub cgroup_flags: u32,
    pub cgroup_length: u32,
    pub arguments_length: u32,
    pub environment_length: u32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExitRecord {
    pub header: RecordHeader,
    pub status: i32,
    pub _pad: u32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct CgroupAttachRecord {
    pub header: RecordHeader,
    pub cgroup_id: u64,
    pub start_time: u64,
    pub pid: u32,
    pub path_length: u32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExecFailedRecord {
    pub header: RecordHeader,
    pub result: i64,
    pub dirfd: i32,
    pub at: u32,
    pub filename_length: u32,
    pub base_flags: u32,
    pub base_length: u32,
    pub arguments_length: u32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct OpenRecord {
    pub header: RecordHeader,
    pub result: i64,
    pub inode: u64,
    pub resolve: u64,
    pub device: u32,
    pub open_flags: u32,
    pub mode: u32,
    pub dirfd: i32,
    pub call: u32,
    pub via: u32,
    pub _pad: u32,
    pub file_mode: u32,
    pub file_flags: u32,
    pub requested_length: u32,
    pub base_flags: u32,
    pub base_length: u32,
    pub resolved_flags: u32,
    pub resolved_length: u32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct SocketFacts {
    pub socket: u64,
    pub peer: u64,
    pub inode: u64,
    pub family: u16,
    pub kind: u16,
    pub protocol: u16,
    pub state: u16,
    pub local_port: u16,
    pub remote_port: u16,
    pub local_address: [u8; 16],
    pub remote_address: [u8; 16],
    pub is_listening: u16,
    pub is_accepted: u16,
    pub queue: u32,
    pub queue_limit: u32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ConnectRecord {
    pub header: RecordHeader,
    pub result: i64,
    pub socket: SocketFacts,
    pub fd: i32,
    pub address_length: u32,
    pub path_length: u32,
    pub via: u32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct FileFacts {
    pub inode: u64,
    pub device: u32,
    pub mode: u32,
    pub file_flags: u32,
    pub open_flags: u32,
    pub magic: u32,
    pub _pad: u32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct MemoryFacts {
    pub vm_size: u32,
    pub vm_rss: u32,
    pub vm_swap: u32,
    pub _pad: u32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct IdentityFacts {
    pub cap_inheritable: u64,
    pub cap_permitted: u64,
    pub cap_effective: u64,
    pub session_id: u32,
    pub group_id: u32,
    pub vgroup_id: u32,
    pub vsession_id: u32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct CallSection {
    pub kind: u16,
    pub argument: u16,
    pub flags: u32,
    pub length: u32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct PolledDescriptor {
    pub sections: [CallSection; 2],
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct CallRecord {
    pub header: RecordHeader,
    pub result: i64,
    pub arguments: [u64; 6],
    pub number: u32,
    pub is_compat: u16,
    pub via: u16,
    pub n_sections: u32,
    pub n_names: u32,
    pub sections: [CallSection; CALL_SECTIONS],
}

/// The sizes that `bpf/layout.h` asserts too, and the offset of each struct's last field.
const _: () = {
    use std::mem::{offset_of, size_of};

    assert!(size_of::<RecordHeader>() == 64 && offset_of!(RecordHeader, lane) == 57);
    assert!(size_of::<ProcessFacts>() == 168 && offset_of!(ProcessFacts, comm) == 152);
    assert!(size_of::<ForkRecord>() == 256 && offset_of!(ForkRecord, cgroup_length) == 252);
    assert!(size_of::<ExecRecord>() == 328 && offset_of!(ExecRecord, environment_length) == 324);
    assert!(size_of::<ExitRecord>() == 72 && offset_of!(ExitRecord, status) == 64);
    assert!(
        size_of::<CgroupAttachRecord>() == 88 && offset_of!(CgroupAttachRecord, path_length) == 84
    );
    assert!(
        size_of::<ExecFailedRecord>() == 96 && offset_of!(ExecFailedRecord, arguments_length) == 92
    );
    assert!(size_of::<OpenRecord>() == 144 && offset_of!(OpenRecord, resolved_length) == 140);
    assert!(size_of::<SocketFacts>() == 80 && offset_of!(SocketFacts, queue_limit) == 76);
    assert!(size_of::<ConnectRecord>() == 168 && offset_of!(ConnectRecord, via) == 164);
    assert!(size_of::<FileFacts>() == 32 && offset_of!(FileFacts, magic) == 24);
    assert!(size_of::<IdentityFacts>() == 40 && offset_of!(IdentityFacts, vsession_id) == 36);
    assert!(size_of::<MemoryFacts>() == 16 && offset_of!(MemoryFacts, vm_swap) == 8);
    assert!(size_of::<PolledDescriptor>() == 24 && offset_of!(PolledDescriptor, sections) == 0);
    assert!(size_of::<CallRecord>() == 256 && offset_of!(CallRecord, sections) == 136);
};
