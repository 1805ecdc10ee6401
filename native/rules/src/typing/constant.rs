//! Constants of conditions to values of a type.

use std::net::IpAddr;

use super::services;
use crate::fields::FieldType;
use crate::network::Network;

/// Why a text is no constant of a type: what was expected, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    pub message: String,
    pub help: String,
}

fn unfit<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Unfit> {
    Err(Unfit { message: message.into(), help: help.into() })
}

/// A number of the type, and whether it was taken for what the author meant instead of what the
/// letters say.
pub(super) fn number(field_type: FieldType, text: &[u8]) -> Result<(i128, bool), Unfit> {
    let word = field_type.word();
    let Ok(text) = std::str::from_utf8(text) else {
        return unfit(format!("expected a {word}"), "");
    };
    let text = text.trim_start();
    if field_type == FieldType::Port {
        return port(text).map(|port| (port, false));
    }
    let (low, high) = range(field_type);
    let number: i128 = match text.parse() {
        Ok(number) => number,
        Err(_) if text.starts_with("0x") || text.starts_with("0X") => {
            return unfit(format!("expected a {word}, not hexadecimal"), decimal_help(text));
        }
        Err(_) => return unfit(format!("expected a {word}"), "write it in decimal digits"),
    };
    if number == -1 && low == 0 {
        // Unset ids are written so; the kernel's word for them is all ones.
        return Ok((high, true));
    }
    if number < low || number > high {
        let message = format!("{number} is no {word} here");
        return unfit(message, format!("it can be from {low} to {high}"));
    }
    Ok((number, false))
}

fn decimal_help(text: &str) -> String {
    match u64::from_str_radix(&text[2..], 16) {
        Ok(number) => format!("write {number}"),
        Err(_) => "write it in decimal digits".to_owned(),
    }
}

fn range(field_type: FieldType) -> (i128, i128) {
    match field_type {
        FieldType::I16 => (i16::MIN.into(), i16::MAX.into()),
        FieldType::I32 => (i32::MIN.into(), i32::MAX.into()),
        FieldType::U32 => (0, u32::MAX.into()),
        FieldType::U64 | FieldType::RelativeTime | FieldType::AbsoluteTime => (0, u64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    }
}

fn port(text: &str) -> Result<i128, Unfit> {
    if text.is_empty() {
        return Ok(0);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse::<u16>() {
            Ok(port) => Ok(port.into()),
            Err(_) => unfit(format!("{text} is no port"), "a port is a number from 0 to 65535"),
        };
    }
    match services::port(text) {
        Some(port) => Ok(port.into()),
        None => unfit("expected a port or the name of a service", "write the number"),
    }
}

/// The bits of a fractional number.
pub(super) fn fraction(text: &[u8]) -> Result<u64, Unfit> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse::<f64>().ok());
    match number.filter(|number| number.is_finite()) {
        Some(number) => Ok(number.to_bits()),
        None => unfit("expected a number", ""),
    }
}

pub(super) fn boolean(text: &[u8]) -> Result<bool, Unfit> {
    match text {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ => unfit("expected `true` or `false`", ""),
    }
}

pub(super) fn address(text: &[u8]) -> Result<IpAddr, Unfit> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    match text.parse::<IpAddr>() {
        // Connections between mapped addresses are shown as IPv4.
        Ok(address) => Ok(address.to_canonical()),
        Err(_) if Network::parse(text).is_some() => {
            unfit("expected an address, not a network", "use `fd.net`, `fd.snet` or `fd.cnet`")
        }
        Err(_) => unfit("expected an IP address", "write it as 192.0.2.1 or 2001:db8::1"),
    }
}

pub(super) fn network(text: &[u8]) -> Result<Network, Unfit> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    match Network::parse(text) {
        Some(network) => Ok(network),
        None if text.parse::<IpAddr>().is_ok_and(|it| it.is_ipv4()) => {
            unfit("expected a network, not an address", format!("write {text}/32"))
        }
        None if text.parse::<IpAddr>().is_ok() => {
            unfit("expected a network, not an address", format!("write {text}/128"))
        }
        None => unfit("expected an IP network", "write it as 10.0.0.0/8 or fe80::/10"),
    }
}

/// Bytes written as pairs of hexadecimal digits.
pub(super) fn hexadecimal(text: &[u8]) -> Result<Vec<u8>, Unfit> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let bytes: Option<Vec<u8>> = text
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
            _ => None,
        })
        .collect();
    match bytes {
        Some(bytes) => Ok(bytes),
        None => unfit("expected bytes as pairs of hexadecimal digits", "write them as cafe00"),
    }
}

/// A text; a NUL can stand in none.
pub(super) fn text(text: &[u8]) -> Result<Vec<u8>, Unfit> {
    if text.contains(&0) {
        return unfit("a text cannot contain a NUL byte", "");
    }
    Ok(text.to_vec())
}

/// A pattern that is no valid expression, or what the language leaves out of them.
pub(super) fn regex(pattern: &[u8]) -> Result<Vec<u8>, Unfit> {
    let Ok(text) = std::str::from_utf8(pattern) else {
        return unfit("a regular expression must be UTF-8", "");
    };
    if text.len() > REGEX_LENGTH_LIMIT {
        let message = format!("the regular expression has more than {REGEX_LENGTH_LIMIT} bytes");
        return unfit(message, "use `in`, `startswith` or `contains` with a list");
    }
    match crate::posix::foreign(text) {
        Some(group @ "(?") => {
            let message =
                format!("groups with `{group}` are not known in regular expressions here");
            return unfit(message, "");
        }
        Some(escape) => {
            let message = format!("`{escape}` is not known in regular expressions here");
            let help = "write a class such as `[0-9]`, `[[:alnum:]_]` or `[[:space:]]`";
            return unfit(message, help);
        }
        None => {}
    }
    match crate::posix::whole(text) {
        Ok(_) => Ok(pattern.to_vec()),
        Err(regex::Error::CompiledTooBig(_)) => {
            unfit("the regular expression becomes too large", "use smaller repetitions")
        }
        Err(error) => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            unfit(format!("the regular expression cannot be read: {last}"), "")
        }
    }
}

/// Longest regular expression; a hundred times what people write.
const REGEX_LENGTH_LIMIT: usize = 4096;
