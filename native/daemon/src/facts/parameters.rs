//! `evt.arg.*` and `evt.args`: the parameters of an event, by name and in order.
//!
//! A parameter has a plain text and, for some kinds, a resolved one: a flag's name, an absolute
//! path, an error's symbol. A rule sees the resolved text where there is one.

use bumpalo::{Bump, collections::Vec};
use peregrine_capture::event::{
    Connect, Event, ExecFailed, Fork, Kind, Layer, Open, OpenCall, Socket,
};
use peregrine_rules::Value;
use peregrine_world::Process;

use super::{file, names, net, path, process::Actor, user};

/// One of an event.
#[derive(Clone, Copy)]
pub struct Parameter<'a> {
    pub name: &'static str,
    /// `None` where the event has the parameter and we do not know it.
    plain: Option<&'a [u8]>,
    resolved: Option<&'a [u8]>,
    pub raw: Value<'a>,
}

impl<'a> Parameter<'a> {
    /// What `evt.arg.NAME` shows.
    pub fn text(&self) -> Option<&'a [u8]> {
        self.resolved.filter(|text| !text.is_empty()).or(self.plain)
    }

    fn new(name: &'static str, plain: &'a [u8]) -> Self {
        Self { name, plain: Some(plain), resolved: None, raw: Value::Str(plain) }
    }

    fn unknown(name: &'static str) -> Self {
        Self { name, plain: None, resolved: None, raw: Value::Absent }
    }

    fn resolved(self, resolved: &'a [u8]) -> Self {
        Self { resolved: Some(resolved), ..self }
    }

    fn raw(self, raw: Value<'a>) -> Self {
        Self { raw, ..self }
    }
}

type List<'a> = Vec<'a, Parameter<'a>>;

/// All parameters of an event, in order.
pub fn list<'a>(event: &'a Event<'a>, actor: Actor<'a>, arena: &'a Bump) -> List<'a> {
    let mut list = Vec::with_capacity_in(30, arena);
    match &event.kind {
        Kind::Open(open) => opened(&mut list, open, arena),
        Kind::Connect(connect) => connected(&mut list, connect, arena),
        Kind::Exec(exec) => executed(&mut list, exec.filename, actor, arena),
        Kind::ExecFailed(exec) => refused(&mut list, exec, actor, arena),
        Kind::Fork(fork) => forked(&mut list, fork, actor, arena),
        Kind::Exit(exit) => exited(&mut list, exit.status, arena),
        Kind::CgroupAttach(_) => {}
    }
    list
}

/// `name=plain` or `name=plain(resolved)`, with spaces between.
pub fn line<'a>(list: &List<'a>, arena: &'a Bump) -> &'a [u8] {
    let mut line = Vec::new_in(arena);
    for parameter in list {
        if !line.is_empty() {
            line.push(b' ');
        }
        line.extend_from_slice(parameter.name.as_bytes());
        line.push(b'=');
        line.extend_from_slice(parameter.plain.unwrap_or(b"<NA>"));
        if let Some(resolved) = parameter.resolved.filter(|text| !text.is_empty()) {
            line.push(b'(');
            line.extend_from_slice(resolved);
            line.push(b')');
        }
    }
    line.into_bump_slice()
}

fn number<'a>(name: &'static str, value: u64, arena: &'a Bump) -> Parameter<'a> {
    Parameter::new(name, names::decimal(value, arena)).raw(Value::U64(value))
}

fn signed<'a>(name: &'static str, value: i64, arena: &'a Bump) -> Parameter<'a> {
    Parameter::new(name, names::decimal(value, arena)).raw(Value::I64(value))
}

/// Upper case, without a prefix.
fn hexadecimal<'a>(name: &'static str, value: u64, arena: &'a Bump) -> Parameter<'a> {
    Parameter::new(name, names::text(format_args!("{value:X}"), arena)).raw(Value::U64(value))
}

/// An errno, or 0.
fn result<'a>(name: &'static str, value: i64, arena: &'a Bump) -> Parameter<'a> {
    let plain = signed(name, value, arena);
    if value < 0 { plain.resolved(names::errno(-value, arena)) } else { plain }
}

fn flags<'a>(
    name: &'static str,
    value: u32,
    table: &[(u32, &str)],
    arena: &'a Bump,
) -> Parameter<'a> {
    number(name, u64::from(value), arena).resolved(names::flags(value, table, arena))
}

/// Octal with a leading zero.
fn mode<'a>(value: u32, arena: &'a Bump) -> Parameter<'a> {
    let text = names::text(format_args!("0{value:o}"), arena);
    Parameter::new("mode", if value == 0 { b"0" } else { text }).raw(Value::U64(value.into()))
}

fn opened<'a>(list: &mut List<'a>, open: &'a Open<'a>, arena: &'a Bump) {
    list.push(opened_descriptor(open, arena));
    if matches!(open.call, OpenCall::Openat | OpenCall::Openat2) {
        list.push(directory("dirfd", open.dirfd, arena));
    }
    let requested = Parameter::new("name", open.requested);
    let is_relative = open.requested.first().is_some_and(|&first| first != b'/');
    list.push(match is_relative && !open.base.is_empty() {
        true => requested.resolved(path::absolute(open.requested, &open.base, arena)),
        false => requested,
    });
    let open_flags = file::open_flags(open);
    if open.call != OpenCall::Creat {
        list.push(flags("flags", open_flags, names::OPEN_FLAGS, arena));
    }
    const CREATES: u32 = 4 | 8192;
    let is_creating = open.call == OpenCall::Creat || open_flags & CREATES != 0;
    list.push(mode(if is_creating { open.mode & 0o7777 } else { 0 }, arena));
    if open.call == OpenCall::Openat2 {
        list.push(flags("resolve", open.resolve as u32, names::RESOLVE_FLAGS, arena));
    }
    list.push(hexadecimal("dev", file::new_device(open.device).into(), arena));
    list.push(number("ino", open.inode, arena));
    if open.call == OpenCall::Creat {
        const CREAT_FLAGS: &[(u32, &str)] =
            &[(1, "FD_UPPER_LAYER_CREAT"), (2, "FD_LOWER_LAYER_CREAT")];
        let layer = match open.layer {
            Layer::None => 0,
            Layer::Upper => 1,
            Layer::Lower => 2,
        };
        list.push(flags("creat_flags", layer, CREAT_FLAGS, arena));
    }
}

/// `3(<f>/etc/passwd)`, or the error's symbol.
fn opened_descriptor<'a>(open: &'a Open<'a>, arena: &'a Bump) -> Parameter<'a> {
    let plain = signed("fd", open.result, arena);
    if open.result < 0 {
        return plain.resolved(names::errno(-open.result, arena));
    }
    let kind = file::field(peregrine_rules::FieldId::FdTypechar, open, arena);
    let name = file::field(peregrine_rules::FieldId::FdName, open, arena);
    match (kind, name) {
        (Value::Str(kind), Value::Str(name)) => {
            plain.resolved(path::concat(&[b"<", kind, b">", name], arena))
        }
        _ => plain,
    }
}

fn directory<'a>(name: &'static str, dirfd: i32, arena: &'a Bump) -> Parameter<'a> {
    let plain = signed(name, dirfd.into(), arena);
    if dirfd == libc::AT_FDCWD { plain.resolved(b"AT_FDCWD") } else { plain }
}

fn connected<'a>(list: &mut List<'a>, connect: &'a Connect<'a>, arena: &'a Bump) {
    list.push(result("res", connect.result, arena));
    list.push(Parameter::new("tuple", tuple(connect, arena)));
    list.push(signed("fd", connect.fd.into(), arena));
    list.push(match net::requested_address(connect.requested, arena) {
        Some(address) => Parameter::new("addr", address),
        None => Parameter::new("addr", b"NULL"),
    });
}

/// `1.2.3.4:5->6.7.8.9:10`, whatever came of it; `NULL` without any address.
fn tuple<'a>(connect: &'a Connect<'a>, arena: &'a Bump) -> &'a [u8] {
    if let Some(connection) = net::connection(connect) {
        return connection.text(arena);
    }
    match &connect.socket {
        Socket::Unix { socket, peer, path } if *peer != 0 => {
            net::unix_tuple(*socket, *peer, path, arena)
        }
        Socket::Inet { local, .. } => match net::requested_address(connect.requested, arena) {
            Some(remote) => path::concat(
                &[names::text(format_args!("{}:{}->", local.address, local.port), arena), remote],
                arena,
            ),
            None => b"NULL",
        },
        _ => b"NULL",
    }
}

/// Arguments behind the first, NULs shown as dots and one behind each.
fn dotted<'a>(texts: impl Iterator<Item = &'a [u8]>, arena: &'a Bump) -> &'a [u8] {
    let mut all = Vec::new_in(arena);
    for text in texts {
        all.extend(
            text.iter()
                .map(|&byte| if byte.is_ascii_graphic() || byte == b' ' { byte } else { b'.' }),
        );
        all.push(b'.');
    }
    all.into_bump_slice()
}

fn executed<'a>(list: &mut List<'a>, filename: &'a [u8], actor: Actor<'a>, arena: &'a Bump) {
    let process = actor.process;
    list.push(signed("res", 0, arena));
    image(list, process, arena);
    about_execution(list, actor, arena);
    list.push(Parameter::new("filename", filename));
}

fn refused<'a>(list: &mut List<'a>, exec: &'a ExecFailed<'a>, actor: Actor<'a>, arena: &'a Bump) {
    let mut arguments =
        exec.arguments.strip_suffix(b"\0").unwrap_or(exec.arguments).split(|&byte| byte == 0);
    list.push(result("res", exec.result, arena));
    list.push(Parameter::new("exe", arguments.next().unwrap_or_default()));
    list.push(Parameter::new("args", dotted(arguments, arena)));
    about_execution(list, actor, arena);
    if !exec.is_at {
        list.push(Parameter::new("filename", exec.filename));
    }
}

fn image<'a>(list: &mut List<'a>, process: &'a Process, arena: &'a Bump) {
    list.push(Parameter::new("exe", process.image().exe()));
    list.push(Parameter::new("args", dotted(process.image().argv().iter().skip(1), arena)));
}

/// From `tid` to `gid`; what capture does not carry is unknown.
fn about_execution<'a>(list: &mut List<'a>, actor: Actor<'a>, arena: &'a Bump) {
    let process = actor.process;
    let file = process.image().executable();
    ids(list, actor, arena);
    list.push(Parameter::new("cwd", process.cwd()));
    list.extend(
        ["fdlimit", "pgft_maj", "pgft_min", "vm_size", "vm_rss", "vm_swap"].map(Parameter::unknown),
    );
    list.push(Parameter::new("comm", process.name()));
    list.push(Parameter::new("cgroups", path::concat(&[b"pids=", &process.cgroup().path], arena)));
    list.push(Parameter::new("env", dotted(process.image().environment().iter(), arena)));
    list.push(number("tty", process.tty.into(), arena));
    list.push(signed("vpgid", process.vgroup_id.into(), arena));
    list.push(user_id("loginuid", process.loginuid, actor, arena));
    list.push(flags("flags", executable_flags(process), names::EXECUTABLE_FLAGS, arena));
    for (name, set) in [
        ("cap_inheritable", process.cap_inheritable),
        ("cap_permitted", process.cap_permitted),
        ("cap_effective", process.cap_effective),
    ] {
        list.push(hexadecimal(name, set, arena).resolved(names::capabilities(set, arena)));
    }
    list.push(number("exe_ino", file.inode, arena));
    list.push(number("exe_ino_ctime", file.ctime, arena));
    list.push(number("exe_ino_mtime", file.mtime, arena));
    list.push(user_id("uid", process.euid, actor, arena));
    list.push(Parameter::new("trusted_exepath", process.image().executable_path()));
    list.push(signed("pgid", process.group_id.into(), arena));
    list.push(group_id(process.egid, actor, arena));
}

fn ids<'a>(list: &mut List<'a>, actor: Actor<'a>, arena: &'a Bump) {
    let process = actor.process;
    let name = process.name();
    list.push(signed("tid", actor.tid.into(), arena).resolved(name));
    list.push(signed("pid", process.key.pid.into(), arena).resolved(name));
    let parent = actor.world.ancestors(process).next();
    let plain = signed("ptid", process.parent.pid.into(), arena);
    list.push(parent.map_or(plain, |parent| plain.resolved(parent.name())));
}

fn user_id<'a>(name: &'static str, uid: u32, actor: Actor<'a>, arena: &'a Bump) -> Parameter<'a> {
    if uid == u32::MAX {
        return signed(name, -1, arena).resolved(b"<NONE>");
    }
    number(name, uid.into(), arena).resolved(user::user_name(uid, actor.process, actor.world))
}

fn group_id<'a>(gid: u32, actor: Actor<'a>, arena: &'a Bump) -> Parameter<'a> {
    if gid == u32::MAX {
        return signed("gid", -1, arena).resolved(b"<NONE>");
    }
    number("gid", gid.into(), arena).resolved(user::group_name(gid, actor.process, actor.world))
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

fn forked<'a>(list: &mut List<'a>, fork: &'a Fork<'a>, actor: Actor<'a>, arena: &'a Bump) {
    let process = actor.process;
    list.push(signed("res", fork.child.pid.into(), arena));
    image(list, process, arena);
    ids(list, actor, arena);
    list.push(Parameter::new("cwd", process.cwd()));
    list.extend(
        ["fdlimit", "pgft_maj", "pgft_min", "vm_size", "vm_rss", "vm_swap"].map(Parameter::unknown),
    );
    list.push(Parameter::new("comm", process.name()));
    list.push(Parameter::new("cgroups", path::concat(&[b"pids=", &process.cgroup().path], arena)));
    list.push(Parameter::unknown("flags"));
    list.push(user_id("uid", process.euid, actor, arena));
    list.push(group_id(process.egid, actor, arena));
    list.push(signed("vtid", process.vpid.into(), arena));
    list.push(signed("vpid", process.vpid.into(), arena));
    list.push(match process.pidns_start_time {
        0 => Parameter::unknown("pidns_init_start_ts"),
        time => number("pidns_init_start_ts", actor.context.clock.epoch(time), arena),
    });
}

/// `status` as wait(2) has it, taken apart.
fn exited<'a>(list: &mut List<'a>, status: i32, arena: &'a Bump) {
    let (is_signalled, signal) = (libc::WIFSIGNALED(status), libc::WTERMSIG(status));
    list.push(signed("status", status.into(), arena));
    list.push(signed(
        "ret",
        if is_signalled { 0 } else { libc::WEXITSTATUS(status).into() },
        arena,
    ));
    let signal = if is_signalled { signal } else { 0 };
    let number_text = signed("sig", signal.into(), arena);
    list.push(match nix::sys::signal::Signal::try_from(signal) {
        Ok(signal) => number_text.resolved(signal.as_str().as_bytes()),
        Err(_) => number_text,
    });
    list.push(number("core", u64::from(is_signalled && libc::WCOREDUMP(status)), arena));
    list.push(Parameter::unknown("reaper_tid"));
}
