//! `evt.*`: what kind of event it is, when it was, and how it ended.

use bumpalo::Bump;
use jiff::{Timestamp, Zoned, fmt::strtime, tz::TimeZone};
use peregrine_capture::event::{Event, ForkCall, Kind, OpenCall, Via};
use peregrine_rules::{Argument, EventType, FieldId, FieldRef, Value, parameters::ParameterKind};

use super::{
    Context, EventTypes, Judged, calls, descriptor_field, file, names, parameters, path,
    process::Actor,
    subject::{self, Subject},
};

const SECOND: u64 = 1_000_000_000;

/// The type under which rules know this event; `None` for what no rule can ask for.
pub fn event_type(event: &Event<'_>, types: &EventTypes) -> Option<EventType> {
    Some(match &event.kind {
        Kind::Exec(_) => types.execve,
        Kind::ExecFailed(exec) if exec.is_at => types.execveat,
        Kind::ExecFailed(_) => types.execve,
        Kind::Open(open) => match open.call {
            OpenCall::Open => types.open,
            OpenCall::Openat => types.openat,
            OpenCall::Openat2 => types.openat2,
            OpenCall::Creat => types.creat,
        },
        Kind::Connect(_) => types.connect,
        Kind::Call(call) => return types.of_call(call.syscall),
        Kind::Fork(fork) => match fork.call {
            ForkCall::Clone => types.clone,
            ForkCall::Clone3 => types.clone3,
            ForkCall::Fork => types.fork,
            ForkCall::Vfork => types.vfork,
        },
        Kind::Exit(_) => types.procexit,
        Kind::CgroupAttach(_) | Kind::Streams(_) => return None,
    })
}

/// The category; of input and output it is the descriptor's.
fn category(judged: &Judged<'_>, arena: &Bump) -> &'static str {
    judged
        .event_type
        .category()
        .word()
        .unwrap_or_else(|| subject::category(subject(judged).as_ref(), arena))
}

fn subject<'e>(judged: &'e Judged<'_>) -> Option<Subject<'e>> {
    match &judged.event.kind {
        Kind::Call(call) => Subject::new(call, judged.event_type),
        _ => None,
    }
}

/// Which way the request came into the kernel.
fn via(event: &Event<'_>) -> Via {
    match &event.kind {
        Kind::Call(call) => call.via,
        Kind::Open(open) => open.via,
        Kind::Connect(connect) => connect.via,
        _ => Via::Syscall,
    }
}

/// What the call returned; `None` for events that return nothing.
pub fn result(event: &Event<'_>) -> Option<i64> {
    match &event.kind {
        Kind::Exec(_) => Some(0),
        Kind::ExecFailed(exec) => Some(exec.result),
        Kind::Open(open) => Some(open.result),
        Kind::Connect(connect) => Some(connect.result),
        Kind::Call(call) => Some(call.result),
        Kind::Fork(fork) if fork.child.pid == event.header.pid => Some(0),
        Kind::Fork(fork) => Some(fork.child.pid.into()),
        Kind::Exit(_) | Kind::CgroupAttach(_) | Kind::Streams(_) => None,
    }
}

/// A field of the event.
pub fn field<'a>(field: &'a FieldRef, judged: &'a Judged<'_>, arena: &'a Bump) -> Value<'a> {
    let Judged { event, event_type, context, .. } = *judged;
    let actor = judged.actor();
    let result = result(event);
    let if_result = |of: &dyn Fn(i64) -> Value<'a>| result.map_or(Value::Absent, of);
    let flags = event.header.flags;
    match field.id {
        FieldId::EvtNum => Value::U64(context.number),
        FieldId::EvtType => Value::Str(event_type.name().as_bytes()),
        FieldId::SyscallType if !event_type.is_syscall() => Value::Absent,
        FieldId::SyscallType => Value::Str(event_type.name().as_bytes()),
        FieldId::EvtTypeIs => match field.argument {
            Argument::Event(wanted) => Value::U64(u64::from(wanted == event_type)),
            _ => Value::Absent,
        },
        FieldId::EvtCategory => Value::Str(category(judged, arena).as_bytes()),
        FieldId::EvtDir => Value::Str(b"<"),
        FieldId::EvtCpu => Value::I64(event.header.cpu.into()),
        FieldId::EvtSource => Value::Str(b"syscall"),
        FieldId::EvtHostname => Value::Str(context.hostname.as_bytes()),
        FieldId::EvtIsAsync => Value::Bool(false),
        FieldId::EvtVia => Value::Str(match via(event) {
            Via::Syscall => b"syscall",
            Via::IoUring => b"io_uring",
        }),
        FieldId::EvtTruncated => Value::Bool(flags.is_truncated()),
        FieldId::EvtUnreadable => Value::Bool(flags.is_unreadable()),
        FieldId::EvtMismatch => Value::Bool(flags.is_mismatch()),
        FieldId::EvtArgs | FieldId::EvtInfo => {
            Value::Str(parameters::line(event, event_type, actor, arena))
        }
        FieldId::EvtArg | FieldId::EvtRawarg => {
            parameters::field(field, event, event_type, actor, arena)
        }
        FieldId::EvtRes => if_result(&|number| Value::Str(result_text(number, event_type, arena))),
        FieldId::EvtRawres => if_result(&Value::I64),
        FieldId::EvtFailed => if_result(&|number| Value::Bool(number < 0)),
        FieldId::EvtIsOpenRead
        | FieldId::EvtIsOpenWrite
        | FieldId::EvtIsOpenExec
        | FieldId::EvtIsOpenCreate => {
            Value::Bool(matches!(&event.kind, Kind::Open(open) if file::is_open(field.id, open)))
        }
        FieldId::EvtAbspath => absolute(field, judged, arena),
        FieldId::EvtIsIo => Value::Bool(event_type.reads() || event_type.writes()),
        FieldId::EvtIsIoRead => Value::Bool(event_type.reads()),
        FieldId::EvtIsIoWrite => Value::Bool(event_type.writes()),
        FieldId::EvtIoDir if event_type.writes() => Value::Str(b"write"),
        FieldId::EvtIoDir if event_type.reads() => Value::Str(b"read"),
        FieldId::EvtIsWait => Value::Bool(event_type.waits()),
        FieldId::EvtIsSyslog => Value::Bool(event_type.writes() && is_syslog(judged, arena)),
        FieldId::EvtBuffer => parameters::named("data", judged, arena),
        FieldId::EvtBuflen
        | FieldId::EvtBuflenIn
        | FieldId::EvtBuflenOut
        | FieldId::EvtBuflenFile
        | FieldId::EvtBuflenFileIn
        | FieldId::EvtBuflenFileOut
        | FieldId::EvtBuflenNet
        | FieldId::EvtBuflenNetIn
        | FieldId::EvtBuflenNetOut => moved_bytes(field.id, judged, result, arena),
        _ => counted(field.id, category(judged, arena), result)
            .unwrap_or_else(|| timed(field, actor, arena)),
    }
}

/// Of calls that take a directory's descriptor: what they name, from the root. Calls with two names
/// tell of the old one unless asked for `.dst`.
fn absolute<'a>(field: &FieldRef, judged: &'a Judged<'_>, arena: &'a Bump) -> Value<'a> {
    let is_destination = matches!(&field.argument, Argument::Key(side) if &**side == "dst");
    let call = match &judged.event.kind {
        Kind::Open(open) if matches!(open.call, OpenCall::Openat | OpenCall::Openat2) => {
            return Value::Str(path::absolute(open.requested, &open.base, arena));
        }
        Kind::Call(call) => call,
        _ => return Value::Absent,
    };
    if judged.event_type.name() == "open_by_handle_at" && call.result > 0 {
        return descriptor_field(judged, FieldId::FdName, arena);
    }
    let Some(place) = calls::abspath_place(judged.event_type, is_destination) else {
        return Value::Absent;
    };
    match call.text(place) {
        Some(text) => Value::Str(path::absolute(text, &call.base(place), arena)),
        None => Value::Absent,
    }
}

fn is_syslog(judged: &Judged<'_>, arena: &Bump) -> bool {
    match descriptor_field(judged, FieldId::FdName, arena) {
        Value::Str(name) => name.windows(8).any(|part| part == b"/dev/log"),
        _ => false,
    }
}

/// How many bytes were read or written, if this is that kind of call on that kind of descriptor.
fn moved_bytes(
    id: FieldId,
    judged: &Judged<'_>,
    result: Option<i64>,
    arena: &Bump,
) -> Value<'static> {
    let event_type = judged.event_type;
    let Some(bytes) = result.and_then(|it| u64::try_from(it).ok()) else { return Value::Absent };
    if subject(judged).is_none_or(|subject| subject.descriptor().is_none()) {
        return Value::Absent;
    }
    let word = subject::category(subject(judged).as_ref(), arena);
    let (reads, writes) = (event_type.reads(), event_type.writes());
    let is_asked_for = match id {
        FieldId::EvtBuflen => reads || writes,
        FieldId::EvtBuflenIn => reads,
        FieldId::EvtBuflenOut => writes,
        FieldId::EvtBuflenFile => (reads || writes) && word == "file",
        FieldId::EvtBuflenFileIn => reads && word == "file",
        FieldId::EvtBuflenFileOut => writes && word == "file",
        FieldId::EvtBuflenNet => (reads || writes) && word == "net",
        FieldId::EvtBuflenNetIn => reads && word == "net",
        _ => writes && word == "net",
    };
    if is_asked_for { Value::U64(bytes) } else { Value::Absent }
}

/// `SUCCESS`, or the error's symbol; where the result is an id or a number, that number.
fn result_text(number: i64, event_type: EventType, arena: &Bump) -> &[u8] {
    let kind = event_type.parameters().first().map(|parameter| parameter.kind);
    match (number, kind) {
        (0.., _) => b"SUCCESS",
        (_, Some(ParameterKind::Process | ParameterKind::Decimal)) => names::decimal(number, arena),
        _ => names::errno(-number, arena),
    }
}

/// The fields that count: 1 or 0.
fn counted(id: FieldId, category: &str, result: Option<i64>) -> Option<Value<'static>> {
    let has_failed = result.is_some_and(|number| number < 0);
    let of_kind = |is_kind: bool| {
        // A failure of another category is no value at all.
        if is_kind { Value::U64(u64::from(has_failed)) } else { Value::Absent }
    };
    let [is_file, is_net, is_memory] = ["file", "net", "memory"].map(|word| word == category);
    Some(match id {
        FieldId::EvtCount | FieldId::EvtCountExit => Value::U64(1),
        FieldId::EvtCountError => Value::U64(u64::from(has_failed)),
        FieldId::EvtCountErrorFile => of_kind(is_file),
        FieldId::EvtCountErrorNet => of_kind(is_net),
        FieldId::EvtCountErrorMemory => of_kind(is_memory),
        FieldId::EvtCountErrorOther => of_kind(!is_file && !is_net && !is_memory),
        FieldId::EvtLatency
        | FieldId::EvtLatencyS
        | FieldId::EvtLatencyNs
        | FieldId::EvtLatencyQuantized
        | FieldId::EvtWaitLatency => Value::U64(0),
        FieldId::EvtLatencyHuman => Value::Str(b"0ns"),
        _ => return None,
    })
}

/// The fields that tell when.
fn timed<'a>(field: &FieldRef, actor: Actor<'_>, arena: &'a Bump) -> Value<'a> {
    let context: &Context = actor.context;
    let time = context.clock.epoch(actor.time);
    let relative = actor.time.saturating_sub(context.start);
    // The first event has none before it.
    let gap = match context.history.times {
        (_, 0) => 0,
        (now, before) => now.saturating_sub(before),
    };
    match field.id {
        FieldId::EvtRawtime => Value::U64(time),
        FieldId::EvtRawtimeS => Value::U64(time / SECOND),
        FieldId::EvtRawtimeNs => Value::U64(time % SECOND),
        FieldId::EvtDeltatime => Value::U64(gap),
        FieldId::EvtDeltatimeS => Value::U64(gap / SECOND),
        FieldId::EvtDeltatimeNs => Value::U64(gap % SECOND),
        FieldId::EvtReltime => Value::U64(relative),
        FieldId::EvtReltimeS => Value::U64(relative / SECOND),
        FieldId::EvtReltimeNs => Value::U64(relative % SECOND),
        FieldId::EvtTime | FieldId::EvtOutputtime => {
            written("%H:%M:%S.%9f", &context.zone, time, arena)
        }
        FieldId::EvtTimeS => written("%H:%M:%S", &context.zone, time, arena),
        FieldId::EvtDatetime => written("%Y-%m-%d %H:%M:%S.%9f", &context.zone, time, arena),
        FieldId::EvtDatetimeS => written("%Y-%m-%d %H:%M:%S", &context.zone, time, arena),
        FieldId::EvtTimeIso8601 => {
            written("%Y-%m-%dT%H:%M:%S.%9f+0000", &TimeZone::UTC, time, arena)
        }
        FieldId::EvtAround => match field.argument {
            Argument::Index(around) => Value::U64(time.abs_diff(around) / 1_000_000),
            _ => Value::Absent,
        },
        _ => Value::Absent,
    }
}

/// `YYYY-MM-DD HH:MM:SS.nnnnnnnnn +zzzz` of nanoseconds since the epoch.
pub fn date<'a>(time: u64, context: &Context, arena: &'a Bump) -> Option<&'a [u8]> {
    match written("%Y-%m-%d %H:%M:%S.%9f %z", &context.zone, time, arena) {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

fn written<'a>(format: &str, zone: &TimeZone, time: u64, arena: &'a Bump) -> Value<'a> {
    let Ok(time) = Timestamp::from_nanosecond(time.into()) else { return Value::Absent };
    let time = Zoned::new(time, zone.clone());
    match strtime::format(format, &time) {
        Ok(text) => Value::Str(arena.alloc_str(&text).as_bytes()),
        Err(_) => Value::Absent,
    }
}
