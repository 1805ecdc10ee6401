//! How each kind of parameter is written.

use std::fmt::{Display, Write};

use bumpalo::Bump;
use bumpalo::collections::{String, Vec};

use super::{
    ParameterKind, Parameters, Raw, Rendered, SocketAddress, SocketTuple, chosen, from_kernel,
};
use crate::events::flags::encodings;
use crate::events::numbers::{error_name, signal_name, syscall_name};
use crate::output::BytesForm;
use crate::value::to_base64;

/// The descriptor that stands for the working directory.
const AT_FDCWD: i64 = -100;

/// The id that stands for no user or group.
const NOBODY: u32 = u32::MAX;

pub(super) fn render<'a>(
    kind: ParameterKind,
    raw: Raw<'a>,
    of: &Parameters<'a>,
    arena: &'a Bump,
) -> Rendered<'a> {
    match raw {
        Raw::Unknown => Rendered { plain: None, resolved: None },
        Raw::Missing => plain(missing(kind)),
        Raw::Chosen(index, raw) => render(chosen(kind, index), *raw, of, arena),
        Raw::Bytes(bytes) => bytes_of(kind, bytes, of, arena),
        Raw::Address(address) => plain(socket_address(address, arena)),
        Raw::Tuple(tuple) => plain(socket_tuple(tuple, arena)),
        Raw::Polled(list) => plain(polled(list, of, arena)),
        Raw::Signed(number) => Rendered {
            plain: Some(signed(kind, number, arena)),
            resolved: resolved(kind, number, of, arena),
        },
        Raw::Unsigned(number) => numbered(kind, number, of, arena),
        Raw::Kernel(number) => numbered(kind, from_kernel(kind, number), of, arena),
    }
}

pub(super) fn line<'a>(of: &Parameters<'a>, arena: &'a Bump) -> &'a [u8] {
    let mut line = Vec::new_in(arena);
    if std::ptr::eq(of.parameters, super::table::GENERIC) {
        return line.into_bump_slice();
    }
    for (number, parameter) in of.parameters.iter().enumerate() {
        let texts = render(parameter.kind, of.raw(number), of, arena);
        if !line.is_empty() {
            line.push(b' ');
        }
        line.extend_from_slice_copy(parameter.name.as_bytes());
        line.push(b'=');
        line.extend_from_slice_copy(texts.plain.unwrap_or(b"<NA>"));
        if let Some(resolved) = texts.resolved.filter(|text| !text.is_empty()) {
            line.push(b'(');
            line.extend_from_slice_copy(resolved);
            line.push(b')');
        }
    }
    line.into_bump_slice()
}

fn plain(text: &[u8]) -> Rendered<'_> {
    Rendered { plain: Some(text), resolved: None }
}

/// What stands where the call gave nothing.
fn missing(kind: ParameterKind) -> &'static [u8] {
    match kind {
        ParameterKind::Bytes
        | ParameterKind::Address
        | ParameterKind::Tuple
        | ParameterKind::Polled
        | ParameterKind::Texts
        | ParameterKind::Dynamic(_) => b"NULL",
        _ => b"<NA>",
    }
}

fn numbered<'a>(
    kind: ParameterKind,
    number: u64,
    of: &Parameters<'a>,
    arena: &'a Bump,
) -> Rendered<'a> {
    let text = match kind {
        ParameterKind::Hexadecimal => written(format_args!("{number:X}"), arena),
        ParameterKind::Octal | ParameterKind::Mode(_) => octal(number, arena),
        ParameterKind::User | ParameterKind::Group if number as u32 == NOBODY => b"-1",
        ParameterKind::Time => {
            of.names.date(number, arena).unwrap_or_else(|| decimal(number, arena))
        }
        ParameterKind::Signals => return plain(signals(number, arena)),
        _ => decimal(number, arena),
    };
    let resolved = match kind {
        ParameterKind::Duration => Some(seconds(number, arena)),
        _ => resolved(kind, number as i64, of, arena),
    };
    Rendered { plain: Some(text), resolved }
}

/// Negative hexadecimal numbers are those of 32 bits.
fn signed(kind: ParameterKind, number: i64, arena: &Bump) -> &[u8] {
    match (kind, i32::try_from(number)) {
        (ParameterKind::Hexadecimal, Ok(number)) => written(format_args!("{number:X}"), arena),
        (ParameterKind::Hexadecimal, Err(_)) => written(format_args!("{number:X}"), arena),
        (ParameterKind::Octal, _) => octal(number as u64, arena),
        _ => decimal(number, arena),
    }
}

fn resolved<'a>(
    kind: ParameterKind,
    number: i64,
    of: &Parameters<'a>,
    arena: &'a Bump,
) -> Option<&'a [u8]> {
    match kind {
        ParameterKind::Error if number < 0 => Some(error(number, arena)),
        ParameterKind::Descriptor => descriptor(number, of, arena),
        ParameterKind::Process => of.names.process(number),
        ParameterKind::User => Some(identity(number, |id| of.names.user(id))),
        ParameterKind::Group => Some(identity(number, |id| of.names.group(id))),
        ParameterKind::Signal => signal_name(number).map(str::as_bytes),
        ParameterKind::Syscall => syscall_name(number).map(str::as_bytes),
        ParameterKind::Flags(table) => Some(table.set(number as u32, arena)),
        ParameterKind::Enumeration(table) => Some(table.value(number as u32, arena)),
        ParameterKind::Mode(table) => Some(table.mode(number as u32, arena)),
        _ => None,
    }
}

/// The name of an error, or its number.
fn error(result: i64, arena: &Bump) -> &[u8] {
    let number = result.unsigned_abs();
    let name = i64::try_from(number).ok().and_then(error_name);
    name.map_or_else(|| decimal(number, arena), str::as_bytes)
}

/// `<f>/etc/passwd`, `<4t>127.0.0.1:1->127.0.0.1:2`, `AT_FDCWD`, or the name of an error.
fn descriptor<'a>(number: i64, of: &Parameters<'a>, arena: &'a Bump) -> Option<&'a [u8]> {
    match number {
        AT_FDCWD => Some(b"AT_FDCWD"),
        ..0 => Some(error(number, arena)),
        _ => {
            let known = of.names.descriptor(number, arena)?;
            let mut text = Vec::with_capacity_in(known.name.len() + 4, arena);
            text.push(b'<');
            text.push(known.typechar);
            text.extend(known.protocol);
            text.push(b'>');
            text.extend_from_slice_copy(known.name);
            Some(text.into_bump_slice())
        }
    }
}

fn identity<'a>(id: i64, name: impl FnOnce(u32) -> Option<&'a [u8]>) -> &'a [u8] {
    match id as u32 {
        NOBODY => b"<NONE>",
        id => name(id).unwrap_or(b"<NA>"),
    }
}

fn bytes_of<'a>(
    kind: ParameterKind,
    bytes: &'a [u8],
    of: &Parameters<'a>,
    arena: &'a Bump,
) -> Rendered<'a> {
    let directory = match kind {
        ParameterKind::Path => None,
        ParameterKind::PathAt(parameter) => of.directory(parameter),
        ParameterKind::Text => return plain(bytes),
        ParameterKind::Bytes if of.names.bytes() == BytesForm::Base64 => {
            return plain(Vec::from_iter_in(to_base64(bytes), arena).into_bump_slice());
        }
        _ => return plain(printable(bytes, arena)),
    };
    let is_relative = bytes.first().is_some_and(|first| *first != b'/');
    let resolved = match is_relative {
        true => of.names.absolute(directory.filter(|number| *number != AT_FDCWD), bytes, arena),
        false => None,
    };
    Rendered { plain: Some(bytes), resolved }
}

/// Bytes that are no visible characters become dots.
fn printable<'a>(bytes: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    let is_visible = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    if bytes.iter().all(is_visible) {
        return bytes;
    }
    arena
        .alloc_slice_fill_iter(bytes.iter().map(|byte| if is_visible(byte) { *byte } else { b'.' }))
}

fn socket_address<'a>(address: SocketAddress<'a>, arena: &'a Bump) -> &'a [u8] {
    match address {
        SocketAddress::Inet(address, port) => written(format_args!("{address}:{port}"), arena),
        SocketAddress::Unix(path) => path,
        SocketAddress::Other(family) => written(format_args!("family {family}"), arena),
    }
}

fn socket_tuple<'a>(tuple: SocketTuple<'a>, arena: &'a Bump) -> &'a [u8] {
    match tuple {
        SocketTuple::Inet((source, source_port), (destination, destination_port)) => {
            written(format_args!("{source}:{source_port}->{destination}:{destination_port}"), arena)
        }
        SocketTuple::Unix(source, destination, path) => {
            let ends = written(format_args!("{source:x}->{destination:x} "), arena);
            let mut text = Vec::with_capacity_in(ends.len() + path.len(), arena);
            text.extend_from_slice_copy(ends);
            text.extend_from_slice_copy(path);
            text.into_bump_slice()
        }
    }
}

/// `3:f1 4:p0`: descriptor, letter, flags in hexadecimal.
fn polled<'a>(list: &[(i64, u16)], of: &Parameters<'a>, arena: &'a Bump) -> &'a [u8] {
    let mut text = String::new_in(arena);
    for (number, flags) in list {
        let typechar = of.names.descriptor(*number, arena).map_or(b'?', |known| known.typechar);
        let space = if text.is_empty() { "" } else { " " };
        let flags = encodings::polled(*flags);
        push(&mut text, format_args!("{space}{number}:{}{flags:x}", char::from(typechar)));
    }
    text.into_bump_str().as_bytes()
}

fn signals(set: u64, arena: &Bump) -> &[u8] {
    let mut text = String::new_in(arena);
    for name in (0..64).filter(|bit| set & (1 << bit) != 0).filter_map(|bit| signal_name(bit + 1)) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(name);
    }
    text.into_bump_str().as_bytes()
}

fn octal(number: u64, arena: &Bump) -> &[u8] {
    if number == 0 { b"0" } else { written(format_args!("0{number:o}"), arena) }
}

/// `1.5s`, with six digits that count.
fn seconds(nanoseconds: u64, arena: &Bump) -> &[u8] {
    let seconds = nanoseconds as f64 / 1e9;
    let scientific = format!("{seconds:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        exponent @ -4..6 => {
            let places = usize::try_from(5 - exponent).unwrap_or(0);
            let fixed = format!("{seconds:.places$}");
            written(format_args!("{}s", without_trailing_zeros(&fixed)), arena)
        }
        exponent => {
            let sign = if exponent < 0 { '-' } else { '+' };
            let digits = without_trailing_zeros(digits);
            written(format_args!("{digits}e{sign}{:02}s", exponent.unsigned_abs()), arena)
        }
    }
}

fn without_trailing_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

fn decimal(number: impl Display, arena: &Bump) -> &[u8] {
    written(format_args!("{number}"), arena)
}

fn written<'a>(arguments: std::fmt::Arguments<'_>, arena: &'a Bump) -> &'a [u8] {
    let mut text = String::new_in(arena);
    push(&mut text, arguments);
    text.into_bump_str().as_bytes()
}

fn push(text: &mut String<'_>, arguments: std::fmt::Arguments<'_>) {
    // Only a Display that fails by itself could make this fail, and none of ours does.
    text.write_fmt(arguments).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::EventType;
    use crate::events::parameters::{DescriptorName, Names};
    use crate::facts::Value;

    /// One file, one process, one user, and `/home/x` as the working directory.
    struct Known;

    impl Names for Known {
        fn descriptor<'a>(&'a self, number: i64, _: &'a Bump) -> Option<DescriptorName<'a>> {
            match number {
                3 => Some(DescriptorName { typechar: b'f', protocol: None, name: b"/etc/passwd" }),
                5 => Some(DescriptorName {
                    typechar: b'4',
                    protocol: Some(b't'),
                    name: b"1.2.3.4:5",
                }),
                _ => None,
            }
        }
        fn process(&self, id: i64) -> Option<&[u8]> {
            (id == 7).then_some(b"bash")
        }
        fn user(&self, id: u32) -> Option<&[u8]> {
            (id == 0).then_some(b"root")
        }
        fn group(&self, id: u32) -> Option<&[u8]> {
            (id == 0).then_some(b"wheel")
        }
        fn absolute<'a>(
            &'a self,
            directory: Option<i64>,
            path: &[u8],
            arena: &'a Bump,
        ) -> Option<&'a [u8]> {
            let base = match directory {
                None => "/home/x",
                Some(4) => "/srv",
                Some(_) => return None,
            };
            let path = std::str::from_utf8(path).unwrap();
            Some(written(format_args!("{base}/{path}"), arena))
        }
        fn date<'a>(&'a self, time: u64, arena: &'a Bump) -> Option<&'a [u8]> {
            Some(written(format_args!("date of {time}"), arena))
        }
    }

    fn line_of(event: &str, raw: &[Raw<'_>]) -> std::string::String {
        let arena = Bump::new();
        let event = EventType::from_name(event).unwrap();
        let parameters = Parameters::new(event, raw, &Known);
        std::string::String::from_utf8(parameters.line(&arena).to_vec()).unwrap()
    }

    #[test]
    fn a_line_has_every_parameter_in_order_with_what_it_stands_for() {
        use Raw::{Address, Bytes, Chosen, Kernel, Missing, Polled, Signed, Tuple, Unsigned};
        let localhost = std::net::Ipv4Addr::LOCALHOST.into();
        let cases: [(&str, &[Raw<'_>], &str); 22] = [
            (
                "openat",
                &[
                    Signed(3),
                    Signed(-100),
                    Bytes(b"a"),
                    Unsigned(1),
                    Unsigned(0o644),
                    Unsigned(0xfd00),
                    Unsigned(12),
                ],
                "fd=3(<f>/etc/passwd) dirfd=-100(AT_FDCWD) name=a(/home/x/a) flags=1(O_RDONLY) \
                 mode=0644 dev=FD00 ino=12",
            ),
            (
                "openat",
                &[
                    Signed(-2),
                    Signed(4),
                    Bytes(b"/x"),
                    Kernel(0),
                    Unsigned(0),
                    Unsigned(0),
                    Unsigned(0),
                ],
                "fd=-2(ENOENT) dirfd=4 name=/x flags=1(O_RDONLY) mode=0 dev=0 ino=0",
            ),
            (
                "unlinkat",
                &[Signed(0), Signed(4), Bytes(b"a"), Kernel(0x200)],
                "res=0 dirfd=4 name=a(/srv/a) flags=512(AT_REMOVEDIR)",
            ),
            (
                "unlinkat",
                &[Signed(-9), Signed(9), Bytes(b"a"), Kernel(0)],
                "res=-9(EBADF) dirfd=9 name=a flags=0",
            ),
            ("close", &[Signed(0), Signed(5)], "res=0 fd=5(<4t>1.2.3.4:5)"),
            (
                "chmod",
                &[Signed(0), Bytes(b"/x"), Kernel(0o4700)],
                "res=0 filename=/x mode=04700(S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID)",
            ),
            (
                "mkdir",
                &[Signed(-17), Bytes(b"/x"), Unsigned(0o777)],
                "res=-17(EEXIST) path=/x mode=1FF",
            ),
            ("kill", &[Signed(0), Signed(7), Signed(9)], "res=0 pid=7(bash) sig=9(SIGKILL)"),
            ("kill", &[Signed(0), Signed(8), Signed(0)], "res=0 pid=8 sig=0"),
            ("setuid", &[Signed(0), Unsigned(0)], "res=0 uid=0(root)"),
            ("setuid", &[Signed(0), Unsigned(1000)], "res=0 uid=1000(<NA>)"),
            ("setgid", &[Signed(0), Unsigned(0xffff_ffff)], "res=0 gid=-1(<NONE>)"),
            ("nanosleep", &[Signed(0), Unsigned(1_500_000_000)], "res=0 interval=1500000000(1.5s)"),
            (
                "bind",
                &[Signed(0), Address(SocketAddress::Inet(localhost, 80)), Signed(5)],
                "res=0 addr=127.0.0.1:80 fd=5(<4t>1.2.3.4:5)",
            ),
            (
                "connect",
                &[
                    Signed(-115),
                    Tuple(SocketTuple::Inet((localhost, 1), (localhost, 2))),
                    Signed(9),
                    Address(SocketAddress::Other(16)),
                ],
                "res=-115(EINPROGRESS) tuple=127.0.0.1:1->127.0.0.1:2 fd=9 addr=family 16",
            ),
            (
                "accept",
                &[Signed(-1), Missing, Unsigned(0), Unsigned(0), Unsigned(0)],
                "fd=-1(EPERM) tuple=NULL queuepct=0 queuelen=0 queuemax=0",
            ),
            (
                "ptrace",
                &[
                    Signed(0),
                    Chosen(0, &Unsigned(0xbeef)),
                    Chosen(1, &Signed(9)),
                    Kernel(16),
                    Signed(7),
                ],
                "res=0 addr=BEEF data=9(SIGKILL) request=11(PTRACE_ATTACH) pid=7(bash)",
            ),
            (
                "poll",
                &[Signed(1), Polled(&[(3, 1), (9, 0x10)]), Signed(-1)],
                "res=1 fds=3:f1 9:?20 timeout=-1",
            ),
            (
                "write",
                &[Signed(3), Bytes(b"a\n\xff"), Signed(3), Unsigned(3)],
                "res=3 data=a.. fd=3(<f>/etc/passwd) size=3",
            ),
            (
                "mount",
                &[Signed(0), Missing, Bytes(b"/m"), Missing, Kernel(0x1000)],
                "res=0 dev=<NA> dir=/m type=<NA> flags=4096(BIND)",
            ),
            (
                "symlink",
                &[Signed(0), Bytes(b"rel"), Bytes(b"rel")],
                "res=0 target=rel linkpath=rel(/home/x/rel)",
            ),
            ("setxattr", &[Unsigned(1)], ""),
        ];
        for (event, raw, expected) in cases {
            assert_eq!(line_of(event, raw), expected, "{event}");
        }
    }

    #[test]
    fn what_is_not_known_has_no_text_and_no_value() {
        let arena = Bump::new();
        let kill = EventType::from_name("kill").unwrap();
        let parameters = Parameters::new(kill, &[Raw::Signed(0)], &Known);
        let pid = parameters.position("pid").unwrap();
        assert_eq!(parameters.render(pid, &arena).unwrap().text(), None);
        assert_eq!(parameters.value(pid), Value::Absent);
        assert_eq!(parameters.line(&arena), b"res=0 pid=<NA> sig=<NA>");
        assert_eq!(parameters.position("flags"), None);
    }

    /// As [`Known`], where bytes are written as base64.
    struct Encoding;

    impl Names for Encoding {
        fn bytes(&self) -> BytesForm {
            BytesForm::Base64
        }
        fn descriptor<'a>(&'a self, number: i64, arena: &'a Bump) -> Option<DescriptorName<'a>> {
            Known.descriptor(number, arena)
        }
        fn process(&self, _: i64) -> Option<&[u8]> {
            None
        }
        fn user(&self, _: u32) -> Option<&[u8]> {
            None
        }
        fn group(&self, _: u32) -> Option<&[u8]> {
            None
        }
        fn absolute<'a>(&'a self, _: Option<i64>, _: &[u8], _: &'a Bump) -> Option<&'a [u8]> {
            None
        }
        fn date<'a>(&'a self, _: u64, _: &'a Bump) -> Option<&'a [u8]> {
            None
        }
    }

    #[test]
    fn bytes_of_an_argument_are_printable_or_base64_and_texts_as_they_are() {
        let arena = Bump::new();
        let init_module = EventType::from_name("init_module").unwrap();
        let raw =
            [Raw::Signed(0), Raw::Bytes(b"\x7fELF\0"), Raw::Unsigned(5), Raw::Bytes(b"debug=1")];
        for (names, data) in [(&Known as &dyn Names, ".ELF."), (&Encoding, "f0VMRgA=")] {
            let parameters = Parameters::new(init_module, &raw, names);
            let text = |name| {
                let at = parameters.position(name).unwrap();
                parameters.render(at, &arena).unwrap().text().unwrap()
            };
            assert_eq!(text("img"), data.as_bytes());
            assert_eq!(text("uargs"), b"debug=1");
            let raw = parameters.value(parameters.position("img").unwrap());
            assert_eq!(raw, Value::Str(b"\x7fELF\0"), "whatever the form");
        }
    }

    #[test]
    fn an_argument_is_the_resolved_text_and_a_raw_one_the_number() {
        let arena = Bump::new();
        let event = EventType::from_name("unshare").unwrap();
        let raw = [Raw::Signed(0), Raw::Kernel(0x1000_0000)];
        let parameters = Parameters::new(event, &raw, &Known);
        let flags = parameters.position("flags").unwrap();
        let text = parameters.render(flags, &arena).unwrap().text();
        assert_eq!(text, Some(&b"CLONE_NEWUSER"[..]));
        assert_eq!(parameters.value(flags), Value::U64(0x10_0000));
    }

    #[test]
    fn durations_have_six_digits_that_count() {
        let arena = Bump::new();
        let cases = [
            (0, "0s"),
            (1, "1e-09s"),
            (100_000, "0.0001s"),
            (1_000_000_000, "1s"),
            (1_234_567_890, "1.23457s"),
            (3_600_000_000_000, "3600s"),
            (u64::MAX, "1.84467e+10s"),
        ];
        for (nanoseconds, expected) in cases {
            let text = std::str::from_utf8(seconds(nanoseconds, &arena)).unwrap();
            assert_eq!(text, expected, "{nanoseconds}");
        }
    }
}
