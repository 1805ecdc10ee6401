//! The rows of the catalogue: one line per field, in the order in which they are documented.
//!
//! Name, type, argument, lifetime, traits; then what it means, and a condition that uses it.

use super::{ArgumentKind, FieldType, Lifetime, Row, Trait};

super::catalogue! {
    EvtNum "evt.num" U64 NoArgument Event []
        "sequence number of this event in the stream"
        "evt.num > 0";
    EvtTime "evt.time" Text NoArgument Event [TimeText]
        "clock time of the event with nanosecond digits"
        "evt.time exists";
    EvtTimeS "evt.time.s" Text NoArgument Event [TimeText]
        "clock time of the event, whole seconds only"
        "evt.time.s exists";
    EvtTimeIso8601 "evt.time.iso8601" Text NoArgument Event [TimeText]
        "UTC timestamp in ISO 8601 form with nanoseconds"
        "evt.time.iso8601 exists";
    EvtDatetime "evt.datetime" Text NoArgument Event [TimeText]
        "calendar date plus clock time with nanoseconds"
        "evt.datetime exists";
    EvtDatetimeS "evt.datetime.s" Text NoArgument Event [TimeText]
        "calendar date plus clock time, whole seconds"
        "evt.datetime.s exists";
    EvtRawtime "evt.rawtime" AbsoluteTime NoArgument Event []
        "Unix epoch timestamp in ns"
        "evt.rawtime > 0";
    EvtRawtimeS "evt.rawtime.s" AbsoluteTime NoArgument Event []
        "whole-second portion of the epoch timestamp"
        "evt.rawtime.s > 0";
    EvtRawtimeNs "evt.rawtime.ns" AbsoluteTime NoArgument Event [Padded]
        "sub-second remainder of the epoch timestamp, zero-padded"
        "evt.rawtime.ns > 0";
    EvtReltime "evt.reltime" RelativeTime NoArgument Event [Padded]
        "ns elapsed since capture start"
        "evt.reltime > 0";
    EvtReltimeS "evt.reltime.s" RelativeTime NoArgument Event []
        "whole seconds elapsed since capture start"
        "evt.reltime.s > 0";
    EvtReltimeNs "evt.reltime.ns" RelativeTime NoArgument Event [Padded]
        "sub-second remainder of elapsed capture time"
        "evt.reltime.ns > 0";
    EvtPluginname "evt.pluginname" Text NoArgument Event [NeverKnown]
        "loaded plugin that owns the event's source"
        "evt.pluginname exists";
    EvtPlugininfo "evt.plugininfo" Text NoArgument Event [NeverKnown]
        "owning plugin's textual rendering of the event"
        "evt.plugininfo exists";
    EvtSource "evt.source" Text NoArgument Event []
        "event source label, such as syscall"
        "evt.source = syscall";
    EvtIsAsync "evt.is_async" Bool NoArgument Event []
        "whether the event was injected asynchronously"
        "evt.is_async = true";
    EvtAsynctype "evt.asynctype" Text NoArgument Event [NeverKnown]
        "name carried by an asynchronous event"
        "evt.asynctype exists";
    EvtHostname "evt.hostname" Text NoArgument Host []
        "host name, overridable through an environment variable"
        "evt.hostname exists";
    EvtLatency "evt.latency" RelativeTime NoArgument Event [Deprecated]
        "exit minus enter time, ns (obsolete)"
        "evt.latency > 0";
    EvtLatencyS "evt.latency.s" RelativeTime NoArgument Event [Deprecated]
        "whole seconds of enter-to-exit time (obsolete)"
        "evt.latency.s > 0";
    EvtLatencyNs "evt.latency.ns" RelativeTime NoArgument Event [Deprecated, Padded]
        "sub-second remainder of enter-to-exit time (obsolete)"
        "evt.latency.ns > 0";
    EvtLatencyQuantized "evt.latency.quantized" U64 NoArgument Event [Deprecated, Hidden]
        "log10 of enter-to-exit time (obsolete)"
        "evt.latency.quantized > 0";
    EvtLatencyHuman "evt.latency.human" Text NoArgument Event [Deprecated]
        "enter-to-exit time with readable units (obsolete)"
        "evt.latency.human exists";
    EvtDeltatime "evt.deltatime" RelativeTime NoArgument Event []
        "gap to the preceding event, ns"
        "evt.deltatime > 0";
    EvtDeltatimeS "evt.deltatime.s" RelativeTime NoArgument Event []
        "whole seconds of the gap to the preceding event"
        "evt.deltatime.s > 0";
    EvtDeltatimeNs "evt.deltatime.ns" RelativeTime NoArgument Event [Padded]
        "sub-second remainder of the gap to the preceding event"
        "evt.deltatime.ns > 0";
    EvtOutputtime "evt.outputtime" Text NoArgument Event []
        "timestamp in the display style chosen on the command line"
        "evt.outputtime exists";
    EvtDir "evt.dir" Text NoArgument Event [Deprecated]
        "enter `>` or exit `<` marker (obsolete)"
        "evt.dir = <";
    EvtType "evt.type" Text NoArgument Event []
        "event or syscall name; async name for async events"
        "evt.type in (execve, execveat)";
    EvtTypeIs "evt.type.is" U32 EventName Event []
        "1 if the event is the type named in the suffix"
        "evt.type.is.open = 1";
    SyscallType "syscall.type" Text NoArgument Event []
        "syscall name only; no value for non-syscall events"
        "syscall.type = openat";
    EvtCategory "evt.category" Text NoArgument Event []
        "what kind of thing is done: `file`, `net`, `process`, `memory`, `IPC`, `signal`, `time` and the like"
        "evt.category = file";
    EvtCpu "evt.cpu" I16 NoArgument Event []
        "CPU index that recorded the event"
        "evt.cpu > 0";
    EvtArgs "evt.args" Text NoArgument Event []
        "every parameter rendered as one `name=value` text"
        "evt.args exists";
    EvtArg "evt.arg" Text Parameter Event []
        "one parameter as text, selected by name or position"
        "evt.arg.flags contains O_TRUNC";
    EvtRawarg "evt.rawarg" Dynamic RawParameter Event [NoRight, NoTransformer]
        "one parameter with its native type, selected by name"
        "evt.rawarg.res >= 0";
    EvtInfo "evt.info" Text NoArgument Event []
        "alias of evt.args"
        "evt.info exists";
    EvtBuffer "evt.buffer" Bytes NoArgument Event []
        "raw I/O payload bytes"
        "evt.buffer contains \"root:\"";
    EvtBuflen "evt.buflen" U64 NoArgument Event []
        "byte count of the I/O payload"
        "evt.buflen > 0";
    EvtRes "evt.res" Text NoArgument Event []
        "SUCCESS, or the errno symbol when the call failed"
        "evt.res = SUCCESS";
    EvtRawres "evt.rawres" I64 NoArgument Event []
        "numeric return value"
        "evt.rawres >= 0";
    EvtFailed "evt.failed" Bool NoArgument Event []
        "true if the return value denotes an error"
        "evt.failed = true";
    EvtIsIo "evt.is_io" Bool NoArgument Event []
        "true if the event reads or writes a descriptor"
        "evt.is_io = true";
    EvtIsIoRead "evt.is_io_read" Bool NoArgument Event []
        "true if the event reads a descriptor"
        "evt.is_io_read = true";
    EvtIsIoWrite "evt.is_io_write" Bool NoArgument Event []
        "true if the event writes a descriptor"
        "evt.is_io_write = true";
    EvtIoDir "evt.io_dir" Text NoArgument Event []
        "word `read` or `write`; absent for other events"
        "evt.io_dir = write";
    EvtIsWait "evt.is_wait" Bool NoArgument Event []
        "true for blocking/waiting calls"
        "evt.is_wait = true";
    EvtWaitLatency "evt.wait_latency" RelativeTime NoArgument Event [Deprecated]
        "ns a blocking call spent waiting (obsolete)"
        "evt.wait_latency > 0";
    EvtIsSyslog "evt.is_syslog" Bool NoArgument Event []
        "true for a write to the syslog socket"
        "evt.is_syslog = true";
    EvtCount "evt.count" U32 NoArgument Event []
        "constant 1 for each event"
        "evt.count > 0";
    EvtCountError "evt.count.error" U32 NoArgument Event []
        "1 when the event failed"
        "evt.count.error > 0";
    EvtCountErrorFile "evt.count.error.file" U32 NoArgument Event []
        "1 when a file I/O event failed"
        "evt.count.error.file > 0";
    EvtCountErrorNet "evt.count.error.net" U32 NoArgument Event []
        "1 when a network I/O event failed"
        "evt.count.error.net > 0";
    EvtCountErrorMemory "evt.count.error.memory" U32 NoArgument Event []
        "1 when a memory event failed"
        "evt.count.error.memory > 0";
    EvtCountErrorOther "evt.count.error.other" U32 NoArgument Event []
        "1 when an event of any other category failed"
        "evt.count.error.other > 0";
    EvtCountExit "evt.count.exit" U32 NoArgument Event []
        "1 for exit-side events"
        "evt.count.exit > 0";
    EvtCountProcinfo "evt.count.procinfo" U32 NoArgument Event [Hidden, NeverKnown]
        "1 for procinfo records of main threads"
        "evt.count.procinfo > 0";
    EvtCountThreadinfo "evt.count.threadinfo" U32 NoArgument Event [Hidden, NeverKnown]
        "1 for any procinfo record"
        "evt.count.threadinfo > 0";
    EvtAround "evt.around" U64 IndexRequired Event [NoRight, NoTransformer, FilterOnly]
        "keeps events within N ms of the timestamp argument"
        "evt.around[1700000000000000000] = 500";
    EvtAbspath "evt.abspath" Text Side Event []
        "absolute path built from a directory fd and a name"
        "evt.abspath.dst startswith /etc/";
    EvtBuflenIn "evt.buflen.in" U64 NoArgument Event [Hidden]
        "payload size, read-type events only"
        "evt.buflen.in > 0";
    EvtBuflenOut "evt.buflen.out" U64 NoArgument Event [Hidden]
        "payload size, write-type events only"
        "evt.buflen.out > 0";
    EvtBuflenFile "evt.buflen.file" U64 NoArgument Event [Hidden]
        "payload size, file I/O only"
        "evt.buflen.file > 0";
    EvtBuflenFileIn "evt.buflen.file.in" U64 NoArgument Event [Hidden]
        "payload size, file reads only"
        "evt.buflen.file.in > 0";
    EvtBuflenFileOut "evt.buflen.file.out" U64 NoArgument Event [Hidden]
        "payload size, file writes only"
        "evt.buflen.file.out > 0";
    EvtBuflenNet "evt.buflen.net" U64 NoArgument Event [Hidden]
        "payload size, network I/O only"
        "evt.buflen.net > 0";
    EvtBuflenNetIn "evt.buflen.net.in" U64 NoArgument Event [Hidden]
        "payload size, network receives only"
        "evt.buflen.net.in > 0";
    EvtBuflenNetOut "evt.buflen.net.out" U64 NoArgument Event [Hidden]
        "payload size, network sends only"
        "evt.buflen.net.out > 0";
    EvtIsOpenRead "evt.is_open_read" Bool NoArgument Event []
        "open-family call whose flags include read access"
        "evt.is_open_read = true";
    EvtIsOpenWrite "evt.is_open_write" Bool NoArgument Event []
        "open-family call whose flags include write access"
        "evt.is_open_write = true";
    EvtInfraDockerName "evt.infra.docker.name" Text NoArgument Event [Hidden, NeverKnown]
        "name of a Docker infrastructure notification"
        "evt.infra.docker.name exists";
    EvtInfraDockerContainerId "evt.infra.docker.container.id" Text NoArgument Event [Hidden, NeverKnown]
        "container id in a Docker infrastructure notification"
        "evt.infra.docker.container.id exists";
    EvtInfraDockerContainerName "evt.infra.docker.container.name" Text NoArgument Event [Hidden, NeverKnown]
        "container name in a Docker infrastructure notification"
        "evt.infra.docker.container.name exists";
    EvtInfraDockerContainerImage "evt.infra.docker.container.image" Text NoArgument Event [Hidden, NeverKnown]
        "image name in a Docker infrastructure notification"
        "evt.infra.docker.container.image exists";
    EvtIsOpenExec "evt.is_open_exec" Bool NoArgument Event []
        "open-family or creat call creating a file with exec bits"
        "evt.is_open_exec = true";
    EvtIsOpenCreate "evt.is_open_create" Bool NoArgument Event []
        "open-family call that created a new file"
        "evt.is_open_create = true";
    ProcExe "proc.exe" Text NoArgument Process []
        "argv[0] of the process"
        "proc.exe startswith /usr/";
    ProcPexe "proc.pexe" Text NoArgument Event []
        "argv[0] of the parent"
        "proc.pexe startswith /usr/";
    ProcAexe "proc.aexe" Text IndexOptional Event [AnyAncestor, NoRight, NoTransformer]
        "argv[0] of ancestor N; without N, any ancestor"
        "proc.aexe[1] startswith /usr/";
    ProcExepath "proc.exepath" Text NoArgument Process []
        "resolved full path of the running executable"
        "proc.exepath = /usr/bin/curl";
    ProcPexepath "proc.pexepath" Text NoArgument Event []
        "resolved executable path of the parent"
        "proc.pexepath startswith /usr/";
    ProcAexepath "proc.aexepath" Text IndexOptional Event [AnyAncestor, NoRight, NoTransformer]
        "executable path of ancestor N; without N, any ancestor"
        "proc.aexepath[1] startswith /usr/";
    ProcName "proc.name" Text NoArgument Process []
        "kernel task name (comm), at most 15 visible characters"
        "proc.name = curl";
    ProcPname "proc.pname" Text NoArgument Event []
        "comm of the parent"
        "proc.pname exists";
    ProcAname "proc.aname" Text IndexOptional Event [AnyAncestor, NoRight, NoTransformer]
        "comm of ancestor N; without N, any ancestor"
        "proc.aname in (sshd, nginx)";
    ProcArgs "proc.args" Text IndexOptional Process []
        "argv after argv[0], space-joined, or single argument N (zero-based)"
        "proc.args[0] = -c";
    ProcAargs "proc.aargs" Text IndexOptional Event []
        "joined arguments of ancestor N; without N, of all ancestors"
        "proc.aargs[1] exists";
    ProcCmdline "proc.cmdline" Text NoArgument Process []
        "proc.name followed by proc.args"
        "proc.cmdline contains \"--insecure\"";
    ProcPcmdline "proc.pcmdline" Text NoArgument Event []
        "parent's name followed by its arguments"
        "proc.pcmdline exists";
    ProcAcmdline "proc.acmdline" Text IndexOptional Event [AnyAncestor, NoRight, NoTransformer]
        "command line of ancestor N; without N, any ancestor"
        "proc.acmdline[1] exists";
    ProcCmdnargs "proc.cmdnargs" U64 NoArgument Process []
        "how many arguments follow argv[0]"
        "proc.cmdnargs > 0";
    ProcCmdlenargs "proc.cmdlenargs" U64 NoArgument Process []
        "summed length of those arguments, separators excluded"
        "proc.cmdlenargs > 0";
    ProcExeline "proc.exeline" Text NoArgument Process []
        "proc.exe followed by proc.args"
        "proc.exeline exists";
    ProcEnv "proc.env" Text KeyOptional Process []
        "whole environment space-joined, or value of the named variable"
        "proc.env[LD_PRELOAD] startswith /tmp/";
    ProcAenv "proc.aenv" Text KeyOptional Event [AnyAncestor, NoRight, NoTransformer]
        "environment of ancestors: any, level N, or a named variable"
        "proc.aenv[SSH_CLIENT] exists";
    ProcCwd "proc.cwd" Text NoArgument Event []
        "working directory"
        "proc.cwd startswith /tmp/";
    ProcLoginshellid "proc.loginshellid" I64 NoArgument Event []
        "pid of the earliest shell in the ancestry"
        "proc.loginshellid > 0";
    ProcTty "proc.tty" U32 NoArgument Process []
        "controlling terminal number, 0 if none"
        "proc.tty != 0";
    ProcPid "proc.pid" I64 NoArgument Process []
        "process id in the host namespace"
        "proc.pid > 0";
    ProcPpid "proc.ppid" I64 NoArgument Event []
        "parent process id in the host namespace"
        "proc.ppid > 0";
    ProcApid "proc.apid" I64 IndexOptional Event [AnyAncestor, NoRight, NoTransformer]
        "pid of ancestor N; without N, any ancestor"
        "proc.apid[1] > 0";
    ProcVpid "proc.vpid" I64 NoArgument Process []
        "process id inside its own pid namespace"
        "proc.vpid > 0";
    ProcPvpid "proc.pvpid" I64 NoArgument Event []
        "parent id inside the pid namespace"
        "proc.pvpid > 0";
    ProcSid "proc.sid" I64 NoArgument Event []
        "session id"
        "proc.sid > 0";
    ProcSname "proc.sname" Text NoArgument Event []
        "comm of the session leader"
        "proc.sname exists";
    ProcSidExe "proc.sid.exe" Text NoArgument Event []
        "argv[0] of the session leader"
        "proc.sid.exe startswith /usr/";
    ProcSidExepath "proc.sid.exepath" Text NoArgument Event []
        "executable path of the session leader"
        "proc.sid.exepath startswith /usr/";
    ProcVpgid "proc.vpgid" I64 NoArgument Event []
        "process-group id inside the pid namespace"
        "proc.vpgid > 0";
    ProcVpgidName "proc.vpgid.name" Text NoArgument Event []
        "comm of the namespaced process-group leader"
        "proc.vpgid.name exists";
    ProcVpgidExe "proc.vpgid.exe" Text NoArgument Event []
        "argv[0] of the namespaced process-group leader"
        "proc.vpgid.exe startswith /usr/";
    ProcVpgidExepath "proc.vpgid.exepath" Text NoArgument Event []
        "executable path of the namespaced process-group leader"
        "proc.vpgid.exepath startswith /usr/";
    ProcPgid "proc.pgid" I64 NoArgument Event []
        "process-group id in the host namespace"
        "proc.pgid > 0";
    ProcPgidName "proc.pgid.name" Text NoArgument Event []
        "comm of the host process-group leader"
        "proc.pgid.name exists";
    ProcPgidExe "proc.pgid.exe" Text NoArgument Event []
        "argv[0] of the host process-group leader"
        "proc.pgid.exe startswith /usr/";
    ProcPgidExepath "proc.pgid.exepath" Text NoArgument Event []
        "executable path of the host process-group leader"
        "proc.pgid.exepath startswith /usr/";
    ProcDuration "proc.duration" RelativeTime NoArgument Event []
        "ns since this process was cloned"
        "proc.duration > 0";
    ProcPpidDuration "proc.ppid.duration" RelativeTime NoArgument Event []
        "ns since the parent was cloned"
        "proc.ppid.duration > 0";
    ProcPidTs "proc.pid.ts" RelativeTime NoArgument Process []
        "epoch ns at which the process was cloned"
        "proc.pid.ts > 0";
    ProcPpidTs "proc.ppid.ts" RelativeTime NoArgument Event []
        "epoch ns at which the parent was cloned"
        "proc.ppid.ts > 0";
    ProcIsExeWritable "proc.is_exe_writable" Bool NoArgument Process []
        "launching user has write permission on the executable"
        "proc.is_exe_writable = true";
    ProcIsExeUpperLayer "proc.is_exe_upper_layer" Bool NoArgument Process []
        "executable is in the overlayfs writable (upper) layer"
        "proc.is_exe_upper_layer = true";
    ProcIsExeLowerLayer "proc.is_exe_lower_layer" Bool NoArgument Process []
        "executable is in an overlayfs read-only (lower) layer"
        "proc.is_exe_lower_layer = true";
    ProcIsExeFromMemfd "proc.is_exe_from_memfd" Bool NoArgument Process []
        "executable is an anonymous memfd file"
        "proc.is_exe_from_memfd = true";
    ProcIsSidLeader "proc.is_sid_leader" Bool NoArgument Event []
        "session id equals vpid"
        "proc.is_sid_leader = true";
    ProcIsVpgidLeader "proc.is_vpgid_leader" Bool NoArgument Event []
        "vpgid equals vpid"
        "proc.is_vpgid_leader = true";
    ProcIsPgidLeader "proc.is_pgid_leader" Bool NoArgument Event []
        "pgid equals pid"
        "proc.is_pgid_leader = true";
    ProcExeIno "proc.exe_ino" I64 NoArgument Process []
        "inode of the executable"
        "proc.exe_ino > 0";
    ProcExeInoCtime "proc.exe_ino.ctime" AbsoluteTime NoArgument Process []
        "epoch ns of the executable's inode change time"
        "proc.exe_ino.ctime > 0";
    ProcExeInoMtime "proc.exe_ino.mtime" AbsoluteTime NoArgument Process []
        "epoch ns of the executable's content modification time"
        "proc.exe_ino.mtime > 0";
    ProcExeInoCtimeDurationProcStart "proc.exe_ino.ctime_duration_proc_start" AbsoluteTime NoArgument Process []
        "ns from executable ctime to process clone"
        "proc.exe_ino.ctime_duration_proc_start > 0";
    ProcExeInoCtimeDurationPidnsStart "proc.exe_ino.ctime_duration_pidns_start" AbsoluteTime NoArgument Process []
        "ns from pid-namespace start to executable ctime"
        "proc.exe_ino.ctime_duration_pidns_start > 0";
    ProcPidnsInitStartTs "proc.pidns_init_start_ts" U64 NoArgument Process []
        "epoch ns at which the pid namespace's init began"
        "proc.pidns_init_start_ts > 0";
    ThreadCapPermitted "thread.cap_permitted" Text NoArgument Event []
        "permitted capability names"
        "thread.cap_permitted exists";
    ThreadCapInheritable "thread.cap_inheritable" Text NoArgument Event []
        "inheritable capability names"
        "thread.cap_inheritable exists";
    ThreadCapEffective "thread.cap_effective" Text NoArgument Event []
        "effective capability names"
        "thread.cap_effective contains CAP_SYS_ADMIN";
    ProcFdopencount "proc.fdopencount" U64 NoArgument Event []
        "count of open descriptors"
        "proc.fdopencount > 0";
    ProcFdlimit "proc.fdlimit" I64 NoArgument Event []
        "descriptor limit of the process"
        "proc.fdlimit > 0";
    ProcFdusage "proc.fdusage" F64 NoArgument Event []
        "open descriptors relative to the limit"
        "proc.fdusage > 0";
    ProcVmsize "proc.vmsize" U64 NoArgument Event []
        "virtual memory size, kB"
        "proc.vmsize > 0";
    ProcVmrss "proc.vmrss" U64 NoArgument Event []
        "resident memory, kB; the kernel may not have summed up that of a new process"
        "proc.vmrss > 0";
    ProcVmswap "proc.vmswap" U64 NoArgument Event []
        "swapped-out memory, kB"
        "proc.vmswap > 0";
    ThreadPfmajor "thread.pfmajor" U64 NoArgument Event []
        "major page faults so far"
        "thread.pfmajor > 0";
    ThreadPfminor "thread.pfminor" U64 NoArgument Event []
        "minor page faults so far"
        "thread.pfminor > 0";
    ThreadTid "thread.tid" I64 NoArgument Event []
        "thread id in the host namespace"
        "thread.tid > 0";
    ThreadIsmain "thread.ismain" Bool NoArgument Event []
        "true for the thread-group leader"
        "thread.ismain = true";
    ThreadVtid "thread.vtid" I64 NoArgument Event []
        "thread id inside its pid namespace"
        "thread.vtid > 0";
    ThreadNametid "thread.nametid" Text NoArgument Event [Hidden]
        "comm and tid glued together"
        "thread.nametid exists";
    ThreadExectime "thread.exectime" RelativeTime NoArgument Event [NeverKnown]
        "ns the last scheduled thread ran (switch events)"
        "thread.exectime > 0";
    ThreadTotexectime "thread.totexectime" RelativeTime NoArgument Event [NeverKnown]
        "ns of CPU the thread used since capture start (switch events)"
        "thread.totexectime > 0";
    ThreadCgroups "thread.cgroups" Text NoArgument Event []
        "all `subsystem=path` pairs, space-joined"
        "thread.cgroups exists";
    ThreadCgroup "thread.cgroup" Text Subsystem Event []
        "cgroup path for the subsystem given as suffix"
        "thread.cgroup.memory startswith /kubepods";
    ProcNthreads "proc.nthreads" U64 NoArgument Event []
        "live threads, leader counted"
        "proc.nthreads > 0";
    ProcNchilds "proc.nchilds" U64 NoArgument Event []
        "live threads, leader not counted"
        "proc.nchilds > 0";
    ThreadCpu "thread.cpu" F64 NoArgument Event [NeverKnown]
        "CPU share over the previous second"
        "thread.cpu > 0";
    ThreadCpuUser "thread.cpu.user" F64 NoArgument Event [NeverKnown]
        "user-mode CPU share over the previous second"
        "thread.cpu.user > 0";
    ThreadCpuSystem "thread.cpu.system" F64 NoArgument Event [NeverKnown]
        "kernel-mode CPU share over the previous second"
        "thread.cpu.system > 0";
    ThreadVmsize "thread.vmsize" U64 NoArgument Event []
        "main thread: process virtual kB; others zero"
        "thread.vmsize > 0";
    ThreadVmrss "thread.vmrss" U64 NoArgument Event []
        "main thread: process resident kB; others zero"
        "thread.vmrss > 0";
    ThreadVmsizeB "thread.vmsize.b" U64 NoArgument Event [Hidden]
        "as thread.vmsize, in bytes"
        "thread.vmsize.b > 0";
    ThreadVmrssB "thread.vmrss.b" U64 NoArgument Event [Hidden]
        "as thread.vmrss, in bytes"
        "thread.vmrss.b > 0";
    ProcStdinType "proc.stdin.type" Text NoArgument Event []
        "fd type of descriptor 0"
        "proc.stdin.type exists";
    ProcStdoutType "proc.stdout.type" Text NoArgument Event []
        "fd type of descriptor 1"
        "proc.stdout.type exists";
    ProcStderrType "proc.stderr.type" Text NoArgument Event []
        "fd type of descriptor 2"
        "proc.stderr.type exists";
    ProcStdinName "proc.stdin.name" Text NoArgument Event []
        "fd name of descriptor 0"
        "proc.stdin.name exists";
    ProcStdoutName "proc.stdout.name" Text NoArgument Event []
        "fd name of descriptor 1"
        "proc.stdout.name exists";
    ProcStderrName "proc.stderr.name" Text NoArgument Event []
        "fd name of descriptor 2"
        "proc.stderr.name exists";
    UserUid "user.uid" U32 NoArgument Event []
        "numeric user id"
        "user.uid = 0";
    UserName "user.name" Text NoArgument Event []
        "account name for the uid"
        "user.name = root";
    UserHomedir "user.homedir" Text NoArgument Event []
        "account home path"
        "user.homedir exists";
    UserShell "user.shell" Text NoArgument Event []
        "account login shell"
        "user.shell exists";
    UserLoginuid "user.loginuid" I64 NoArgument Event []
        "audit uid; -1 when unset"
        "user.loginuid != -1";
    UserLoginname "user.loginname" Text NoArgument Event []
        "account name for the audit uid"
        "user.loginname exists";
    GroupGid "group.gid" U32 NoArgument Event []
        "numeric group id"
        "group.gid > 0";
    GroupName "group.name" Text NoArgument Event []
        "group name for the gid"
        "group.name = docker";
    FdNum "fd.num" I64 NoArgument Event []
        "descriptor number"
        "fd.num > 0";
    FdType "fd.type" Text NoArgument Event []
        "descriptor kind as a word"
        "fd.type in (ipv4, ipv6)";
    FdTypechar "fd.typechar" Text NoArgument Event []
        "descriptor kind as one character"
        "fd.typechar = f";
    FdName "fd.name" Text NoArgument Event []
        "file path, or connection tuple for sockets"
        "fd.name startswith /etc/";
    FdDirectory "fd.directory" Text NoArgument Event []
        "parent directory of the file"
        "fd.directory = /etc";
    FdFilename "fd.filename" Text NoArgument Event []
        "last path component of the file"
        "fd.filename = shadow";
    FdIp "fd.ip" Ip NoArgument Event [EitherEnd, NoRight, NoTransformer, FilterOnly]
        "either endpoint's address"
        "fd.ip = 10.0.0.1";
    FdCip "fd.cip" Ip NoArgument Event []
        "client address"
        "fd.cip = 10.0.0.1";
    FdSip "fd.sip" Ip NoArgument Event []
        "server address"
        "fd.sip = 10.0.0.1";
    FdLip "fd.lip" Ip NoArgument Event []
        "local address"
        "fd.lip = 10.0.0.1";
    FdRip "fd.rip" Ip NoArgument Event []
        "remote address"
        "fd.rip = 10.0.0.1";
    FdPort "fd.port" Port NoArgument Event [EitherEnd, NoRight, NoTransformer, FilterOnly]
        "either endpoint's port"
        "fd.port = 443";
    FdCport "fd.cport" Port NoArgument Event []
        "client port"
        "fd.cport > 0";
    FdSport "fd.sport" Port NoArgument Event []
        "server port"
        "fd.sport = 443";
    FdLport "fd.lport" Port NoArgument Event []
        "local port"
        "fd.lport > 0";
    FdRport "fd.rport" Port NoArgument Event []
        "remote port"
        "fd.rport > 0";
    FdL4proto "fd.l4proto" Text NoArgument Event []
        "tcp, udp, icmp or raw"
        "fd.l4proto = tcp";
    FdSockfamily "fd.sockfamily" Text NoArgument Event []
        "ip or unix"
        "fd.sockfamily = ip";
    FdIsServer "fd.is_server" Bool NoArgument Event []
        "true when the owner is the server endpoint"
        "fd.is_server = true";
    FdUid "fd.uid" Text NoArgument Event []
        "tid and fd number concatenated"
        "fd.uid exists";
    FdContainername "fd.containername" Text NoArgument Event []
        "container id and fd name joined"
        "fd.containername exists";
    FdContainerdirectory "fd.containerdirectory" Text NoArgument Event []
        "container id and fd directory joined"
        "fd.containerdirectory exists";
    FdProto "fd.proto" Port NoArgument Event [EitherEnd, NoRight, NoTransformer, FilterOnly]
        "either endpoint's service, compared as a port"
        "fd.proto > 0";
    FdCproto "fd.cproto" Text NoArgument Event []
        "service name of the client port"
        "fd.cproto exists";
    FdSproto "fd.sproto" Text NoArgument Event []
        "service name of the server port"
        "fd.sproto exists";
    FdLproto "fd.lproto" Text NoArgument Event []
        "service name of the local port"
        "fd.lproto exists";
    FdRproto "fd.rproto" Text NoArgument Event []
        "service name of the remote port"
        "fd.rproto exists";
    FdNet "fd.net" Net NoArgument Event [EitherEnd, NoRight, NoTransformer, FilterOnly]
        "either endpoint inside the network"
        "fd.net = 10.0.0.0/8";
    FdCnet "fd.cnet" Net NoArgument Event [NoRight, NoTransformer, FilterOnly]
        "client address inside the network"
        "fd.cnet = 10.0.0.0/8";
    FdSnet "fd.snet" Net NoArgument Event [NoRight, NoTransformer, FilterOnly]
        "server address inside the network"
        "fd.snet = 10.0.0.0/8";
    FdLnet "fd.lnet" Net NoArgument Event [NoRight, NoTransformer, FilterOnly]
        "local address inside the network"
        "fd.lnet = 10.0.0.0/8";
    FdRnet "fd.rnet" Net NoArgument Event [NoRight, NoTransformer, FilterOnly]
        "remote address inside the network"
        "fd.rnet = 10.0.0.0/8";
    FdConnected "fd.connected" Bool NoArgument Event []
        "true for a connected TCP/UDP socket"
        "fd.connected = true";
    FdNameChanged "fd.name_changed" Bool NoArgument Event []
        "true when this event altered the fd's name"
        "fd.name_changed = true";
    FdCipName "fd.cip.name" Text NoArgument Event [NoRight, NoTransformer, HostName]
        "host names in rules that resolve to the client address"
        "fd.cip.name in (api.example.com, db.example.com)";
    FdSipName "fd.sip.name" Text NoArgument Event [NoRight, NoTransformer, HostName]
        "host names in rules that resolve to the server address"
        "fd.sip.name in (api.example.com, db.example.com)";
    FdLipName "fd.lip.name" Text NoArgument Event [NoRight, NoTransformer, HostName]
        "host names in rules that resolve to the local address"
        "fd.lip.name in (api.example.com, db.example.com)";
    FdRipName "fd.rip.name" Text NoArgument Event [NoRight, NoTransformer, HostName]
        "host names in rules that resolve to the remote address"
        "fd.rip.name in (api.example.com, db.example.com)";
    FdDev "fd.dev" I32 NoArgument Event [Hexadecimal]
        "device number of the file"
        "fd.dev > 0";
    FdDevMajor "fd.dev.major" I32 NoArgument Event []
        "major part of the device number"
        "fd.dev.major > 0";
    FdDevMinor "fd.dev.minor" I32 NoArgument Event []
        "minor part of the device number"
        "fd.dev.minor > 0";
    FdIno "fd.ino" I64 NoArgument Event []
        "inode of the file"
        "fd.ino > 0";
    FdNameraw "fd.nameraw" Text NoArgument Event []
        "file path as passed, not made absolute"
        "fd.nameraw exists";
    FdTypes "fd.types" Text IndexOptional Event [List, NoRight]
        "kinds of all open descriptors, or of one of them"
        "fd.types[0] in (ipv4)";
    FdIsUpperLayer "fd.is_upper_layer" Bool NoArgument Event []
        "file is in the overlayfs writable (upper) layer"
        "fd.is_upper_layer = true";
    FdIsLowerLayer "fd.is_lower_layer" Bool NoArgument Event []
        "file is in an overlayfs read-only (lower) layer"
        "fd.is_lower_layer = true";
    FsPathName "fs.path.name" Text NoArgument Event []
        "absolute path a filesystem call acts on"
        "fs.path.name exists";
    FsPathNameraw "fs.path.nameraw" Text NoArgument Event []
        "path a filesystem call acts on, as passed"
        "fs.path.nameraw exists";
    FsPathSource "fs.path.source" Text NoArgument Event []
        "absolute source path of a two-path call"
        "fs.path.source exists";
    FsPathSourceraw "fs.path.sourceraw" Text NoArgument Event []
        "source path of a two-path call, as passed"
        "fs.path.sourceraw exists";
    FsPathTarget "fs.path.target" Text NoArgument Event []
        "absolute destination path of a two-path call"
        "fs.path.target exists";
    FsPathTargetraw "fs.path.targetraw" Text NoArgument Event []
        "destination path of a two-path call, as passed"
        "fs.path.targetraw exists";
    FdlistNums "fdlist.nums" Text NoArgument Event []
        "numbers of the descriptors that a poll waits for, comma-joined; the first 16"
        "fdlist.nums exists";
    FdlistNames "fdlist.names" Text NoArgument Event []
        "their names, `<NA>` where there is none"
        "fdlist.names exists";
    FdlistCips "fdlist.cips" Text NoArgument Event []
        "client addresses of the sockets among them"
        "fdlist.cips exists";
    FdlistSips "fdlist.sips" Text NoArgument Event []
        "server addresses of the sockets among them"
        "fdlist.sips exists";
    FdlistCports "fdlist.cports" Text NoArgument Event []
        "client ports of the sockets among them"
        "fdlist.cports exists";
    FdlistSports "fdlist.sports" Text NoArgument Event []
        "server ports of the sockets among them"
        "fdlist.sports exists";
    UtilCnt "util.cnt" U64 NoArgument Event []
        "counter incremented at each extraction"
        "util.cnt > 0";
    ContainerId "container.id" Text NoArgument Container [Suggested]
        "12-character container id; `host` outside containers"
        "container.id != host";
    ContainerFullId "container.full_id" Text NoArgument Container []
        "complete container id, available after runtime lookup"
        "container.full_id exists";
    ContainerName "container.name" Text NoArgument Container [Suggested]
        "container name; `host` outside containers"
        "container.name exists";
    ContainerImage "container.image" Text NoArgument Container []
        "image reference including tag"
        "container.image exists";
    ContainerImageId "container.image.id" Text NoArgument Container []
        "image identifier"
        "container.image.id exists";
    ContainerType "container.type" Text NoArgument Container []
        "runtime kind, such as docker or containerd"
        "container.type = docker";
    ContainerPrivileged "container.privileged" Bool NoArgument Container []
        "true when started privileged"
        "container.privileged = true";
    ContainerMounts "container.mounts" Text NoArgument Container []
        "all mounts as `source:dest:mode:rdwr:propagation`"
        "container.mounts exists";
    ContainerMount "container.mount" Text KeyRequired Container []
        "one mount tuple, chosen by index or source glob"
        "container.mount[/data] exists";
    ContainerMountSource "container.mount.source" Text KeyRequired Container []
        "source of a mount, by index or destination glob"
        "container.mount.source[/data] exists";
    ContainerMountDest "container.mount.dest" Text KeyRequired Container []
        "destination of a mount, by index or source glob"
        "container.mount.dest[/data] exists";
    ContainerMountMode "container.mount.mode" Text KeyRequired Container []
        "mode of a mount, by index or source glob"
        "container.mount.mode[/data] exists";
    ContainerMountRdwr "container.mount.rdwr" Text KeyRequired Container []
        "read-write flag of a mount, by index or source glob"
        "container.mount.rdwr[/data] exists";
    ContainerMountPropagation "container.mount.propagation" Text KeyRequired Container []
        "propagation of a mount, by index or source glob"
        "container.mount.propagation[/data] exists";
    ContainerImageRepository "container.image.repository" Text NoArgument Container [Suggested]
        "image reference without tag"
        "container.image.repository endswith /nginx";
    ContainerImageTag "container.image.tag" Text NoArgument Container [Suggested]
        "image tag"
        "container.image.tag exists";
    ContainerImageDigest "container.image.digest" Text NoArgument Container []
        "registry digest of the image"
        "container.image.digest exists";
    ContainerHealthcheck "container.healthcheck" Text NoArgument Container [Deprecated, NeverKnown]
        "health-check command (obsolete)"
        "container.healthcheck exists";
    ContainerLivenessProbe "container.liveness_probe" Text NoArgument Container [Deprecated, NeverKnown]
        "liveness command (obsolete)"
        "container.liveness_probe exists";
    ContainerReadinessProbe "container.readiness_probe" Text NoArgument Container [Deprecated, NeverKnown]
        "readiness command (obsolete)"
        "container.readiness_probe exists";
    ContainerStartTs "container.start_ts" AbsoluteTime NoArgument Container []
        "epoch ns of container start, from the pid namespace"
        "container.start_ts > 0";
    ContainerDuration "container.duration" RelativeTime NoArgument Event []
        "ns since container.start_ts"
        "container.duration > 0";
    ContainerIp "container.ip" Text NoArgument Container []
        "primary IPv4 address"
        "container.ip exists";
    ContainerCniJson "container.cni.json" Text NoArgument Container []
        "raw CNI result JSON"
        "container.cni.json exists";
    ContainerHostPid "container.host_pid" Bool NoArgument Container []
        "true when sharing the host pid namespace"
        "container.host_pid = true";
    ContainerHostNetwork "container.host_network" Bool NoArgument Container []
        "true when sharing the host network namespace"
        "container.host_network = true";
    ContainerHostIpc "container.host_ipc" Bool NoArgument Container []
        "true when sharing the host IPC namespace"
        "container.host_ipc = true";
    ContainerLabel "container.label" Text KeyRequired Container []
        "value of the named container label"
        "container.label[team] = web";
    ContainerLabels "container.labels" Text NoArgument Container []
        "all labels as `key:value` pairs"
        "container.labels exists";
    ProcIsContainerHealthcheck "proc.is_container_healthcheck" Bool NoArgument Process [Deprecated, NeverKnown]
        "process is the health-check command (obsolete)"
        "proc.is_container_healthcheck = true";
    ProcIsContainerLivenessProbe "proc.is_container_liveness_probe" Bool NoArgument Process [Deprecated, NeverKnown]
        "process is the liveness command (obsolete)"
        "proc.is_container_liveness_probe = true";
    ProcIsContainerReadinessProbe "proc.is_container_readiness_probe" Bool NoArgument Process [Deprecated, NeverKnown]
        "process is the readiness command (obsolete)"
        "proc.is_container_readiness_probe = true";
    K8sPodName "k8s.pod.name" Text NoArgument Container [Suggested]
        "pod name"
        "k8s.pod.name exists";
    K8sNsName "k8s.ns.name" Text NoArgument Container [Suggested]
        "namespace of the pod"
        "k8s.ns.name = kube-system";
    K8sPodId "k8s.pod.id" Text NoArgument Container []
        "same value as k8s.pod.uid (legacy name)"
        "k8s.pod.id exists";
    K8sPodUid "k8s.pod.uid" Text NoArgument Container []
        "pod UID assigned by the API server"
        "k8s.pod.uid exists";
    K8sPodSandboxId "k8s.pod.sandbox_id" Text NoArgument Container []
        "12-character sandbox container id"
        "k8s.pod.sandbox_id exists";
    K8sPodFullSandboxId "k8s.pod.full_sandbox_id" Text NoArgument Container []
        "complete sandbox container id"
        "k8s.pod.full_sandbox_id exists";
    K8sPodLabel "k8s.pod.label" Text KeyRequired Container []
        "value of the named pod label"
        "k8s.pod.label[app] = web";
    K8sPodLabels "k8s.pod.labels" Text NoArgument Container []
        "all pod labels as `key:value` pairs"
        "k8s.pod.labels exists";
    K8sPodIp "k8s.pod.ip" Text NoArgument Container []
        "pod primary IPv4 address"
        "k8s.pod.ip exists";
    K8sPodCniJson "k8s.pod.cni.json" Text NoArgument Container []
        "raw CNI result JSON of the pod"
        "k8s.pod.cni.json exists";
    K8sRcName "k8s.rc.name" Text NoArgument Container [Deprecated, NeverKnown]
        "replication-controller name (obsolete)"
        "k8s.rc.name exists";
    K8sRcId "k8s.rc.id" Text NoArgument Container [Deprecated, NeverKnown]
        "replication-controller id (obsolete)"
        "k8s.rc.id exists";
    K8sRcLabel "k8s.rc.label" Text KeyRequired Container [Deprecated, NeverKnown]
        "one replication-controller label (obsolete)"
        "k8s.rc.label[app] = web";
    K8sRcLabels "k8s.rc.labels" Text NoArgument Container [Deprecated, NeverKnown]
        "all replication-controller labels (obsolete)"
        "k8s.rc.labels exists";
    K8sSvcName "k8s.svc.name" Text NoArgument Container [Deprecated, NeverKnown]
        "service name (obsolete)"
        "k8s.svc.name exists";
    K8sSvcId "k8s.svc.id" Text NoArgument Container [Deprecated, NeverKnown]
        "service id (obsolete)"
        "k8s.svc.id exists";
    K8sSvcLabel "k8s.svc.label" Text KeyRequired Container [Deprecated, NeverKnown]
        "one service label (obsolete)"
        "k8s.svc.label[app] = web";
    K8sSvcLabels "k8s.svc.labels" Text NoArgument Container [Deprecated, NeverKnown]
        "all service labels (obsolete)"
        "k8s.svc.labels exists";
    K8sNsId "k8s.ns.id" Text NoArgument Container [Deprecated, NeverKnown]
        "namespace id (obsolete)"
        "k8s.ns.id exists";
    K8sNsLabel "k8s.ns.label" Text KeyRequired Container [Deprecated, NeverKnown]
        "one namespace label (obsolete)"
        "k8s.ns.label[team] = web";
    K8sNsLabels "k8s.ns.labels" Text NoArgument Container [Deprecated, NeverKnown]
        "all namespace labels (obsolete)"
        "k8s.ns.labels exists";
    K8sRsName "k8s.rs.name" Text NoArgument Container [Deprecated, NeverKnown]
        "replica-set name (obsolete)"
        "k8s.rs.name exists";
    K8sRsId "k8s.rs.id" Text NoArgument Container [Deprecated, NeverKnown]
        "replica-set id (obsolete)"
        "k8s.rs.id exists";
    K8sRsLabel "k8s.rs.label" Text KeyRequired Container [Deprecated, NeverKnown]
        "one replica-set label (obsolete)"
        "k8s.rs.label[app] = web";
    K8sRsLabels "k8s.rs.labels" Text NoArgument Container [Deprecated, NeverKnown]
        "all replica-set labels (obsolete)"
        "k8s.rs.labels exists";
    K8sDeploymentName "k8s.deployment.name" Text NoArgument Container [Deprecated, NeverKnown]
        "deployment name (obsolete)"
        "k8s.deployment.name exists";
    K8sDeploymentId "k8s.deployment.id" Text NoArgument Container [Deprecated, NeverKnown]
        "deployment id (obsolete)"
        "k8s.deployment.id exists";
    K8sDeploymentLabel "k8s.deployment.label" Text KeyRequired Container [Deprecated, NeverKnown]
        "one deployment label (obsolete)"
        "k8s.deployment.label[app] = web";
    K8sDeploymentLabels "k8s.deployment.labels" Text NoArgument Container [Deprecated, NeverKnown]
        "all deployment labels (obsolete)"
        "k8s.deployment.labels exists";
    FdRealpath "fd.realpath" Text NoArgument Event [Extension]
        "path of the opened file as the kernel resolved it, links followed"
        "fd.realpath startswith /etc/";
    FdRealdirectory "fd.realdirectory" Text NoArgument Event [Extension]
        "what fd.directory is of the path as the kernel resolved it"
        "fd.realdirectory = /etc/cron.d";
    FdRealfilename "fd.realfilename" Text NoArgument Event [Extension]
        "what fd.filename is of the path as the kernel resolved it"
        "fd.realfilename = authorized_keys";
    EvtTruncated "evt.truncated" Bool NoArgument Event [Extension]
        "whether some text of the event was cut at its limit"
        "evt.truncated = true";
    EvtUnreadable "evt.unreadable" Bool NoArgument Event [Extension]
        "whether memory of the caller could not be read"
        "evt.unreadable = true";
    EvtMismatch "evt.mismatch" Bool NoArgument Event [Extension]
        "whether the kernel acted on something else than the caller named"
        "evt.mismatch = true";
    EvtVia "evt.via" Text NoArgument Event [Extension]
        "how the call came in, such as syscall or io_uring"
        "evt.via = syscall";
    ProcArgsHash "proc.args_hash" Text NoArgument Process [Extension]
        "hash of the whole argument list, to tell cut ones apart"
        "proc.args_hash exists";
}
