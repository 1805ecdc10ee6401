//! The tables of flags and enumerations, each in the order in which its names are printed.

use super::{Encoding, FlagTable, encodings};

/// Writes a table and its names.
macro_rules! flag_tables {
    ($($(#[$doc:meta])* $table:ident $encoding:expr, [$($value:literal $name:literal)*];)*) => {
        $($(#[$doc])* pub static $table: FlagTable =
            FlagTable::new(&[$(($value, $name),)*], $encoding);)*
    };
}

#[rustfmt::skip]
flag_tables! {
    /// Address families.
    SOCKET_FAMILIES Encoding::Kernel, [
        39 "AF_NFC"
        38 "AF_ALG"
        37 "AF_CAIF"
        36 "AF_IEEE802154"
        35 "AF_PHONET"
        34 "AF_ISDN"
        33 "AF_RXRPC"
        32 "AF_IUCV"
        31 "AF_BLUETOOTH"
        30 "AF_TIPC"
        29 "AF_CAN"
        26 "AF_LLC"
        25 "AF_WANPIPE"
        24 "AF_PPPOX"
        23 "AF_IRDA"
        22 "AF_SNA"
        21 "AF_RDS"
        20 "AF_ATMSVC"
        19 "AF_ECONET"
        18 "AF_ASH"
        17 "AF_PACKET"
        16 "AF_ROUTE"
        16 "AF_NETLINK"
        15 "AF_KEY"
        14 "AF_SECURITY"
        13 "AF_NETBEUI"
        12 "AF_DECnet"
        11 "AF_ROSE"
        10 "AF_INET6"
        9 "AF_X25"
        8 "AF_ATMPVC"
        7 "AF_BRIDGE"
        6 "AF_NETROM"
        5 "AF_APPLETALK"
        4 "AF_IPX"
        3 "AF_AX25"
        2 "AF_INET"
        1 "AF_LOCAL"
        1 "AF_UNIX"
        0 "AF_UNSPEC"
    ];

    /// Of open(2) and its kin.
    OPEN_FLAGS Encoding::By(encodings::open), [
        0x800 "O_LARGEFILE"
        0x400 "O_DIRECTORY"
        0x200 "O_DIRECT"
        0x100 "O_TRUNC"
        0x80 "O_SYNC"
        0x40 "O_NONBLOCK"
        0x20 "O_EXCL"
        0x10 "O_DSYNC"
        0x8 "O_APPEND"
        0x4 "O_CREAT"
        0x3 "O_RDWR"
        0x2 "O_WRONLY"
        0x1 "O_RDONLY"
        0x1000 "O_CLOEXEC"
        0x0 "O_NONE"
        0x2000 "O_TMPFILE"
        0x4000 "O_F_CREATED"
        0x8000 "FD_UPPER_LAYER"
        0x10000 "FD_LOWER_LAYER"
    ];

    /// Of a new descriptor that has no way of access: the names of [`OPEN_FLAGS`].
    DESCRIPTOR_FLAGS Encoding::Bits(encodings::DESCRIPTOR), [
        0x800 "O_LARGEFILE"
        0x400 "O_DIRECTORY"
        0x200 "O_DIRECT"
        0x100 "O_TRUNC"
        0x80 "O_SYNC"
        0x40 "O_NONBLOCK"
        0x20 "O_EXCL"
        0x10 "O_DSYNC"
        0x8 "O_APPEND"
        0x4 "O_CREAT"
        0x3 "O_RDWR"
        0x2 "O_WRONLY"
        0x1 "O_RDONLY"
        0x1000 "O_CLOEXEC"
        0x0 "O_NONE"
        0x2000 "O_TMPFILE"
        0x4000 "O_F_CREATED"
        0x8000 "FD_UPPER_LAYER"
        0x10000 "FD_LOWER_LAYER"
    ];

    /// What creat(2) found.
    CREAT_FLAGS Encoding::Kernel, [
        0x1 "FD_UPPER_LAYER_CREAT"
        0x2 "FD_LOWER_LAYER_CREAT"
    ];

    /// Operations of flock(2).
    FLOCK_FLAGS Encoding::Kernel, [
        0x1 "LOCK_SH"
        0x2 "LOCK_EX"
        0x4 "LOCK_NB"
        0x8 "LOCK_UN"
        0x0 "LOCK_NONE"
    ];

    /// Of clone(2), unshare(2) and setns(2).
    CLONE_FLAGS Encoding::Bits(encodings::CLONE), [
        0x1 "CLONE_FILES"
        0x2 "CLONE_FS"
        0x4 "CLONE_IO"
        0x8 "CLONE_NEWIPC"
        0x10 "CLONE_NEWNET"
        0x20 "CLONE_NEWNS"
        0x40 "CLONE_NEWPID"
        0x80 "CLONE_NEWUTS"
        0x100 "CLONE_PARENT"
        0x200 "CLONE_PARENT_SETTID"
        0x400 "CLONE_PTRACE"
        0x800 "CLONE_SIGHAND"
        0x1000 "CLONE_SYSVSEM"
        0x2000 "CLONE_THREAD"
        0x4000 "CLONE_UNTRACED"
        0x8000 "CLONE_VM"
        0x10000 "CLONE_INVERTED"
        0x20000 "NAME_CHANGED"
        0x40000 "CLOSED"
        0x100000 "CLONE_NEWUSER"
        0x800000 "CLONE_CHILD_CLEARTID"
        0x1000000 "CLONE_CHILD_SETTID"
        0x2000000 "CLONE_SETTLS"
        0x4000000 "CLONE_STOPPED"
        0x8000000 "CLONE_VFORK"
        0x10000000 "CLONE_NEWCGROUP"
        0x20000000 "CLONE_CHILD_IN_PIDNS"
    ];

    /// Operations of futex(2).
    FUTEX_OPERATIONS Encoding::Kernel, [
        0x100 "FUTEX_CLOCK_REALTIME"
        0x80 "FUTEX_PRIVATE_FLAG"
        0xc "FUTEX_CMP_REQUEUE_PI"
        0xb "FUTEX_WAIT_REQUEUE_PI"
        0xa "FUTEX_WAKE_BITSET"
        0x9 "FUTEX_WAIT_BITSET"
        0x8 "FUTEX_TRYLOCK_PI"
        0x7 "FUTEX_UNLOCK_PI"
        0x6 "FUTEX_LOCK_PI"
        0x5 "FUTEX_WAKE_OP"
        0x4 "FUTEX_CMP_REQUEUE"
        0x3 "FUTEX_REQUEUE"
        0x2 "FUTEX_FD"
        0x1 "FUTEX_WAKE"
        0x0 "FUTEX_WAIT"
    ];

    /// Of mount(2).
    MOUNT_FLAGS Encoding::Kernel, [
        0x1 "RDONLY"
        0x2 "NOSUID"
        0x4 "NODEV"
        0x8 "NOEXEC"
        0x10 "SYNCHRONOUS"
        0x20 "REMOUNT"
        0x40 "MANDLOCK"
        0x80 "DIRSYNC"
        0x400 "NOATIME"
        0x800 "NODIRATIME"
        0x1000 "BIND"
        0x2000 "MOVE"
        0x4000 "REC"
        0x8000 "SILENT"
        0x10000 "POSIXACL"
        0x20000 "UNBINDABLE"
        0x40000 "PRIVATE"
        0x80000 "SLAVE"
        0x100000 "SHARED"
        0x200000 "RELATIME"
        0x400000 "KERNMOUNT"
        0x800000 "I_VERSION"
        0x1000000 "STRICTATIME"
        0x2000000 "LAZYTIME"
        0x10000000 "NOSEC"
        0x20000000 "BORN"
        0x40000000 "ACTIVE"
        0x80000000 "NOUSER"
    ];

    /// Of umount2(2).
    UMOUNT_FLAGS Encoding::Kernel, [
        0x1 "FORCE"
        0x2 "DETACH"
        0x4 "EXPIRE"
        0x8 "NOFOLLOW"
    ];

    /// Where lseek(2) counts from.
    LSEEK_WHENCE Encoding::Kernel, [
        2 "SEEK_END"
        1 "SEEK_CUR"
        0 "SEEK_SET"
    ];

    /// Which half shutdown(2) closes.
    SHUTDOWN_HOW Encoding::By(encodings::shutdown), [
        65535 "SHUT_UNKNOWN"
        2 "SHUT_RDWR"
        1 "SHUT_WR"
        0 "SHUT_RD"
    ];

    /// Resources with limits.
    RLIMIT_RESOURCES Encoding::By(encodings::resource_limit), [
        255 "RLIMIT_UNKNOWN"
        15 "RLIMIT_RTTIME"
        14 "RLIMIT_RTPRIO"
        13 "RLIMIT_NICE"
        12 "RLIMIT_MSGQUEUE"
        11 "RLIMIT_SIGPENDING"
        10 "RLIMIT_LOCKS"
        9 "RLIMIT_AS"
        8 "RLIMIT_MEMLOCK"
        7 "RLIMIT_NOFILE"
        6 "RLIMIT_NPROC"
        5 "RLIMIT_RSS"
        4 "RLIMIT_CORE"
        3 "RLIMIT_STACK"
        2 "RLIMIT_DATA"
        1 "RLIMIT_FSIZE"
        0 "RLIMIT_CPU"
    ];

    /// Commands of fcntl(2).
    FCNTL_COMMANDS Encoding::By(encodings::file_control), [
        29 "F_GETPIPE_SZ"
        28 "F_SETPIPE_SZ"
        27 "F_NOTIFY"
        26 "F_DUPFD_CLOEXEC"
        25 "F_CANCELLK"
        24 "F_GETLEASE"
        23 "F_SETLEASE"
        22 "F_GETOWN_EX"
        21 "F_SETOWN_EX"
        19 "F_SETLKW64"
        18 "F_SETLK64"
        17 "F_GETLK64"
        15 "F_GETSIG"
        13 "F_SETSIG"
        12 "F_GETOWN"
        10 "F_SETOWN"
        9 "F_SETLKW"
        8 "F_SETLK"
        6 "F_GETLK"
        5 "F_SETFL"
        4 "F_GETFL"
        3 "F_SETFD"
        2 "F_GETFD"
        1 "F_DUPFD"
        30 "F_OFD_GETLK"
        31 "F_OFD_SETLK"
        32 "F_OFD_SETLKW"
        0 "UNKNOWN"
    ];

    /// Levels of socket options.
    SOCKOPT_LEVELS Encoding::By(encodings::socket_level), [
        1 "SOL_SOCKET"
        2 "SOL_TCP"
        0 "UNKNOWN"
    ];

    /// Socket options.
    SOCKOPT_OPTIONS Encoding::By(encodings::socket_option), [
        53 "SO_COOKIE"
        52 "SO_MEMINFO"
        51 "SO_PEERGROUPS"
        50 "SO_ATTACH_BPF"
        49 "SO_INCOMING_CPU"
        48 "SO_BPF_EXTENSIONS"
        47 "SO_MAX_PACING_RATE"
        46 "SO_BUSY_POLL"
        45 "SO_SELECT_ERR_QUEUE"
        44 "SO_LOCK_FILTER"
        43 "SO_NOFCS"
        42 "SO_PEEK_OFF"
        41 "SO_WIFI_STATUS"
        40 "SO_RXQ_OVFL"
        39 "SO_DOMAIN"
        38 "SO_PROTOCOL"
        37 "SO_TIMESTAMPING"
        36 "SO_MARK"
        35 "SO_TIMESTAMPNS"
        34 "SO_PASSSEC"
        31 "SO_PEERSEC"
        30 "SO_ACCEPTCONN"
        29 "SO_TIMESTAMP"
        28 "SO_PEERNAME"
        27 "SO_DETACH_FILTER"
        26 "SO_ATTACH_FILTER"
        25 "SO_BINDTODEVICE"
        24 "SO_SECURITY_ENCRYPTION_NETWORK"
        23 "SO_SECURITY_ENCRYPTION_TRANSPORT"
        22 "SO_SECURITY_AUTHENTICATION"
        21 "SO_SNDTIMEO"
        20 "SO_RCVTIMEO"
        19 "SO_SNDLOWAT"
        18 "SO_RCVLOWAT"
        17 "SO_PEERCRED"
        16 "SO_PASSCRED"
        15 "SO_REUSEPORT"
        14 "SO_BSDCOMPAT"
        13 "SO_LINGER"
        12 "SO_PRIORITY"
        11 "SO_NO_CHECK"
        10 "SO_OOBINLINE"
        9 "SO_KEEPALIVE"
        33 "SO_RCVBUFFORCE"
        32 "SO_SNDBUFFORCE"
        8 "SO_RCVBUF"
        7 "SO_SNDBUF"
        6 "SO_BROADCAST"
        5 "SO_DONTROUTE"
        4 "SO_ERROR"
        3 "SO_TYPE"
        2 "SO_REUSEADDR"
        1 "SO_DEBUG"
        0 "UNKNOWN"
    ];

    /// Requests of ptrace(2).
    PTRACE_REQUESTS Encoding::By(encodings::trace_request), [
        38 "PTRACE_SINGLEBLOCK"
        37 "PTRACE_SYSEMU_SINGLESTEP"
        36 "PTRACE_SYSEMU"
        35 "PTRACE_ARCH_PRCTL"
        34 "PTRACE_SET_THREAD_AREA"
        33 "PTRACE_GET_THREAD_AREA"
        32 "PTRACE_OLDSETOPTIONS"
        31 "PTRACE_SETFPXREGS"
        30 "PTRACE_GETFPXREGS"
        29 "PTRACE_SETFPREGS"
        28 "PTRACE_GETFPREGS"
        27 "PTRACE_SETREGS"
        26 "PTRACE_GETREGS"
        25 "PTRACE_SETSIGMASK"
        24 "PTRACE_GETSIGMASK"
        23 "PTRACE_PEEKSIGINFO"
        22 "PTRACE_LISTEN"
        21 "PTRACE_INTERRUPT"
        20 "PTRACE_SEIZE"
        19 "PTRACE_SETREGSET"
        18 "PTRACE_GETREGSET"
        17 "PTRACE_SETSIGINFO"
        16 "PTRACE_GETSIGINFO"
        15 "PTRACE_GETEVENTMSG"
        14 "PTRACE_SETOPTIONS"
        13 "PTRACE_SYSCALL"
        12 "PTRACE_DETACH"
        11 "PTRACE_ATTACH"
        10 "PTRACE_SINGLESTEP"
        9 "PTRACE_KILL"
        8 "PTRACE_CONT"
        7 "PTRACE_POKEUSR"
        6 "PTRACE_POKEDATA"
        5 "PTRACE_POKETEXT"
        4 "PTRACE_PEEKUSR"
        3 "PTRACE_PEEKDATA"
        2 "PTRACE_PEEKTEXT"
        1 "PTRACE_TRACEME"
        0 "PTRACE_UNKNOWN"
    ];

    /// Protection of memory.
    PROT_FLAGS Encoding::Bits(encodings::PROTECTION), [
        0x1 "PROT_READ"
        0x2 "PROT_WRITE"
        0x4 "PROT_EXEC"
        0x8 "PROT_SEM"
        0x10 "PROT_GROWSDOWN"
        0x20 "PROT_GROWSUP"
        0x40 "PROT_SAO"
        0x0 "PROT_NONE"
    ];

    /// Of mmap(2).
    MMAP_FLAGS Encoding::Bits(encodings::MAPPING), [
        0x1 "MAP_SHARED"
        0x2 "MAP_PRIVATE"
        0x4 "MAP_FIXED"
        0x8 "MAP_ANONYMOUS"
        0x10 "MAP_32BIT"
        0x20 "MAP_RENAME"
        0x40 "MAP_NORESERVE"
        0x80 "MAP_POPULATE"
        0x100 "MAP_NONBLOCK"
        0x200 "MAP_GROWSDOWN"
        0x400 "MAP_DENYWRITE"
        0x800 "MAP_EXECUTABLE"
        0x1000 "MAP_INHERIT"
        0x2000 "MAP_FILE"
        0x4000 "MAP_LOCKED"
    ];

    /// Of splice(2).
    SPLICE_FLAGS Encoding::Kernel, [
        0x1 "SPLICE_F_MOVE"
        0x2 "SPLICE_F_NONBLOCK"
        0x4 "SPLICE_F_MORE"
        0x8 "SPLICE_F_GIFT"
    ];

    /// Of quota information.
    QUOTACTL_DQI_FLAGS Encoding::Kernel, [
        0x1 "DQF_NONE"
        0x2 "V1_DQF_RSQUASH"
    ];

    /// Commands of quotactl(2).
    QUOTACTL_CMDS Encoding::By(encodings::quota_command), [
        0x1 "Q_QUOTAON"
        0x2 "Q_QUOTAOFF"
        0x4 "Q_GETFMT"
        0x8 "Q_GETINFO"
        0x10 "Q_SETINFO"
        0x20 "Q_GETQUOTA"
        0x40 "Q_SETQUOTA"
        0x80 "Q_SYNC"
        0x100 "Q_XQUOTAON"
        0x200 "Q_XQUOTAOFF"
        0x400 "Q_XGETQUOTA"
        0x800 "Q_XSETQLIM"
        0x1000 "Q_XGETQSTAT"
        0x2000 "Q_XQUOTARM"
        0x4000 "Q_XQUOTASYNC"
    ];

    /// Whose quota.
    QUOTACTL_TYPES Encoding::By(encodings::quota_kind), [
        0x1 "USRQUOTA"
        0x2 "GRPQUOTA"
    ];

    /// Formats of quota files.
    QUOTACTL_QUOTA_FMTS Encoding::By(encodings::quota_format), [
        0x1 "QFMT_NOT_USED"
        0x2 "QFMT_VFS_OLD"
        0x4 "QFMT_VFS_V0"
        0x8 "QFMT_VFS_V1"
    ];

    /// Of semop(2).
    SEMOP_FLAGS Encoding::Bits(encodings::SEMAPHORE_OPERATION), [
        0x1 "IPC_NOWAIT"
        0x2 "SEM_UNDO"
    ];

    /// Of semget(2).
    SEMGET_FLAGS Encoding::Bits(encodings::SEMAPHORE_GET), [
        0x4000 "IPC_EXCL"
        0x2000 "IPC_CREAT"
    ];

    /// Commands of semctl(2).
    SEMCTL_COMMANDS Encoding::By(encodings::semaphore_control), [
        0x1 "IPC_STAT"
        0x2 "IPC_SET"
        0x4 "IPC_RMID"
        0x8 "IPC_INFO"
        0x10 "SEM_INFO"
        0x20 "SEM_STAT"
        0x40 "GETALL"
        0x80 "GETNCNT"
        0x100 "GETPID"
        0x200 "GETVAL"
        0x400 "GETZCNT"
        0x800 "SETALL"
        0x1000 "SETVAL"
    ];

    /// What access(2) asks for.
    ACCESS_FLAGS Encoding::Kernel, [
        0x0 "F_OK"
        0x4 "R_OK"
        0x2 "W_OK"
        0x1 "X_OK"
    ];

    /// What a page fault was.
    PF_FLAGS Encoding::Kernel, [
        0x1 "PROTECTION_VIOLATION"
        0x2 "PAGE_NOT_PRESENT"
        0x4 "WRITE_ACCESS"
        0x8 "READ_ACCESS"
        0x10 "USER_FAULT"
        0x20 "SUPERVISOR_FAULT"
        0x40 "RESERVED_PAGE"
        0x80 "INSTRUCTION_FETCH"
    ];

    /// Of unlinkat(2).
    UNLINKAT_FLAGS Encoding::Kernel, [
        0x200 "AT_REMOVEDIR"
    ];

    /// Of linkat(2).
    LINKAT_FLAGS Encoding::Kernel, [
        0x400 "AT_SYMLINK_FOLLOW"
        0x1000 "AT_EMPTY_PATH"
    ];

    /// Of newfstatat(2).
    NEWFSTATAT_FLAGS Encoding::Kernel, [
        0x1000 "AT_EMPTY_PATH"
        0x800 "AT_NO_AUTOMOUNT"
        0x100 "AT_SYMLINK_NOFOLLOW"
    ];

    /// Permissions.
    CHMOD_MODE Encoding::Kernel, [
        0o1 "S_IXOTH"
        0o2 "S_IWOTH"
        0o4 "S_IROTH"
        0o10 "S_IXGRP"
        0o20 "S_IWGRP"
        0o40 "S_IRGRP"
        0o100 "S_IXUSR"
        0o200 "S_IWUSR"
        0o400 "S_IRUSR"
        0o1000 "S_ISVTX"
        0o2000 "S_ISGID"
        0o4000 "S_ISUID"
    ];

    /// Of fchownat(2).
    FCHOWNAT_FLAGS Encoding::Bits(encodings::FCHOWNAT), [
        0x400 "AT_SYMLINK_NOFOLLOW"
        0x1000 "AT_EMPTY_PATH"
    ];

    /// Of renameat2(2).
    RENAMEAT2_FLAGS Encoding::Kernel, [
        0x1 "RENAME_NOREPLACE"
        0x2 "RENAME_EXCHANGE"
        0x4 "RENAME_WHITEOUT"
    ];

    /// How openat2(2) resolves.
    OPENAT2_FLAGS Encoding::Bits(encodings::RESOLVE), [
        0x1 "RESOLVE_BENEATH"
        0x2 "RESOLVE_IN_ROOT"
        0x4 "RESOLVE_NO_MAGICLINKS"
        0x8 "RESOLVE_NO_SYMLINKS"
        0x10 "RESOLVE_NO_XDEV"
        0x20 "RESOLVE_CACHED"
    ];

    /// Of an executed file.
    EXECVE_FLAGS Encoding::Kernel, [
        0x1 "EXE_WRITABLE"
        0x2 "EXE_UPPER_LAYER"
        0x4 "EXE_FROM_MEMFD"
        0x8 "EXE_LOWER_LAYER"
    ];

    /// Of io_uring_setup(2).
    IO_URING_SETUP_FLAGS Encoding::Bits(encodings::RING_SETUP), [
        0x1 "IORING_SETUP_IOPOLL"
        0x2 "IORING_SETUP_SQPOLL"
        0x4 "IORING_SQ_NEED_WAKEUP"
        0x8 "IORING_SETUP_SQ_AFF"
        0x10 "IORING_SETUP_CQSIZE"
        0x20 "IORING_SETUP_CLAMP"
        0x40 "IORING_SETUP_ATTACH_RW"
        0x80 "IORING_SETUP_R_DISABLED"
    ];

    /// What the ring can do.
    IO_URING_SETUP_FEATS Encoding::Kernel, [
        0x1 "IORING_FEAT_SINGLE_MMAP"
        0x2 "IORING_FEAT_NODROP"
        0x4 "IORING_FEAT_SUBMIT_STABLE"
        0x8 "IORING_FEAT_RW_CUR_POS"
        0x10 "IORING_FEAT_CUR_PERSONALITY"
        0x20 "IORING_FEAT_FAST_POLL"
        0x40 "IORING_FEAT_POLL_32BITS"
        0x80 "IORING_FEAT_SQPOLL_NONFIXED"
        0x100 "IORING_FEAT_ENTER_EXT_ARG"
        0x200 "IORING_FEAT_NATIVE_WORKERS"
        0x400 "IORING_FEAT_RSRC_TAGS"
    ];

    /// Of io_uring_enter(2).
    IO_URING_ENTER_FLAGS Encoding::Kernel, [
        0x1 "IORING_ENTER_GETEVENTS"
        0x2 "IORING_ENTER_SQ_WAKEUP"
        0x4 "IORING_ENTER_SQ_WAIT"
        0x8 "IORING_ENTER_EXT_ARG"
    ];

    /// What io_uring_register(2) does.
    IO_URING_REGISTER_OPCODES Encoding::Kernel, [
        0 "IORING_REGISTER_BUFFERS"
        1 "IORING_UNREGISTER_BUFFERS"
        2 "IORING_REGISTER_FILES"
        3 "IORING_UNREGISTER_FILES"
        4 "IORING_REGISTER_EVENTFD"
        5 "IORING_UNREGISTER_EVENTFD"
        6 "IORING_REGISTER_FILES_UPDATE"
        7 "IORING_REGISTER_EVENTFD_ASYNC"
        8 "IORING_REGISTER_PROBE"
        9 "IORING_REGISTER_PERSONALITY"
        10 "IORING_UNREGISTER_PERSONALITY"
        11 "IORING_REGISTER_RESTRICTIONS"
        12 "IORING_REGISTER_ENABLE_RINGS"
        13 "IORING_REGISTER_FILES2"
        14 "IORING_REGISTER_FILES_UPDATE2"
        15 "IORING_REGISTER_BUFFERS2"
        16 "IORING_REGISTER_BUFFERS_UPDATE"
        17 "IORING_REGISTER_IOWQ_AFF"
        18 "IORING_UNREGISTER_IOWQ_AFF"
        19 "IORING_REGISTER_IOWQ_MAX_WORKERS"
        20 "IORING_REGISTER_RING_FDS"
        21 "IORING_UNREGISTER_RING_FDS"
    ];

    /// Of mlockall(2).
    MLOCKALL_FLAGS Encoding::Kernel, [
        0x1 "MCL_CURRENT"
        0x2 "MCL_FUTURE"
        0x4 "MCL_ONFAULT"
    ];

    /// Of mlock2(2).
    MLOCK2_FLAGS Encoding::Kernel, [
        0x1 "MLOCK_ONFAULT"
    ];

    /// Commands of fsconfig(2).
    FSCONFIG_CMDS Encoding::Kernel, [
        0 "FSCONFIG_SET_FLAG"
        1 "FSCONFIG_SET_STRING"
        2 "FSCONFIG_SET_BINARY"
        3 "FSCONFIG_SET_PATH"
        4 "FSCONFIG_SET_PATH_EMPTY"
        5 "FSCONFIG_SET_FD"
        6 "FSCONFIG_CMD_CREATE"
        7 "FSCONFIG_CMD_RECONFIGURE"
    ];

    /// Of epoll_create1(2).
    EPOLL_CREATE1_FLAGS Encoding::Bits(encodings::EPOLL_CREATE), [
        0x1 "EPOLL_CLOEXEC"
    ];

    /// Options of prctl(2).
    PRCTL_OPTIONS Encoding::Kernel, [
        3 "PR_GET_DUMPABLE"
        4 "PR_SET_DUMPABLE"
        7 "PR_GET_KEEPCAPS"
        8 "PR_SET_KEEPCAPS"
        15 "PR_SET_NAME"
        16 "PR_GET_NAME"
        21 "PR_GET_SECCOMP"
        22 "PR_SET_SECCOMP"
        23 "PR_CAPBSET_READ"
        24 "PR_CAPBSET_DROP"
        27 "PR_GET_SECUREBITS"
        28 "PR_SET_SECUREBITS"
        33 "PR_MCE_KILL"
        35 "PR_SET_MM"
        36 "PR_SET_CHILD_SUBREAPER"
        37 "PR_GET_CHILD_SUBREAPER"
        38 "PR_SET_NO_NEW_PRIVS"
        39 "PR_GET_NO_NEW_PRIVS"
        40 "PR_GET_TID_ADDRESS"
        41 "PR_SET_THP_DISABLE"
        42 "PR_GET_THP_DISABLE"
        47 "PR_CAP_AMBIENT"
    ];

    /// Operations of keyctl(2).
    KEYCTL_OPERATIONS Encoding::Kernel, [
        0 "KEYCTL_GET_KEYRING_ID"
        1 "KEYCTL_JOIN_SESSION_KEYRING"
        2 "KEYCTL_UPDATE"
        3 "KEYCTL_REVOKE"
        4 "KEYCTL_CHOWN"
        5 "KEYCTL_SETPERM"
        6 "KEYCTL_DESCRIBE"
        7 "KEYCTL_CLEAR"
        8 "KEYCTL_LINK"
        9 "KEYCTL_UNLINK"
        10 "KEYCTL_SEARCH"
        11 "KEYCTL_READ"
        12 "KEYCTL_INSTANTIATE"
        13 "KEYCTL_NEGATE"
        14 "KEYCTL_SET_REQKEY_KEYRING"
        15 "KEYCTL_SET_TIMEOUT"
        16 "KEYCTL_ASSUME_AUTHORITY"
        17 "KEYCTL_GET_SECURITY"
        18 "KEYCTL_SESSION_TO_PARENT"
        19 "KEYCTL_REJECT"
        20 "KEYCTL_INSTANTIATE_IOV"
        21 "KEYCTL_INVALIDATE"
        22 "KEYCTL_GET_PERSISTENT"
        23 "KEYCTL_DH_COMPUTE"
        24 "KEYCTL_PKEY_QUERY"
        25 "KEYCTL_PKEY_ENCRYPT"
        26 "KEYCTL_PKEY_DECRYPT"
        27 "KEYCTL_PKEY_SIGN"
        28 "KEYCTL_PKEY_VERIFY"
        29 "KEYCTL_RESTRICT_KEYRING"
        30 "KEYCTL_MOVE"
        31 "KEYCTL_CAPABILITIES"
        32 "KEYCTL_WATCH_KEY"
    ];

    /// Of memfd_create(2).
    MEMFD_CREATE_FLAGS Encoding::Kernel, [
        0x1 "MFD_CLOEXEC"
        0x2 "MFD_ALLOW_SEALING"
        0x4 "MFD_HUGETLB"
    ];

    /// Of pidfd_open(2).
    PIDFD_OPEN_FLAGS Encoding::Bits(encodings::PIDFD_OPEN), [
        0x1 "PIDFD_NONBLOCK"
    ];

    /// Permissions and kind of file.
    MKNOD_MODE Encoding::Kernel, [
        0o1 "S_IXOTH"
        0o2 "S_IWOTH"
        0o4 "S_IROTH"
        0o10 "S_IXGRP"
        0o20 "S_IWGRP"
        0o40 "S_IRGRP"
        0o100 "S_IXUSR"
        0o200 "S_IWUSR"
        0o400 "S_IRUSR"
        0o1000 "S_ISVTX"
        0o2000 "S_ISGID"
        0o4000 "S_ISUID"
        0o100000 "S_IFREG"
        0o20000 "S_IFCHR"
        0o60000 "S_IFBLK"
        0o10000 "S_IFIFO"
        0o140000 "S_IFSOCK"
    ];

    /// Commands of bpf(2).
    BPF_COMMANDS Encoding::Kernel, [
        0 "BPF_MAP_CREATE"
        1 "BPF_MAP_LOOKUP_ELEM"
        2 "BPF_MAP_UPDATE_ELEM"
        3 "BPF_MAP_DELETE_ELEM"
        4 "BPF_MAP_GET_NEXT_KEY"
        5 "BPF_PROG_LOAD"
        6 "BPF_OBJ_PIN"
        7 "BPF_OBJ_GET"
        8 "BPF_PROG_ATTACH"
        9 "BPF_PROG_DETACH"
        10 "BPF_PROG_TEST_RUN"
        10 "BPF_PROG_RUN"
        11 "BPF_PROG_GET_NEXT_ID"
        12 "BPF_MAP_GET_NEXT_ID"
        13 "BPF_PROG_GET_FD_BY_ID"
        14 "BPF_MAP_GET_FD_BY_ID"
        15 "BPF_OBJ_GET_INFO_BY_FD"
        16 "BPF_PROG_QUERY"
        17 "BPF_RAW_TRACEPOINT_OPEN"
        18 "BPF_BTF_LOAD"
        19 "BPF_BTF_GET_FD_BY_ID"
        20 "BPF_TASK_FD_QUERY"
        21 "BPF_MAP_LOOKUP_AND_DELETE_ELEM"
        22 "BPF_MAP_FREEZE"
        23 "BPF_BTF_GET_NEXT_ID"
        24 "BPF_MAP_LOOKUP_BATCH"
        25 "BPF_MAP_LOOKUP_AND_DELETE_BATCH"
        26 "BPF_MAP_UPDATE_BATCH"
        27 "BPF_MAP_DELETE_BATCH"
        28 "BPF_LINK_CREATE"
        29 "BPF_LINK_UPDATE"
        30 "BPF_LINK_GET_FD_BY_ID"
        31 "BPF_LINK_GET_NEXT_ID"
        32 "BPF_ENABLE_STATS"
        33 "BPF_ITER_CREATE"
        34 "BPF_LINK_DETACH"
        35 "BPF_PROG_BIND_MAP"
    ];

    /// Of delete_module(2).
    DELETE_MODULE_FLAGS Encoding::Bits(encodings::DELETE_MODULE), [
        0x2 "O_NONBLOCK"
        0x1 "O_TRUNC"
    ];

    /// Of close_range(2).
    CLOSE_RANGE_FLAGS Encoding::Kernel, [
        0x2 "CLOSE_RANGE_UNSHARE"
        0x4 "CLOSE_RANGE_CLOEXEC"
    ];

    /// Of finit_module(2).
    FINIT_MODULE_FLAGS Encoding::Kernel, [
        0x1 "MODULE_INIT_IGNORE_MODVERSIONS"
        0x2 "MODULE_INIT_IGNORE_VERMAGIC"
        0x4 "MODULE_INIT_COMPRESSED_FILE"
    ];

    /// Kinds of descriptors without a file.
    ANON_INODE_FD_TYPES Encoding::Kernel, [
        0x0 "ANON_INODE_FD_TYPE_UNKNOWN"
        0x1 "ANON_INODE_FD_TYPE_EVENTFD"
        0x2 "ANON_INODE_FD_TYPE_EVENTPOLL"
        0x3 "ANON_INODE_FD_TYPE_INOTIFY"
        0x4 "ANON_INODE_FD_TYPE_SIGNALFD"
        0x5 "ANON_INODE_FD_TYPE_TIMERFD"
        0x6 "ANON_INODE_FD_TYPE_IO_URING"
        0x7 "ANON_INODE_FD_TYPE_USERFAULTFD"
        0x8 "ANON_INODE_FD_TYPE_PIDFD"
        0x9 "ANON_INODE_FD_TYPE_BPF_MAP"
        0xa "ANON_INODE_FD_TYPE_BPF_PROG"
        0xb "ANON_INODE_FD_TYPE_BPF_LINK"
        0xc "ANON_INODE_FD_TYPE_BPF_ITER"
        0xd "ANON_INODE_FD_TYPE_PERF_EVENT"
    ];
}
