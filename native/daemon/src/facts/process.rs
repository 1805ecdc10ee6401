//! `proc.*` and `thread.*`.

use bumpalo::{Bump, collections::Vec};
use peregrine_capture::event::{Descriptor, Layer};
use peregrine_rules::{Argument, FieldId, FieldRef, Value};
use peregrine_world::{Process, World};

use super::{Context, descriptor, names, net, path};

/// Who did it, and where to ask about its relatives.
#[derive(Clone, Copy)]
pub struct Actor<'e> {
    pub process: &'e Process,
    pub world: &'e World,
    pub tid: u32,
    /// Time of the event, `CLOCK_BOOTTIME` in ns.
    pub time: u64,
    pub context: &'e Context,
}

impl<'e> Actor<'e> {
    fn parent(&self) -> Option<&'e Process> {
        self.world.ancestors(self.process).next()
    }

    /// 0 is the process itself, 1 its parent.
    fn ancestor(&self, level: u64) -> Option<&'e Process> {
        match level {
            0 => Some(self.process),
            level => self.world.ancestors(self.process).nth(usize::try_from(level - 1).ok()?),
        }
    }
}

/// A field of the process or of its thread.
pub fn field<'a>(field: &'a FieldRef, actor: Actor<'a>, arena: &'a Bump) -> Value<'a> {
    let process = actor.process;
    let image = process.image();
    match field.id {
        FieldId::ProcName => Value::Str(process.name()),
        FieldId::ProcExe => Value::Str(image.exe()),
        FieldId::ProcExepath => Value::Str(image.executable_path()),
        FieldId::ProcArgs => args(process, &field.argument),
        FieldId::ProcCmdline => Value::Str(process.cmdline()),
        FieldId::ProcExeline => Value::Str(image.exeline()),
        FieldId::ProcCmdnargs => Value::U64(image.n_args() as u64),
        FieldId::ProcCmdlenargs => Value::U64(image.args_length() as u64),
        FieldId::ProcArgsHash => Value::Str(image.args_hash()),
        FieldId::ProcEnv => environment(process, &field.argument, arena),
        FieldId::ProcAenv => ancestor_environment(&field.argument, actor, arena),
        FieldId::ProcCwd => Value::Str(process.cwd()),
        FieldId::ProcTty => Value::U64(u64::from(process.tty)),
        FieldId::ThreadTid => Value::I64(i64::from(actor.tid)),
        FieldId::ThreadIsmain => Value::Bool(actor.tid == process.key.pid),
        FieldId::ThreadNametid => {
            Value::Str(path::concat(&[process.name(), names::decimal(actor.tid, arena)], arena))
        }
        FieldId::ThreadCapPermitted => {
            Value::Str(names::capabilities(process.cap_permitted, arena))
        }
        FieldId::ThreadCapInheritable => {
            Value::Str(names::capabilities(process.cap_inheritable, arena))
        }
        FieldId::ThreadCapEffective => {
            Value::Str(names::capabilities(process.cap_effective, arena))
        }
        FieldId::ProcIsExeWritable
        | FieldId::ProcIsExeUpperLayer
        | FieldId::ProcIsExeLowerLayer
        | FieldId::ProcIsExeFromMemfd
        | FieldId::ProcExeIno
        | FieldId::ProcExeInoCtime
        | FieldId::ProcExeInoMtime
        | FieldId::ProcExeInoCtimeDurationProcStart
        | FieldId::ProcExeInoCtimeDurationPidnsStart => executable(field.id, actor),
        FieldId::ProcLoginshellid => login_shell(actor),
        FieldId::ProcDuration => since(actor.time, process.key.start_time),
        FieldId::ProcPidTs => start_time(Some(process), actor),
        FieldId::ProcPpidTs => start_time(actor.parent(), actor),
        FieldId::ProcPpidDuration => {
            actor.parent().map_or(Value::Absent, |parent| since(actor.time, parent.key.start_time))
        }
        FieldId::ProcPidnsInitStartTs => match process.pidns_start_time {
            0 => Value::Absent,
            time => Value::U64(actor.context.clock.epoch(time)),
        },
        FieldId::ProcFdopencount
        | FieldId::ProcFdlimit
        | FieldId::ProcFdusage
        | FieldId::ProcNthreads
        | FieldId::ProcNchilds
        | FieldId::ProcVmsize
        | FieldId::ProcVmrss
        | FieldId::ProcVmswap
        | FieldId::ThreadPfmajor
        | FieldId::ThreadPfminor
        | FieldId::ThreadVmsize
        | FieldId::ThreadVmrss
        | FieldId::ThreadVmsizeB
        | FieldId::ThreadVmrssB => usage(field.id, actor),
        FieldId::ProcStdinType => stream(process, 0, FieldId::FdType, arena),
        FieldId::ProcStdoutType => stream(process, 1, FieldId::FdType, arena),
        FieldId::ProcStderrType => stream(process, 2, FieldId::FdType, arena),
        FieldId::ProcStdinName => stream(process, 0, FieldId::FdName, arena),
        FieldId::ProcStdoutName => stream(process, 1, FieldId::FdName, arena),
        FieldId::ProcStderrName => stream(process, 2, FieldId::FdName, arena),
        _ => relatives(field, actor, arena),
    }
}

/// Of one of the first three descriptors, as they were at the last exec or dup.
fn stream<'a>(process: &Process, number: usize, id: FieldId, arena: &'a Bump) -> Value<'a> {
    let Some(kept) = process.stream(number) else { return Value::Absent };
    match kept.get() {
        Descriptor::File(state) => descriptor::field(id, number as i64, &state, None, arena),
        Descriptor::Socket(state) => net::Party::of_state(number as i64, &state).field(id, arena),
    }
}

/// The kinds of the first three descriptors, as they were at the last exec or dup.
pub fn stream_types<'a>(
    process: &'a Process,
    arena: &'a Bump,
) -> impl Iterator<Item = (i64, Value<'a>)> {
    (0..3).map(|number| (number as i64, stream(process, number, FieldId::FdType, arena)))
}

/// What the process uses: at its fork or exec as the event tells; later as it is now, as long as the
/// process runs. Limits and page faults stay those of its last fork or exec.
fn usage(id: FieldId, actor: Actor<'_>) -> Value<'static> {
    let process = actor.process;
    if process.is_placeholder() {
        return Value::Absent;
    }
    let usage = &process.usage;
    let is_new = actor.time == process.told_at();
    let memory = || match is_new {
        true => usage.memory,
        false => actor.world.memory(process).unwrap_or(usage.memory),
    };
    let descriptors = || match usage.descriptors.filter(|_| is_new) {
        Some(number) => Some(number),
        None => actor.world.count_descriptors(process),
    };
    let threads = || match usage.threads {
        number if is_new && number != 0 => Some(number),
        _ => actor.world.count_threads(process),
    };
    let of_main = |kib: u32, unit: u64| {
        let is_main = actor.tid == process.key.pid;
        Value::U64(if is_main { u64::from(kib) * unit } else { 0 })
    };
    let known = |number: Option<u32>| number.map_or(Value::Absent, |it| Value::U64(it.into()));
    match id {
        FieldId::ProcVmsize => Value::U64(memory().size.into()),
        FieldId::ProcVmrss => Value::U64(memory().resident.into()),
        FieldId::ProcVmswap => Value::U64(memory().swapped.into()),
        FieldId::ThreadVmsize => of_main(memory().size, 1),
        FieldId::ThreadVmrss => of_main(memory().resident, 1),
        FieldId::ThreadVmsizeB => of_main(memory().size, 1024),
        FieldId::ThreadVmrssB => of_main(memory().resident, 1024),
        FieldId::ThreadPfmajor => Value::U64(usage.major_faults),
        FieldId::ThreadPfminor => Value::U64(usage.minor_faults),
        FieldId::ProcFdlimit => Value::I64(usage.descriptor_limit.cast_signed()),
        FieldId::ProcFdopencount => known(descriptors()),
        FieldId::ProcFdusage => match (descriptors(), usage.descriptor_limit) {
            (Some(number), limit @ 1..) => Value::F64(f64::from(number) * 100.0 / limit as f64),
            _ => Value::Absent,
        },
        FieldId::ProcNthreads => known(threads()),
        FieldId::ProcNchilds => known(threads().map(|number| number.saturating_sub(1))),
        _ => Value::Absent,
    }
}

/// Ids of the process, and fields of its parent, ancestors, session and group.
fn relatives<'a>(field: &'a FieldRef, actor: Actor<'a>, arena: &'a Bump) -> Value<'a> {
    let process = actor.process;
    let parent = || actor.parent();
    // The kernel's pids fit a signed word; all ones is what is not known, shown as -1.
    let id = |number: u32| Value::I64(i64::from(number.cast_signed()));
    let is_leader = |id: u32, own: u32| Value::Bool(id == own && own != 0);
    match field.id {
        FieldId::ProcPid => id(process.key.pid),
        FieldId::ProcPpid if process.parent.pid == 0 && parent().is_none() => Value::I64(0),
        FieldId::ProcPpid => id(process.parent.pid),
        FieldId::ProcVpid => id(process.vpid),
        FieldId::ThreadVtid if actor.tid == process.key.pid => id(process.vpid),
        // Who is in the host's pid namespace is counted as the host counts.
        FieldId::ThreadVtid if process.vpid == process.key.pid => id(actor.tid),
        FieldId::ProcPvpid => parent().map_or(Value::Absent, |parent| id(parent.vpid)),
        FieldId::ProcSid => id(process.session_id),
        FieldId::ProcPgid => id(process.group_id),
        FieldId::ProcVpgid => id(process.vgroup_id),
        FieldId::ProcIsSidLeader => is_leader(process.vsession_id, process.vpid),
        FieldId::ProcIsVpgidLeader => is_leader(process.vgroup_id, process.vpid),
        FieldId::ProcIsPgidLeader => is_leader(process.group_id, process.key.pid),
        FieldId::ProcPname => text_of(parent(), Process::name),
        FieldId::ProcPexe => text_of(parent(), |parent| parent.image().exe()),
        FieldId::ProcPexepath => text_of(parent(), |parent| parent.image().executable_path()),
        FieldId::ProcPcmdline => text_of(parent(), Process::cmdline),
        FieldId::ProcSname => leader(actor.world.session_leader(process), Process::name),
        FieldId::ProcSidExe => leader(actor.world.session_leader(process), |p| p.image().exe()),
        FieldId::ProcSidExepath => {
            leader(actor.world.session_leader(process), |p| p.image().executable_path())
        }
        FieldId::ProcPgidName => leader(actor.world.group_leader(process), Process::name),
        FieldId::ProcPgidExe => leader(actor.world.group_leader(process), |p| p.image().exe()),
        FieldId::ProcPgidExepath => {
            leader(actor.world.group_leader(process), |p| p.image().executable_path())
        }
        FieldId::ProcVpgidName => leader(actor.world.vgroup_leader(process), Process::name),
        FieldId::ProcVpgidExe => leader(actor.world.vgroup_leader(process), |p| p.image().exe()),
        FieldId::ProcVpgidExepath => {
            leader(actor.world.vgroup_leader(process), |p| p.image().executable_path())
        }
        FieldId::ProcAname => ancestors(field, actor, arena, |p| Value::Str(p.name())),
        FieldId::ProcAexe => ancestors(field, actor, arena, |p| Value::Str(p.image().exe())),
        FieldId::ProcAexepath => {
            ancestors(field, actor, arena, |p| Value::Str(p.image().executable_path()))
        }
        FieldId::ProcAcmdline => ancestors(field, actor, arena, |p| Value::Str(p.cmdline())),
        FieldId::ProcApid => ancestors(field, actor, arena, |p| Value::I64(i64::from(p.key.pid))),
        FieldId::ProcAargs => ancestor_args(&field.argument, actor, arena),
        FieldId::ThreadCgroup | FieldId::ThreadCgroups if process.cgroup().path.is_empty() => {
            Value::Absent
        }
        FieldId::ThreadCgroup => Value::Str(&process.cgroup().path),
        FieldId::ThreadCgroups => {
            Value::Str(path::concat(&[b"pids=", &process.cgroup().path], arena))
        }
        _ => Value::Absent,
    }
}

fn text_of<'a>(process: Option<&'a Process>, of: impl Fn(&'a Process) -> &'a [u8]) -> Value<'a> {
    process.map_or(Value::Absent, |process| Value::Str(of(process)))
}

/// A leader that is not known is an empty text, not an absent one.
fn leader<'a>(process: Option<&'a Process>, of: impl Fn(&'a Process) -> &'a [u8]) -> Value<'a> {
    Value::Str(process.map_or(b"", of))
}

/// One of them by its index, or all of them.
fn ancestors<'a>(
    field: &FieldRef,
    actor: Actor<'a>,
    arena: &'a Bump,
    of: impl Fn(&'a Process) -> Value<'a>,
) -> Value<'a> {
    if let Argument::Index(level) = field.argument {
        return actor.ancestor(level).map_or(Value::Absent, of);
    }
    let mut values = Vec::new_in(arena);
    values.extend(actor.world.ancestors(actor.process).map(of));
    Value::List(values.into_bump_slice())
}

fn args<'a>(process: &'a Process, argument: &Argument) -> Value<'a> {
    match argument {
        Argument::Index(index) => {
            Value::Str(usize::try_from(*index).map_or(b"", |index| process.image().arg(index)))
        }
        _ => Value::Str(process.image().args()),
    }
}

fn ancestor_args<'a>(argument: &Argument, actor: Actor<'a>, arena: &'a Bump) -> Value<'a> {
    if let Argument::Index(level) = argument {
        return text_of(actor.ancestor(*level), |process| process.image().args());
    }
    let all = actor.world.ancestors(actor.process).map(|process| process.image().args());
    Value::Str(join(all, arena))
}

fn environment<'a>(process: &'a Process, argument: &Argument, arena: &'a Bump) -> Value<'a> {
    let environment = process.image().environment();
    match argument {
        Argument::Key(name) => Value::Str(variable(process, name.as_bytes()).unwrap_or_default()),
        _ => Value::Str(join(environment.iter(), arena)),
    }
}

/// Of the nearest ancestor that has it and where it isn't empty; or whole environments.
fn ancestor_environment<'a>(argument: &Argument, actor: Actor<'a>, arena: &'a Bump) -> Value<'a> {
    match argument {
        Argument::Key(name) => {
            let mut found =
                actor.world.ancestors(actor.process).filter_map(|p| variable(p, name.as_bytes()));
            Value::Str(found.find(|value| !value.is_empty()).unwrap_or_default())
        }
        _ => {
            let mut all = Vec::new_in(arena);
            for process in actor.world.ancestors(actor.process) {
                all.push(Value::Str(join(process.image().environment().iter(), arena)));
            }
            Value::List(all.into_bump_slice())
        }
    }
}

fn variable<'a>(process: &'a Process, name: &[u8]) -> Option<&'a [u8]> {
    process.image().environment().value_of(name).map(<[u8]>::trim_ascii)
}

fn join<'a, 't>(texts: impl Iterator<Item = &'t [u8]>, arena: &'a Bump) -> &'a [u8] {
    let mut joined = Vec::new_in(arena);
    for (index, text) in texts.enumerate() {
        if index > 0 {
            joined.push(b' ');
        }
        joined.extend_from_slice(text);
    }
    joined.into_bump_slice()
}

fn executable(id: FieldId, actor: Actor<'_>) -> Value<'static> {
    let process = actor.process;
    let image = process.image();
    let file = image.executable();
    let known = |number: u64| if number == 0 { Value::Absent } else { Value::I64(number as i64) };
    let clock = actor.context.clock;
    match id {
        FieldId::ProcIsExeWritable => Value::Bool(process.is_exe_writable()),
        FieldId::ProcIsExeUpperLayer => Value::Bool(file.layer == Layer::Upper),
        FieldId::ProcIsExeLowerLayer => Value::Bool(file.layer == Layer::Lower),
        FieldId::ProcIsExeFromMemfd => Value::Bool(image.is_memfd()),
        FieldId::ProcExeIno => known(file.inode),
        FieldId::ProcExeInoCtime => known(file.ctime),
        FieldId::ProcExeInoMtime => known(file.mtime),
        FieldId::ProcExeInoCtimeDurationProcStart => {
            if file.ctime == 0 {
                return Value::Absent;
            }
            Value::I64(clock.epoch(process.key.start_time) as i64 - file.ctime as i64)
        }
        _ => {
            if file.ctime == 0 || process.pidns_start_time == 0 {
                return Value::Absent;
            }
            Value::I64(file.ctime as i64 - clock.epoch(process.pidns_start_time) as i64)
        }
    }
}

/// The oldest of the process and its ancestors whose name ends in `sh`.
fn login_shell(actor: Actor<'_>) -> Value<'static> {
    std::iter::once(actor.process)
        .chain(actor.world.ancestors(actor.process))
        .filter(|process| process.name().ends_with(b"sh"))
        .last()
        .map_or(Value::Absent, |process| Value::I64(i64::from(process.key.pid)))
}

fn since(now: u64, then: u64) -> Value<'static> {
    if then == 0 { Value::Absent } else { Value::U64(now.saturating_sub(then)) }
}

fn start_time(process: Option<&Process>, actor: Actor<'_>) -> Value<'static> {
    process
        .filter(|process| process.key.start_time != 0)
        .map_or(Value::Absent, |p| Value::U64(actor.context.clock.epoch(p.key.start_time)))
}
