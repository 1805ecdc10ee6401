//! `evt.arg.*`, `evt.rawarg.*` and `evt.args`: what was captured of each parameter of an event, and
//! what its numbers stand for. Names, order and texts are the rules' business.

use bumpalo::{Bump, collections::Vec};
use peregrine_capture::event::{
    Call, Connect, Descriptor, Event, ExecFailed, Kind, Layer, Open, OpenCall, Place, Socket,
};
use peregrine_rules::{
    Argument, BytesForm, EventType, FieldId, FieldRef, Value,
    parameters::{DescriptorName, Names, Parameters, Raw, Rendered, SocketTuple},
};
use peregrine_world::Process;

use super::{Judged, calls, descriptor, file, net, path, process::Actor, user};

/// An event with its actor: what numbers and relative paths stand for.
pub struct Known<'e> {
    pub event: &'e Event<'e>,
    pub actor: Actor<'e>,
}

/// All parameters as captured, in the order of the event's table.
pub fn raw<'a>(
    event: &'a Event<'a>,
    event_type: EventType,
    actor: Actor<'a>,
    arena: &'a Bump,
) -> &'a [Raw<'a>] {
    let mut list = Vec::with_capacity_in(32, arena);
    match &event.kind {
        Kind::Open(open) => opened(&mut list, open),
        Kind::Connect(connect) => connected(&mut list, connect),
        Kind::Exec(exec) => executed(&mut list, exec.filename, actor, arena),
        Kind::ExecFailed(exec) => refused(&mut list, exec, actor, arena),
        Kind::Fork(fork) => {
            let result = super::event::result(event).unwrap_or_default();
            forked(&mut list, (result, fork.flags), actor, arena);
        }
        Kind::Exit(exit) => exited(&mut list, exit.status),
        Kind::Call(call) => called(&mut list, call, event_type, arena),
        Kind::CgroupAttach(_) | Kind::Streams(_) => {}
    }
    list.into_bump_slice()
}

/// `evt.args`.
pub fn line<'a>(
    event: &'a Event<'a>,
    event_type: EventType,
    actor: Actor<'a>,
    arena: &'a Bump,
) -> &'a [u8] {
    let known = arena.alloc(Known { event, actor });
    Parameters::new(event_type, raw(event, event_type, actor, arena), known).line(arena)
}

/// The value of the parameter of this name, if the event has one.
pub fn named<'a>(name: &str, judged: &'a Judged<'_>, arena: &'a Bump) -> Value<'a> {
    let (event, actor) = (judged.event, judged.actor());
    let known = arena.alloc(Known { event, actor });
    let of = Parameters::new(judged.event_type, raw(event, judged.event_type, actor, arena), known);
    of.position(name).map_or(Value::Absent, |at| of.value(at))
}

/// `evt.arg` and `evt.rawarg`.
pub fn field<'a>(
    field: &'a FieldRef,
    event: &'a Event<'a>,
    event_type: EventType,
    actor: Actor<'a>,
    arena: &'a Bump,
) -> Value<'a> {
    let known = arena.alloc(Known { event, actor });
    let of = Parameters::new(event_type, raw(event, event_type, actor, arena), known);
    let at = match &field.argument {
        Argument::Parameter(name) | Argument::Key(name) => of.position(name),
        Argument::Index(index) => usize::try_from(*index).ok(),
        _ => None,
    };
    let Some(at) = at else { return Value::Absent };
    match field.id {
        FieldId::EvtArg => {
            of.render(at, arena).and_then(Rendered::text).map_or(Value::Absent, Value::Str)
        }
        _ => of.value(at),
    }
}

impl Names for Known<'_> {
    fn bytes(&self) -> BytesForm {
        self.actor.context.bytes
    }

    fn descriptor<'a>(&'a self, number: i64, arena: &'a Bump) -> Option<DescriptorName<'a>> {
        match &self.event.kind {
            Kind::Open(open) if open.result == number => {
                match (
                    file::field(FieldId::FdTypechar, open, arena),
                    file::field(FieldId::FdName, open, arena),
                ) {
                    (Value::Str(&[typechar, ..]), Value::Str(name)) => {
                        Some(DescriptorName { typechar, protocol: None, name })
                    }
                    _ => None,
                }
            }
            Kind::Connect(connect) if i64::from(connect.fd) == number => {
                socket_name(&net::Party::of_connect(connect), arena)
            }
            // The directory of a relative name.
            Kind::Open(open) if i64::from(open.dirfd) == number && !open.base.is_empty() => {
                let name = path::kernel_path(&open.base, arena);
                Some(DescriptorName { typechar: b'd', protocol: None, name })
            }
            Kind::Call(call) if !call.polled().is_empty() => {
                let numbers = calls::polled(call, arena).iter();
                let at = numbers.take(call.polled().len()).position(|(it, _)| *it == number)?;
                descriptor_name(call, Place(0), call.polled()[at].as_ref()?, arena)
            }
            Kind::Call(call) => {
                let is_it = |place: &Place| net::fd(call, *place) == number;
                let known = (0..=8).map(Place).filter(is_it);
                let Some(found) = known
                    .into_iter()
                    .find_map(|place| call.descriptor(place).map(|descriptor| (place, descriptor)))
                else {
                    // It stands before the name.
                    let base = (0..5).map(Place).filter(is_it).map(|at| call.base(Place(at.0 + 1)));
                    let base = base.into_iter().find(|base| !base.is_empty())?;
                    let name = path::kernel_path(&base, arena);
                    return Some(DescriptorName { typechar: b'd', protocol: None, name });
                };
                let (place, descriptor) = found;
                descriptor_name(call, place, descriptor, arena)
            }
            _ => None,
        }
    }

    fn process(&self, id: i64) -> Option<&[u8]> {
        let process = self.actor.process;
        if id == i64::from(self.actor.tid) || id == i64::from(process.key.pid) {
            return Some(process.name());
        }
        let id = u32::try_from(id).ok()?;
        let relative = self.actor.world.ancestors(process).find(|it| it.key.pid == id);
        relative.or_else(|| self.actor.world.process(id, 0)).map(Process::name)
    }

    fn user(&self, id: u32) -> Option<&[u8]> {
        Some(user::user_name(id, self.actor.process, self.actor.world))
    }

    fn group(&self, id: u32) -> Option<&[u8]> {
        Some(user::group_name(id, self.actor.process, self.actor.world))
    }

    fn absolute<'a>(&'a self, _: Option<i64>, given: &[u8], arena: &'a Bump) -> Option<&'a [u8]> {
        let base = match &self.event.kind {
            Kind::Open(open) => open.base,
            Kind::Call(call) => {
                // The very text: two paths of a call may read alike and have different bases.
                let place = (0..6).map(Place).find(|place| {
                    call.text(*place).is_some_and(|it| it.as_ptr() == given.as_ptr())
                })?;
                call.base(place)
            }
            _ => return None,
        };
        (!base.is_empty()).then(|| path::absolute(arena.alloc_slice_copy(given), &base, arena))
    }

    fn date<'a>(&'a self, time: u64, arena: &'a Bump) -> Option<&'a [u8]> {
        super::event::date(time, self.actor.context, arena)
    }
}

fn descriptor_name<'a>(
    call: &'a Call<'_>,
    place: Place,
    descriptor: &'a Descriptor<'_>,
    arena: &'a Bump,
) -> Option<DescriptorName<'a>> {
    match descriptor {
        Descriptor::File(state) => Some(DescriptorName {
            typechar: *descriptor::letter(state, arena).first()?,
            protocol: None,
            name: descriptor::name(state, None, arena),
        }),
        Descriptor::Socket(state) => socket_name(&net::Party::of_call(call, place, state), arena),
    }
}

fn socket_name<'a>(party: &net::Party<'_>, arena: &'a Bump) -> Option<DescriptorName<'a>> {
    let field = |id| match party.field(id, arena) {
        Value::Str(text) => Some(text),
        _ => None,
    };
    Some(DescriptorName {
        typechar: *field(FieldId::FdTypechar)?.first()?,
        protocol: party.protocol_letter().first().copied(),
        name: field(FieldId::FdName)?,
    })
}

type List<'a> = Vec<'a, Raw<'a>>;

fn opened<'a>(list: &mut List<'a>, open: &'a Open<'a>) {
    const CREATES: u32 = 4 | 8192;
    let is_creat = open.call == OpenCall::Creat;
    let flags = file::open_flags(open);
    let is_creating = is_creat || flags & CREATES != 0;
    list.push(Raw::Signed(open.result));
    if matches!(open.call, OpenCall::Openat | OpenCall::Openat2) {
        list.push(Raw::Signed(open.dirfd.into()));
    }
    list.push(Raw::Bytes(open.requested));
    if !is_creat {
        list.push(Raw::Unsigned(flags.into()));
    }
    list.push(Raw::Unsigned(if is_creating { (open.mode & 0o7777).into() } else { 0 }));
    if open.call == OpenCall::Openat2 {
        list.push(Raw::Kernel(open.resolve));
    }
    list.push(Raw::Unsigned(file::new_device(open.device).into()));
    list.push(Raw::Unsigned(open.inode));
    if is_creat {
        list.push(Raw::Unsigned(match open.layer {
            Layer::None => 0,
            Layer::Upper => 1,
            Layer::Lower => 2,
        }));
    }
}

fn connected<'a>(list: &mut List<'a>, connect: &'a Connect<'a>) {
    let address = net::socket_address(connect.requested);
    let party = net::Party::of_connect(connect);
    // Of a connection that failed, whom it was meant for.
    let meant = || match (&connect.state.socket, net::endpoint(connect.requested)) {
        (Socket::Inet { local, .. }, Some(remote)) => Raw::Tuple(SocketTuple::Inet(
            (local.address, local.port),
            (remote.address, remote.port),
        )),
        _ => Raw::Missing,
    };
    list.push(Raw::Signed(connect.result));
    list.push(party.tuple().map_or_else(meant, Raw::Tuple));
    list.push(Raw::Signed(connect.fd.into()));
    list.push(address.map_or(Raw::Missing, Raw::Address));
}

fn called<'a>(list: &mut List<'a>, call: &'a Call<'a>, event_type: EventType, arena: &'a Bump) {
    let tuple = match call.first_descriptor() {
        Some((place, Descriptor::Socket(state))) => {
            net::Party::of_call(call, place, state).tuple().map_or(Raw::Missing, Raw::Tuple)
        }
        _ => Raw::Missing,
    };
    let parameters = event_type.parameters().iter().enumerate();
    list.extend(parameters.map(|(at, parameter)| {
        calls::raw(call, event_type.name(), at, parameter.kind, tuple, arena)
    }));
}

/// Arguments behind the first, a NUL behind each.
fn arguments<'a>(texts: impl Iterator<Item = &'a [u8]>, arena: &'a Bump) -> Raw<'a> {
    let mut all = Vec::new_in(arena);
    for text in texts {
        all.extend_from_slice_copy(text);
        all.push(0);
    }
    Raw::Bytes(all.into_bump_slice())
}

fn executed<'a>(list: &mut List<'a>, filename: &'a [u8], actor: Actor<'a>, arena: &'a Bump) {
    let image = actor.process.image();
    list.extend([
        Raw::Signed(0),
        Raw::Bytes(image.exe()),
        arguments(image.argv().iter().skip(1), arena),
    ]);
    about_execution(list, actor, arena);
    list.push(Raw::Bytes(filename));
}

fn refused<'a>(list: &mut List<'a>, exec: &'a ExecFailed<'a>, actor: Actor<'a>, arena: &'a Bump) {
    let mut texts =
        exec.arguments.strip_suffix(b"\0").unwrap_or(exec.arguments).split(|&byte| byte == 0);
    list.extend([
        Raw::Signed(exec.result),
        Raw::Bytes(texts.next().unwrap_or_default()),
        arguments(texts, arena),
    ]);
    about_execution(list, actor, arena);
    if !exec.is_at {
        list.push(Raw::Bytes(exec.filename));
    }
}

/// From `tid` to `gid`; what capture does not carry is unknown.
fn about_execution<'a>(list: &mut List<'a>, actor: Actor<'a>, arena: &'a Bump) {
    let process = actor.process;
    let file = process.image().executable();
    ids(list, actor);
    usage(list, actor);
    list.extend([
        Raw::Bytes(process.name()),
        cgroups(process, arena),
        arguments(process.image().environment().iter(), arena),
        Raw::Unsigned(process.tty.into()),
        Raw::Signed(process.vgroup_id.into()),
        Raw::Unsigned(process.loginuid.into()),
        Raw::Unsigned(executable_flags(process).into()),
        Raw::Unsigned(process.cap_inheritable),
        Raw::Unsigned(process.cap_permitted),
        Raw::Unsigned(process.cap_effective),
        Raw::Unsigned(file.inode),
        Raw::Unsigned(file.ctime),
        Raw::Unsigned(file.mtime),
        Raw::Unsigned(process.euid.into()),
        Raw::Bytes(process.image().executable_path()),
        Raw::Signed(process.group_id.into()),
        Raw::Unsigned(process.egid.into()),
    ]);
}

/// From `tid` to `cwd`.
fn ids<'a>(list: &mut List<'a>, actor: Actor<'a>) {
    let process = actor.process;
    list.extend([
        Raw::Signed(actor.tid.into()),
        Raw::Signed(process.key.pid.into()),
        Raw::Signed(process.parent.pid.into()),
        Raw::Bytes(process.cwd()),
    ]);
}

/// From `fdlimit` to `vm_swap`.
fn usage(list: &mut List<'_>, actor: Actor<'_>) {
    if actor.process.is_placeholder() {
        list.extend([Raw::Unknown; 6]);
        return;
    }
    let usage = &actor.process.usage;
    let memory = &usage.memory;
    let numbers = [usage.descriptor_limit, usage.major_faults, usage.minor_faults];
    list.extend(numbers.map(Raw::Unsigned));
    list.extend([memory.size, memory.resident, memory.swapped].map(|it| Raw::Unsigned(it.into())));
}

fn cgroups<'a>(process: &'a Process, arena: &'a Bump) -> Raw<'a> {
    Raw::Bytes(path::concat(&[b"pids=", &process.cgroup().path, b"\0"], arena))
}

fn executable_flags(process: &Process) -> u32 {
    let image = process.image();
    [
        (process.is_exe_writable(), 1),
        (image.executable().layer == Layer::Upper, 2),
        (image.is_memfd(), 4),
        (image.executable().layer == Layer::Lower, 8),
    ]
    .iter()
    .filter(|(is_set, _)| *is_set)
    .map(|(_, flag)| flag)
    .sum()
}

fn forked<'a>(list: &mut List<'a>, (result, flags): (i64, u64), actor: Actor<'a>, arena: &'a Bump) {
    let process = actor.process;
    let image = process.image();
    list.extend([
        Raw::Signed(result),
        Raw::Bytes(image.exe()),
        arguments(image.argv().iter().skip(1), arena),
    ]);
    ids(list, actor);
    usage(list, actor);
    list.extend([
        Raw::Bytes(process.name()),
        cgroups(process, arena),
        Raw::Kernel(flags),
        Raw::Unsigned(process.euid.into()),
        Raw::Unsigned(process.egid.into()),
        Raw::Signed(process.vpid.into()),
        Raw::Signed(process.vpid.into()),
        match process.pidns_start_time {
            0 => Raw::Unknown,
            time => Raw::Unsigned(actor.context.clock.epoch(time)),
        },
    ]);
}

/// `status` as wait(2) has it, taken apart.
fn exited(list: &mut List<'_>, status: i32) {
    let (is_signalled, signal) = (libc::WIFSIGNALED(status), libc::WTERMSIG(status));
    let code = if is_signalled { 0 } else { libc::WEXITSTATUS(status).into() };
    list.extend([
        Raw::Signed(status.into()),
        Raw::Signed(code),
        Raw::Signed(if is_signalled { signal.into() } else { 0 }),
        Raw::Unsigned(u64::from(is_signalled && libc::WCOREDUMP(status))),
        Raw::Unknown,
    ]);
}
