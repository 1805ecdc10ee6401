//! `fd.*` of connect.

use std::net::{IpAddr, Ipv4Addr};

use bumpalo::Bump;
use peregrine_capture::event::{Connect, Endpoint, Socket};
use peregrine_rules::{FieldId, Value};

use super::names;

/// A connection as rules see it: the client is who connects.
pub struct Connection {
    pub client: Endpoint,
    pub server: Endpoint,
}

/// The connection, unless it failed: then the socket has no role yet.
pub fn connection(connect: &Connect<'_>) -> Option<Connection> {
    let has_role = connect.result >= 0 || connect.result == -i64::from(libc::EINPROGRESS);
    match &connect.socket {
        Socket::Inet { local, remote, .. } if has_role => {
            Some(Connection { client: *local, server: *remote }.unmapped())
        }
        _ => None,
    }
}

impl Connection {
    /// IPv4 that goes through an IPv6 socket is IPv4.
    fn unmapped(self) -> Self {
        let to_v4 = |address: IpAddr| match address {
            IpAddr::V6(v6) if v6.is_unspecified() => Some(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(v6) => v6.to_ipv4_mapped(),
            IpAddr::V4(v4) => Some(v4),
        };
        let is_mapped =
            |address: IpAddr| matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        let (client, server) = (self.client.address, self.server.address);
        if !is_mapped(client) && !is_mapped(server) {
            return self;
        }
        let (Some(client), Some(server)) = (to_v4(client), to_v4(server)) else { return self };
        Self {
            client: Endpoint { address: client.into(), port: self.client.port },
            server: Endpoint { address: server.into(), port: self.server.port },
        }
    }

    pub fn is_ipv4(&self) -> bool {
        self.server.address.is_ipv4()
    }

    /// `1.2.3.4:5->6.7.8.9:10`
    pub fn text<'a>(&self, arena: &'a Bump) -> &'a [u8] {
        let (client, server) = (self.client, self.server);
        names::text(
            format_args!("{}:{}->{}:{}", client.address, client.port, server.address, server.port),
            arena,
        )
    }
}

/// A field of the socket that connects.
pub fn field<'a>(id: FieldId, connect: &'a Connect<'a>, arena: &'a Bump) -> Value<'a> {
    match id {
        FieldId::FdNum => Value::I64(i64::from(connect.fd)),
        FieldId::FdIno => Value::I64(connect.inode as i64),
        _ => match &connect.socket {
            Socket::None => Value::Absent,
            Socket::Inet { family, .. } => inet(id, connect, i32::from(*family), arena),
            Socket::Unix { socket, peer, path } => unix(id, connect, (*socket, *peer, path), arena),
            Socket::Other(family) => other(id, i32::from(*family)),
        },
    }
}

fn inet<'a>(id: FieldId, connect: &Connect<'_>, family: i32, arena: &'a Bump) -> Value<'a> {
    let connection = connection(connect);
    let is_ipv4 = connection.as_ref().map_or(family == libc::AF_INET, Connection::is_ipv4);
    match id {
        FieldId::FdType => Value::Str(if is_ipv4 { b"ipv4" } else { b"ipv6" }),
        FieldId::FdTypechar => Value::Str(if is_ipv4 { b"4" } else { b"6" }),
        FieldId::FdSockfamily => Value::Str(b"ip"),
        FieldId::FdL4proto if connection.is_none() => Value::Str(b"<NA>"),
        FieldId::FdL4proto => Value::Str(protocol(connect)),
        FieldId::FdConnected | FieldId::FdNameChanged => Value::Bool(connection.is_some()),
        FieldId::FdName => {
            Value::Str(connection.map_or(&b""[..], |connection| connection.text(arena)))
        }
        _ => connection.map_or(Value::Absent, |connection| ends(id, &connection, arena)),
    }
}

/// Fields of the two ends. The client connects from here, so it is the local one.
fn ends<'a>(id: FieldId, connection: &Connection, arena: &'a Bump) -> Value<'a> {
    let Connection { client, server } = connection;
    let address = |end: &Endpoint| Value::Ip(end.address);
    let port = |end: &Endpoint| Value::U64(u64::from(end.port));
    let both = |values: [Value<'a>; 2]| Value::List(arena.alloc(values));
    match id {
        FieldId::FdIp | FieldId::FdNet => both([address(client), address(server)]),
        FieldId::FdPort | FieldId::FdProto => both([port(client), port(server)]),
        FieldId::FdCip | FieldId::FdCnet | FieldId::FdLip | FieldId::FdLnet => address(client),
        FieldId::FdSip | FieldId::FdSnet | FieldId::FdRip | FieldId::FdRnet => address(server),
        FieldId::FdCport | FieldId::FdLport => port(client),
        FieldId::FdSport | FieldId::FdRport => port(server),
        FieldId::FdCproto | FieldId::FdLproto => Value::Str(names::decimal(client.port, arena)),
        FieldId::FdSproto | FieldId::FdRproto => Value::Str(names::decimal(server.port, arena)),
        FieldId::FdIsServer => {
            let server = server.address;
            Value::Bool(server.is_loopback() || server == client.address)
        }
        _ => Value::Absent,
    }
}

fn unix<'a>(
    id: FieldId,
    connect: &Connect<'_>,
    (socket, peer, path): (u64, u64, &[u8]),
    arena: &'a Bump,
) -> Value<'a> {
    match id {
        FieldId::FdType => Value::Str(b"unix"),
        FieldId::FdTypechar => Value::Str(b"u"),
        FieldId::FdSockfamily => Value::Str(b"unix"),
        FieldId::FdL4proto => Value::Str(b"<NA>"),
        FieldId::FdConnected | FieldId::FdNameChanged => Value::Bool(connect.result >= 0),
        FieldId::FdIsServer => Value::Bool(false),
        FieldId::FdName if connect.result < 0 => Value::Str(b""),
        FieldId::FdName => Value::Str(unix_tuple(socket, peer, path, arena)),
        _ => Value::Absent,
    }
}

/// `srcptr->dstptr path`, pointers in hexadecimal; an abstract name's NUL shows as `@`.
pub fn unix_tuple<'a>(socket: u64, peer: u64, path: &[u8], arena: &'a Bump) -> &'a [u8] {
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

fn protocol(connect: &Connect<'_>) -> &'static [u8] {
    match (i32::from(connect.protocol), i32::from(connect.socket_type)) {
        (_, libc::SOCK_RAW) => b"raw",
        (libc::IPPROTO_TCP, _) => b"tcp",
        (libc::IPPROTO_UDP, _) => b"udp",
        (libc::IPPROTO_ICMP | libc::IPPROTO_ICMPV6, _) => b"icmp",
        _ => b"<NA>",
    }
}

/// The address as the caller gave it: `ip:port`, a path, or the family's number.
pub fn requested_address<'a>(bytes: &[u8], arena: &'a Bump) -> Option<&'a [u8]> {
    let family = u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?);
    let port = || bytes.get(2..4).and_then(|port| Some(u16::from_be_bytes(port.try_into().ok()?)));
    match i32::from(family) {
        libc::AF_INET => {
            let address: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            Some(names::text(format_args!("{}:{}", Ipv4Addr::from(address), port()?), arena))
        }
        libc::AF_INET6 => {
            let address: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            let address = std::net::Ipv6Addr::from(address);
            Some(names::text(format_args!("{address}:{}", port()?), arena))
        }
        libc::AF_UNIX => {
            let path = &bytes[2..];
            let end =
                path.iter().skip(1).position(|&byte| byte == 0).map_or(path.len(), |at| at + 1);
            Some(unix_name(&path[..end], arena))
        }
        _ => Some(names::text(format_args!("family {family}"), arena)),
    }
}
