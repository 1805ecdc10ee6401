//! An event with all that is known about it, as the rules see it: the extractors of the catalogue.
//!
//! One file per family of fields. Nothing here is kept from one event to the next; texts that are
//! put together live in the arena that the evaluation brings along.

mod calls;
mod container;
mod descriptor;
mod event;
mod file;
mod names;
mod net;
mod options;
mod parameters;
mod path;
mod polled;
mod process;
mod quota;
mod subject;
mod types;
mod user;

use std::{
    cell::Cell,
    sync::{Arc, LazyLock},
};

use bumpalo::Bump;
use jiff::tz::TimeZone;
use peregrine_capture::{
    Syscall,
    event::{Call, Descriptor, Event, Header, Kind, OpenCall},
};
use peregrine_rules::{BytesForm, EventSet, EventType, Facts, FieldId, FieldRef, StateId, Value};
use peregrine_world::{Process, World, identity::Standing};

use crate::{clock::Clock, host_names};
use calls::Role;
pub use container::Place;
use process::Actor;
use subject::Subject;

/// What holds for all events of a moment.
pub struct Context {
    /// Kernel time to wall time.
    pub clock: Clock,
    /// Time zone of texts.
    pub zone: TimeZone,
    /// Name of this node.
    pub hostname: Arc<str>,
    /// When capture began, `CLOCK_BOOTTIME` in ns.
    pub start: u64,
    /// Number of the event, from 1.
    pub number: u64,
    /// What the few fields need that tell of more than one event.
    pub history: History,
    /// How bytes become text.
    pub bytes: BytesForm,
    /// Names of addresses, where they are looked up.
    pub host_names: Option<Arc<host_names::Table>>,
}

/// See [`Context::history`].
#[derive(Debug, Default)]
pub struct History {
    /// Times of the event and of the one before it, `CLOCK_BOOTTIME` in ns; 0 for none.
    times: (u64, u64),
    /// What `util.cnt` has counted.
    counter: Cell<u64>,
}

impl Context {
    /// To the next event.
    pub fn step(&mut self, time: u64) {
        self.number += 1;
        self.history.times = (time, self.history.times.0);
    }
}

/// The types of the events that capture gives, looked up once.
pub struct EventTypes {
    execve: EventType,
    execveat: EventType,
    open: EventType,
    openat: EventType,
    openat2: EventType,
    creat: EventType,
    connect: EventType,
    clone: EventType,
    clone3: EventType,
    fork: EventType,
    vfork: EventType,
    procexit: EventType,
    /// By [`Syscall::index`]; none for those that other events tell.
    calls: Vec<Option<EventType>>,
}

impl EventTypes {
    /// `None` if the rules' table lacks one of them, which a test rules out.
    pub fn new() -> Option<Self> {
        let named = EventType::from_name;
        Some(Self {
            execve: named("execve")?,
            execveat: named("execveat")?,
            open: named("open")?,
            openat: named("openat")?,
            openat2: named("openat2")?,
            creat: named("creat")?,
            connect: named("connect")?,
            clone: named("clone")?,
            clone3: named("clone3")?,
            fork: named("fork")?,
            vfork: named("vfork")?,
            procexit: named("procexit")?,
            calls: Syscall::all()
                .map(|call| {
                    (!call.is_told_otherwise())
                        .then(|| EventType::from_rule_name(call.name()))
                        .flatten()
                })
                .collect(),
        })
    }

    /// The type of a call's exit.
    fn of_call(&self, call: Syscall) -> Option<EventType> {
        self.calls.get(call.index()).copied().flatten()
    }

    /// The calls whose exits make events of these types.
    pub fn syscalls(&self, wanted: &EventSet) -> Vec<Syscall> {
        Syscall::all()
            .filter(|call| self.of_call(*call).is_some_and(|event| wanted.contains(event)))
            .collect()
    }

    /// Whether capture gives events of this type.
    pub fn contains(&self, event_type: EventType) -> bool {
        let others = [self.clone, self.clone3, self.fork, self.vfork, self.procexit];
        others.contains(&event_type) || self.calls.contains(&Some(event_type))
    }

    /// The type under which rules know this event.
    pub fn of(&self, event: &Event<'_>) -> Option<EventType> {
        event::event_type(event, self)
    }
}

/// A fork as the child sees it, whose call returns 0.
pub fn seen_by_child<'a>(event: &Event<'a>) -> Option<Event<'a>> {
    let Kind::Fork(fork) = &event.kind else { return None };
    let (pid, start_time) = (fork.child.pid, fork.child.start_time);
    let header = Header { pid, tid: pid, start_time, ..event.header };
    Some(Event { header, kind: event.kind.clone() })
}

/// An event, who did it, and what is known.
pub struct Judged<'e> {
    pub event: &'e Event<'e>,
    pub event_type: EventType,
    pub process: &'e Process,
    /// How far its container is known.
    pub standing: &'e Standing,
    /// The state of both, if events of it are told from others.
    pub state: Option<StateId>,
    pub world: &'e World,
    pub context: &'e Context,
}

impl Judged<'_> {
    fn actor(&self) -> Actor<'_> {
        Actor {
            process: self.process,
            world: self.world,
            tid: self.event.header.tid,
            time: self.event.header.time,
            context: self.context,
        }
    }

    /// Where it happened.
    pub fn place(&self) -> Place<'_> {
        Place {
            container: self.process.container(),
            standing: self.standing,
            pidns_start_time: self.process.pidns_start_time,
            time: self.event.header.time,
            context: self.context,
        }
    }

    fn ids(&self) -> user::Ids {
        let header = &self.event.header;
        user::Ids { euid: header.euid, egid: header.egid, loginuid: header.loginuid }
    }
}

impl Facts for Judged<'_> {
    fn value<'a>(&'a self, field: &'a FieldRef, arena: &'a Bump) -> Value<'a> {
        match FAMILIES[field.id as usize] {
            Family::Event => event::field(field, self, arena),
            Family::Process => process::field(field, self.actor(), arena),
            Family::Descriptor => descriptor(self, field, arena),
            Family::Path => file_system_path(self, field, arena),
            Family::User => user::field(field.id, self.ids(), self.process, self.world),
            Family::Container => self.place().field(field, arena),
            Family::Counter => {
                let counter = &self.context.history.counter;
                Value::U64(counter.replace(counter.get() + 1))
            }

            Family::Polled => polled::field(field.id, self, arena),
            Family::None => Value::Absent,
        }
    }

    fn event_type(&self) -> EventType {
        self.event_type
    }

    fn state(&self) -> Option<StateId> {
        self.state
    }
}

/// A field of the descriptor that the event makes or uses.
fn descriptor_field<'a>(judged: &'a Judged<'_>, id: FieldId, arena: &'a Bump) -> Value<'a> {
    match &judged.event.kind {
        Kind::Open(open) => file::field(id, open, arena),
        Kind::Connect(connect) => net::Party::of_connect(connect).field(id, arena),
        Kind::Call(call) => Subject::new(call, judged.event_type)
            .map_or(Value::Absent, |subject| subject.field(id, arena)),
        _ => Value::Absent,
    }
}

/// `fd.*`: what a descriptor says of itself, and what is put together of that.
fn descriptor<'a>(judged: &'a Judged<'_>, field: &FieldRef, arena: &'a Bump) -> Value<'a> {
    let of_event = |id| descriptor_field(judged, id, arena);
    let in_container = |id| match of_event(id) {
        Value::Str(text) => {
            let container = judged.process.container().id().map_or("", |id| id.short());
            Value::Str(path::concat(&[container.as_bytes(), b":", text], arena))
        }
        other => other,
    };
    match field.id {
        FieldId::FdUid => match of_event(FieldId::FdNum) {
            Value::I64(fd) => {
                let tid = judged.event.header.tid;
                Value::Str(names::text(format_args!("{tid}{fd}"), arena))
            }
            other => other,
        },
        FieldId::FdTypes => match of_event(FieldId::FdNum) {
            Value::I64(number) => {
                types::field(&field.argument, (number, of_event(FieldId::FdType)), judged, arena)
            }
            _ => Value::Absent,
        },
        FieldId::FdCipName => host_names(judged, FieldId::FdCip, arena),
        FieldId::FdSipName => host_names(judged, FieldId::FdSip, arena),
        FieldId::FdLipName => host_names(judged, FieldId::FdLip, arena),
        FieldId::FdRipName => host_names(judged, FieldId::FdRip, arena),
        FieldId::FdContainername => in_container(FieldId::FdName),
        FieldId::FdContainerdirectory => in_container(FieldId::FdDirectory),
        id => of_event(id),
    }
}

/// The names of the address in a field. Where names are not looked up, it is not known whether it has
/// any.
fn host_names<'a>(judged: &'a Judged<'_>, address: FieldId, arena: &'a Bump) -> Value<'a> {
    match (descriptor_field(judged, address, arena), &judged.context.host_names) {
        (Value::Ip(address), Some(table)) => table.names(address, arena),
        (Value::Ip(_), None) => Value::Unknown,
        (other, _) => other,
    }
}

/// `fs.path.*`: of what an event names; of opens unless they failed with EPERM, as rules are used to,
/// of the others when they succeeded.
fn file_system_path<'a>(judged: &'a Judged<'_>, field: &FieldRef, arena: &'a Bump) -> Value<'a> {
    match &judged.event.kind {
        Kind::Open(open) if open.call != OpenCall::Creat && open.result != -1 => match field.id {
            FieldId::FsPathName => Value::Str(path::absolute(open.requested, &open.base, arena)),
            FieldId::FsPathNameraw => Value::Str(open.requested),
            _ => Value::Absent,
        },
        Kind::Call(call) if call.result == 0 => path_of_call(judged, call, field.id, arena),
        _ => Value::Absent,
    }
}

fn path_of_call<'a>(
    judged: &'a Judged<'_>,
    call: &'a Call<'_>,
    id: FieldId,
    arena: &'a Bump,
) -> Value<'a> {
    let (role, is_raw) = match id {
        FieldId::FsPathName => (Role::Name, false),
        FieldId::FsPathNameraw => (Role::Name, true),
        FieldId::FsPathSource => (Role::Source, false),
        FieldId::FsPathSourceraw => (Role::Source, true),
        FieldId::FsPathTarget => (Role::Target, false),
        FieldId::FsPathTargetraw => (Role::Target, true),
        _ => return Value::Absent,
    };
    if role == Role::Name && calls::is_about_descriptor(judged.event_type.name()) {
        return match call.first_descriptor() {
            Some((_, Descriptor::File(state))) => Value::Str(descriptor::name(state, None, arena)),
            _ => Value::Absent,
        };
    }
    let Some(place) = calls::path_place(judged.event_type, role) else { return Value::Absent };
    match call.text(place) {
        Some(text) if is_raw => Value::Str(text),
        // What a symlink points to is relative to the link, not to the caller.
        Some(text) if text.first() != Some(&b'/') && call.base(place).is_empty() => {
            Value::Str(text)
        }
        Some(text) => Value::Str(path::absolute(text, &call.base(place), arena)),
        None => Value::Absent,
    }
}

/// Which file here knows a field.
#[derive(Clone, Copy)]
enum Family {
    Event,
    Process,
    Descriptor,
    Path,
    User,
    Container,
    Counter,
    Polled,
    None,
}

/// Whether a field is of the container, and of nothing else.
pub fn is_of_container(id: FieldId) -> bool {
    matches!(FAMILIES[id as usize], Family::Container)
}

/// By the field's place in the catalogue: a look at its name for each value would cost too much.
static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| {
    FieldId::all()
        .map(|id| match id.row().name.split('.').next() {
            Some("evt" | "syscall") => Family::Event,
            Some("proc" | "thread") => Family::Process,
            Some("fd") => Family::Descriptor,
            Some("fs") => Family::Path,
            Some("user" | "group") => Family::User,
            Some("container" | "k8s") => Family::Container,
            Some("util") => Family::Counter,
            Some("fdlist") => Family::Polled,
            _ => Family::None,
        })
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_type_that_rules_know() {
        assert!(EventTypes::new().is_some());
    }

    #[test]
    fn families_stand_at_the_places_of_their_fields() {
        for id in FieldId::all() {
            let is_process = matches!(FAMILIES[id as usize], Family::Process);
            let name = id.row().name;
            assert_eq!(
                is_process,
                name.starts_with("proc.") || name.starts_with("thread."),
                "{name}"
            );
        }
    }
}
