//! `fd.*` of sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bumpalo::Bump;
use peregrine_capture::event::{Call, Connect, Endpoint, Place, Socket, SocketState};
use peregrine_rules::{
    FieldId, Value,
    parameters::{SocketAddress, SocketTuple},
};

use super::names;

/// A socket as it takes part in an event.
pub struct Party<'a> {
    fd: i64,
    state: &'a SocketState<'a>,
    ends: Ends,
    /// The event gave the socket its other end.
    has_changed: bool,
}

/// What is known of the two ends.
#[derive(Clone, Copy)]
enum Ends {
    /// A fresh socket, or one whose connection failed.
    None,
    /// It has an address of its own and waits for others.
    Bound(Endpoint),
    /// Both, and which of them is this one.
    Both { client: Endpoint, server: Endpoint, is_server: bool },
}

impl<'a> Party<'a> {
    /// Of a connect: the client is who connects, unless it failed; then the socket has no role yet.
    pub fn of_connect(connect: &'a Connect<'a>) -> Self {
        let has_role = connect.result >= 0 || connect.result == -i64::from(libc::EINPROGRESS);
        let ends = match &connect.state.socket {
            Socket::Inet { local, remote, .. } if has_role => {
                Ends::Both { client: *local, server: *remote, is_server: false }.unmapped()
            }
            _ => Ends::None,
        };
        Self { fd: connect.fd.into(), state: &connect.state, ends, has_changed: has_role }
    }

    /// Of the descriptor of any other call.
    pub fn of_call(call: &'a Call<'a>, place: Place, state: &'a SocketState<'a>) -> Self {
        let given = given_address(call);
        let (ends, has_changed) = match &state.socket {
            Socket::Inet { local, remote, .. } => {
                let (ends, has_changed) = ends((call, place), state, (*local, *remote), given);
                (ends.unmapped(), has_changed)
            }
            _ => (Ends::None, is_accept(call) && place == Place::RESULT && call.result >= 0),
        };
        Self { fd: fd(call, place), state, ends, has_changed }
    }

    /// Of a descriptor that no call is about.
    pub fn of_state(fd: i64, state: &'a SocketState<'a>) -> Self {
        let ends = match &state.socket {
            Socket::Inet { local, remote, .. } => {
                standing_ends(state, (*local, *remote)).unmapped()
            }
            _ => Ends::None,
        };
        Self { fd, state, ends, has_changed: false }
    }

    /// Both ends, as `evt.arg.tuple` has them.
    pub fn tuple(&self) -> Option<SocketTuple<'a>> {
        match (&self.ends, &self.state.socket) {
            (Ends::Both { client, server, .. }, _) => Some(SocketTuple::Inet(
                (client.address, client.port),
                (server.address, server.port),
            )),
            (_, Socket::Unix { socket, peer, path }) if *peer != 0 => {
                Some(SocketTuple::Unix(*socket, *peer, path))
            }
            _ => None,
        }
    }

    /// `t`, `u`, `i`, `r` where the protocol has a letter, as `evt.arg.fd` shows it.
    pub fn protocol_letter(&self) -> &'static [u8] {
        match protocol(self.state) {
            b"tcp" => b"t",
            b"udp" => b"u",
            b"icmp" => b"i",
            b"raw" => b"r",
            _ => b"",
        }
    }

    /// A field of the socket.
    pub fn field<'b>(&self, id: FieldId, arena: &'b Bump) -> Value<'b> {
        match id {
            FieldId::FdNum => Value::I64(self.fd),
            FieldId::FdIno => Value::I64(self.state.inode as i64),
            // What a file has, as rules see it of what is none.
            FieldId::FdDev | FieldId::FdDevMajor | FieldId::FdDevMinor => Value::I64(0),
            FieldId::FdIsUpperLayer | FieldId::FdIsLowerLayer => Value::Bool(false),
            FieldId::FdNameraw => Value::Str(b""),
            _ => match &self.state.socket {
                Socket::None => Value::Absent,
                Socket::Inet { family, .. } => self.inet(id, i32::from(*family), arena),
                Socket::Unix { socket, peer, path } => self.unix(id, (*socket, *peer, path), arena),
                Socket::Other(family) => other(id, i32::from(*family)),
            },
        }
    }

    fn inet<'b>(&self, id: FieldId, family: i32, arena: &'b Bump) -> Value<'b> {
        let is_ipv4 = match self.ends {
            Ends::Both { server, .. } | Ends::Bound(server) => server.address.is_ipv4(),
            Ends::None => family == libc::AF_INET,
        };
        match id {
            FieldId::FdType => Value::Str(if is_ipv4 { b"ipv4" } else { b"ipv6" }),
            FieldId::FdTypechar => Value::Str(if is_ipv4 { b"4" } else { b"6" }),
            FieldId::FdSockfamily => Value::Str(b"ip"),
            FieldId::FdL4proto if matches!(self.ends, Ends::None) => Value::Str(b"<NA>"),
            FieldId::FdL4proto => Value::Str(protocol(self.state)),
            FieldId::FdConnected => Value::Bool(matches!(self.ends, Ends::Both { .. })),
            FieldId::FdNameChanged => Value::Bool(self.has_changed),
            FieldId::FdName => Value::Str(match self.ends {
                Ends::None => b"",
                Ends::Bound(server) => end_text(server, arena),
                Ends::Both { client, server, .. } => tuple(client, server, arena),
            }),
            _ => self.ends.field(id, arena),
        }
    }

    fn unix<'b>(
        &self,
        id: FieldId,
        (socket, peer, path): (u64, u64, &[u8]),
        arena: &'b Bump,
    ) -> Value<'b> {
        match id {
            FieldId::FdType => Value::Str(b"unix"),
            FieldId::FdTypechar => Value::Str(b"u"),
            FieldId::FdSockfamily => Value::Str(b"unix"),
            FieldId::FdL4proto => Value::Str(b"<NA>"),
            FieldId::FdConnected => Value::Bool(self.state.is_connected || self.has_changed),
            FieldId::FdNameChanged => Value::Bool(self.has_changed),
            FieldId::FdIsServer => Value::Bool(self.state.is_listening),
            FieldId::FdName if peer == 0 => Value::Str(unix_name(path, arena)),
            FieldId::FdName => Value::Str(unix_tuple(socket, peer, path, arena)),
            _ => Value::Absent,
        }
    }
}

/// The descriptor at a place: arguments are `int`, whatever stands in the register's upper half.
pub fn fd(call: &Call<'_>, place: Place) -> i64 {
    i64::from(call.number(place) as i32)
}

/// The word of `evt.category` for what is done with it.
pub fn category(state: &SocketState<'_>) -> &'static str {
    match state.socket {
        Socket::Unix { .. } => "ipc",
        Socket::Inet { .. } => "net",
        Socket::Other(_) | Socket::None => "unknown",
    }
}

fn is_accept(call: &Call<'_>) -> bool {
    matches!(call.syscall.name(), "accept" | "accept4")
}

/// The address that the caller gave or was given: whom a datagram goes to or comes from.
fn given_address(call: &Call<'_>) -> Option<Endpoint> {
    let place = match call.syscall.name() {
        "sendto" | "recvfrom" => Place(4),
        "sendmsg" | "recvmsg" | "sendmmsg" | "recvmmsg" => Place(1),
        _ => return None,
    };
    endpoint(call.address(place)?)
}

/// Who is the client and who the server, and whether the call has just decided it.
fn ends(
    (call, place): (&Call<'_>, Place),
    state: &SocketState<'_>,
    (local, remote): (Endpoint, Endpoint),
    given: Option<Endpoint>,
) -> (Ends, bool) {
    let as_client = |server| Ends::Both { client: local, server, is_server: false };
    let as_server = |client| Ends::Both { client, server: local, is_server: true };
    if is_accept(call) && place == Place::RESULT {
        return (as_server(remote), true);
    }
    if let Some(given) = given {
        let is_receiving = call.syscall.name().starts_with("recv");
        return (if is_receiving { as_server(given) } else { as_client(given) }, true);
    }
    let ends = standing_ends(state, (local, remote));
    let is_new = matches!(ends, Ends::Bound(_)) && matches!(call.syscall.name(), "bind" | "listen");
    (ends, is_new)
}

/// The ends as the socket itself has them.
fn standing_ends(state: &SocketState<'_>, (local, remote): (Endpoint, Endpoint)) -> Ends {
    if remote.port != 0 || state.is_connected {
        let is_server = match i32::from(state.protocol) {
            libc::IPPROTO_TCP => state.is_accepted,
            // Nobody connects to a datagram socket: only the ports tell.
            _ => {
                is_service(local.port) && !is_service(remote.port)
                    || (is_service(local.port) == is_service(remote.port)
                        && local.port < remote.port)
            }
        };
        return match is_server {
            true => Ends::Both { client: remote, server: local, is_server },
            false => Ends::Both { client: local, server: remote, is_server },
        };
    }
    if state.is_listening || local.port != 0 { Ends::Bound(local) } else { Ends::None }
}

/// Below the ports that the kernel gives to clients (`ip_local_port_range`, as it is by default).
fn is_service(port: u16) -> bool {
    port != 0 && port < 32_768
}

impl Ends {
    /// IPv4 that goes through an IPv6 socket is IPv4.
    fn unmapped(self) -> Self {
        match self {
            Self::None => self,
            Self::Bound(server) => Self::Bound(match server.address {
                IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(server, |v4| at(v4, server.port)),
                IpAddr::V4(_) => server,
            }),
            Self::Both { client, server, is_server } => {
                let is_mapped = |end: Endpoint| matches!(end.address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
                if !is_mapped(client) && !is_mapped(server) {
                    return self;
                }
                let (Some(client), Some(server)) = (to_v4(client), to_v4(server)) else {
                    return self;
                };
                Self::Both { client, server, is_server }
            }
        }
    }

    fn local(self) -> Option<Endpoint> {
        match self {
            Self::None => None,
            Self::Bound(server) => Some(server),
            Self::Both { client, server, is_server } => {
                Some(if is_server { server } else { client })
            }
        }
    }

    fn remote(self) -> Option<Endpoint> {
        match self {
            Self::None | Self::Bound(_) => None,
            Self::Both { client, server, is_server } => {
                Some(if is_server { client } else { server })
            }
        }
    }

    fn client(self) -> Option<Endpoint> {
        match self {
            Self::Both { client, .. } => Some(client),
            Self::None | Self::Bound(_) => None,
        }
    }

    fn server(self) -> Option<Endpoint> {
        match self {
            Self::Both { server, .. } | Self::Bound(server) => Some(server),
            Self::None => None,
        }
    }

    fn field<'b>(self, id: FieldId, arena: &'b Bump) -> Value<'b> {
        let address =
            |end: Option<Endpoint>| end.map_or(Value::Absent, |end| Value::Ip(end.address));
        let port =
            |end: Option<Endpoint>| end.map_or(Value::Absent, |end| Value::U64(end.port.into()));
        let service = |end: Option<Endpoint>| {
            end.map_or(Value::Absent, |end| Value::Str(names::decimal(end.port, arena)))
        };
        match id {
            FieldId::FdIp | FieldId::FdNet => self.both(arena, |end| Value::Ip(end.address)),
            FieldId::FdPort | FieldId::FdProto => {
                self.both(arena, |end| Value::U64(end.port.into()))
            }
            FieldId::FdCip | FieldId::FdCnet => address(self.client()),
            FieldId::FdSip | FieldId::FdSnet => address(self.server()),
            FieldId::FdLip | FieldId::FdLnet => address(self.local()),
            FieldId::FdRip | FieldId::FdRnet => address(self.remote()),
            FieldId::FdCport => port(self.client()),
            FieldId::FdSport => port(self.server()),
            FieldId::FdLport => port(self.local()),
            FieldId::FdRport => port(self.remote()),
            FieldId::FdCproto => service(self.client()),
            FieldId::FdSproto => service(self.server()),
            FieldId::FdLproto => service(self.local()),
            FieldId::FdRproto => service(self.remote()),
            FieldId::FdIsServer => match self {
                Self::None => Value::Bool(false),
                Self::Bound(_) => Value::Bool(true),
                Self::Both { client, server, is_server } => Value::Bool(
                    is_server || server.address.is_loopback() || server.address == client.address,
                ),
            },
            _ => Value::Absent,
        }
    }

    /// Of both ends; the one that a bound socket has.
    fn both<'b>(self, arena: &'b Bump, of: impl Fn(Endpoint) -> Value<'b>) -> Value<'b> {
        match self {
            Self::None => Value::Absent,
            Self::Bound(server) => Value::List(arena.alloc([of(server)])),
            Self::Both { client, server, .. } => Value::List(arena.alloc([of(client), of(server)])),
        }
    }
}

fn at(address: Ipv4Addr, port: u16) -> Endpoint {
    Endpoint { address: address.into(), port }
}

fn to_v4(end: Endpoint) -> Option<Endpoint> {
    match end.address {
        IpAddr::V6(v6) if v6.is_unspecified() => Some(at(Ipv4Addr::UNSPECIFIED, end.port)),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map(|v4| at(v4, end.port)),
        IpAddr::V4(_) => Some(end),
    }
}

fn tuple(client: Endpoint, server: Endpoint, arena: &Bump) -> &[u8] {
    names::text(
        format_args!("{}:{}->{}:{}", client.address, client.port, server.address, server.port),
        arena,
    )
}

/// `1.2.3.4:5`
fn end_text(end: Endpoint, arena: &Bump) -> &[u8] {
    names::text(format_args!("{}:{}", end.address, end.port), arena)
}

/// `srcptr->dstptr path`, pointers in hexadecimal; an abstract name's NUL shows as `@`.
fn unix_tuple<'a>(socket: u64, peer: u64, path: &[u8], arena: &'a Bump) -> &'a [u8] {
    let pointers = names::text(format_args!("{socket:x}->{peer:x} "), arena);
    super::path::concat(&[pointers, unix_name(path, arena)], arena)
}

fn unix_name<'a>(path: &[u8], arena: &'a Bump) -> &'a [u8] {
    let name = arena.alloc_slice_copy(path);
    if let Some(first @ 0) = name.first_mut() {
        *first = b'@';
    }
    name
}

fn other(id: FieldId, family: i32) -> Value<'static> {
    match (id, family) {
        (FieldId::FdType, libc::AF_NETLINK) => Value::Str(b"netlink"),
        (FieldId::FdType, _) => Value::Str(b"<NA>"),
        (FieldId::FdTypechar, libc::AF_NETLINK) => Value::Str(b"n"),
        (FieldId::FdTypechar, _) => Value::Str(b"?"),
        (FieldId::FdName, _) => Value::Str(b""),
        (FieldId::FdL4proto, _) => Value::Str(b"<NA>"),
        (FieldId::FdIsServer | FieldId::FdConnected | FieldId::FdNameChanged, _) => {
            Value::Bool(false)
        }
        _ => Value::Absent,
    }
}

fn protocol(state: &SocketState<'_>) -> &'static [u8] {
    match (i32::from(state.protocol), i32::from(state.socket_type)) {
        (_, libc::SOCK_RAW) => b"raw",
        (libc::IPPROTO_TCP, _) => b"tcp",
        (libc::IPPROTO_UDP, _) => b"udp",
        (libc::IPPROTO_ICMP | libc::IPPROTO_ICMPV6, _) => b"icmp",
        _ => b"<NA>",
    }
}

/// The end that a `struct sockaddr` names.
pub fn endpoint(bytes: &[u8]) -> Option<Endpoint> {
    let family = u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?);
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    let address = match i32::from(family) {
        libc::AF_INET => Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(4..8)?).ok()?).into(),
        libc::AF_INET6 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(8..24)?).ok()?).into(),
        _ => return None,
    };
    Some(Endpoint { address, port })
}

/// The address as the caller gave it.
pub fn socket_address(bytes: &[u8]) -> Option<SocketAddress<'_>> {
    if let Some(end) = endpoint(bytes) {
        return Some(SocketAddress::Inet(end.address, end.port));
    }
    let family = u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?);
    match i32::from(family) {
        libc::AF_INET | libc::AF_INET6 => None,
        libc::AF_UNIX => {
            let path = &bytes[2..];
            let end =
                path.iter().skip(1).position(|&byte| byte == 0).map_or(path.len(), |at| at + 1);
            Some(SocketAddress::Unix(&path[..end]))
        }
        _ => Some(SocketAddress::Other(family)),
    }
}
