//! `evt.*`: what kind of event it is, when it was, and how it ended.

use bumpalo::Bump;
use jiff::{Timestamp, Zoned, fmt::strtime, tz::TimeZone};
use peregrine_capture::event::{Descriptor, Event, ForkCall, Kind, Open, OpenCall, Socket, Via};
use peregrine_rules::{Argument, Category, EventType, FieldId, FieldRef, Value};

use super::{Context, EventTypes, descriptor, file, names, parameters, path, process::Actor};

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
        Kind::CgroupAttach(_) => return None,
    })
}

/// The category of input and output: the descriptor's.
fn sort_of_io(event: &Event<'_>) -> &'static str {
    let Kind::Call(call) = &event.kind else { return "unknown" };
    match call.first_descriptor() {
        Some((_, Descriptor::File(state))) if descriptor::is_pipe(state) => "ipc",
        Some((_, Descriptor::File(_))) => "file",
        Some((_, Descriptor::Socket(state))) => match state.socket {
            Socket::Unix { .. } => "ipc",
            _ => "net",
        },
        None => "unknown",
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
        Kind::Fork(fork) => Some(fork.child.pid.into()),
        Kind::Exit(_) | Kind::CgroupAttach(_) => None,
    }
}

/// A field of the event.
pub fn field<'a>(
    field: &'a FieldRef,
    event: &'a Event<'a>,
    event_type: EventType,
    actor: Actor<'a>,
    arena: &'a Bump,
) -> Value<'a> {
    let context = actor.context;
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
        FieldId::EvtCategory => {
            let word = event_type.category().word().unwrap_or_else(|| sort_of_io(event));
            Value::Str(word.as_bytes())
        }
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
        FieldId::EvtRes => if_result(&|number| Value::Str(result_text(number, event, arena))),
        FieldId::EvtRawres => if_result(&Value::I64),
        FieldId::EvtFailed => if_result(&|number| Value::Bool(number < 0)),
        FieldId::EvtIsOpenRead
        | FieldId::EvtIsOpenWrite
        | FieldId::EvtIsOpenExec
        | FieldId::EvtIsOpenCreate => {
            Value::Bool(matches!(&event.kind, Kind::Open(open) if file::is_open(field.id, open)))
        }
        FieldId::EvtAbspath => match &event.kind {
            Kind::Open(open) => absolute(open, arena),
            _ => Value::Absent,
        },
        FieldId::EvtIsIo
        | FieldId::EvtIsIoRead
        | FieldId::EvtIsIoWrite
        | FieldId::EvtIsWait
        | FieldId::EvtIsSyslog => Value::Bool(false),
        _ => counted(field.id, event_type, result).unwrap_or_else(|| timed(field, actor, arena)),
    }
}

fn absolute<'a>(open: &'a Open<'a>, arena: &'a Bump) -> Value<'a> {
    match open.call {
        OpenCall::Openat | OpenCall::Openat2 => {
            Value::Str(path::absolute(open.requested, &open.base, arena))
        }
        OpenCall::Open | OpenCall::Creat => Value::Absent,
    }
}

/// `SUCCESS`, or the error's symbol; the clone family shows a number.
fn result_text<'a>(number: i64, event: &Event<'_>, arena: &'a Bump) -> &'a [u8] {
    match (number, &event.kind) {
        (0.., _) => b"SUCCESS",
        (_, Kind::Fork(_)) => names::decimal(number, arena),
        _ => names::errno(-number, arena),
    }
}

/// The fields that count: 1 or 0.
fn counted(id: FieldId, event_type: EventType, result: Option<i64>) -> Option<Value<'static>> {
    let has_failed = result.is_some_and(|number| number < 0);
    let of_kind = |is_kind: bool| {
        // A failure of another category is no value at all.
        if is_kind { Value::U64(u64::from(has_failed)) } else { Value::Absent }
    };
    let (is_file, is_net) = match event_type.category() {
        Category::File | Category::IoRead | Category::IoWrite | Category::IoOther => (true, false),
        Category::Net => (false, true),
        _ => (false, false),
    };
    Some(match id {
        FieldId::EvtCount | FieldId::EvtCountExit => Value::U64(1),
        FieldId::EvtCountError => Value::U64(u64::from(has_failed)),
        FieldId::EvtCountErrorFile => of_kind(is_file),
        FieldId::EvtCountErrorNet => of_kind(is_net),
        FieldId::EvtCountErrorMemory => of_kind(false),
        FieldId::EvtCountErrorOther => of_kind(!is_file && !is_net),
        FieldId::EvtLatency
        | FieldId::EvtLatencyS
        | FieldId::EvtLatencyNs
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
    match field.id {
        FieldId::EvtRawtime => Value::U64(time),
        FieldId::EvtRawtimeS => Value::U64(time / SECOND),
        FieldId::EvtRawtimeNs => Value::U64(time % SECOND),
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
