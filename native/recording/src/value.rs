//! Values of fields as JSON and back.

use std::net::IpAddr;

use bumpalo::Bump;
use peregrine_rules::Value;
use serde_json::{Value as Json, json};

/// Nothing for a value that is not there.
pub(crate) fn to_json(value: Value<'_>) -> Option<Json> {
    Some(match value {
        Value::Absent => return None,
        Value::Unknown => json!({ "unknown": true }),
        Value::Str(text) => match std::str::from_utf8(text) {
            Ok(text) => text.into(),
            Err(_) => json!({ "hex": hex(text) }),
        },
        Value::I64(number) => number.into(),
        Value::U64(number) => number.into(),
        Value::Bool(value) => value.into(),
        Value::F64(number) => json!({ "float": number }),
        Value::Ip(address) => json!({ "ip": address.to_string() }),
        Value::List(values) => values.iter().filter_map(|value| to_json(*value)).collect(),
    })
}

/// What cannot be read is not there.
pub(crate) fn from_json<'a>(json: &'a Json, arena: &'a Bump) -> Value<'a> {
    match json {
        Json::Null => Value::Absent,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => Value::U64(number),
            (_, Some(number), _) => Value::I64(number),
            (_, _, Some(number)) => Value::F64(number),
            _ => Value::Absent,
        },
        Json::String(text) => Value::Str(text.as_bytes()),
        Json::Array(values) => Value::List(
            arena.alloc_slice_fill_iter(values.iter().map(|value| from_json(value, arena))),
        ),
        Json::Object(tagged) => {
            let text = |key: &str| tagged.get(key).and_then(Json::as_str);
            if tagged.get("unknown") == Some(&Json::Bool(true)) {
                return Value::Unknown;
            }
            if let Some(number) = tagged.get("float").and_then(Json::as_f64) {
                return Value::F64(number);
            }
            if let Some(address) = text("ip").and_then(|text| text.parse::<IpAddr>().ok()) {
                return Value::Ip(address);
            }
            match text("hex").and_then(unhex) {
                Some(bytes) => Value::Str(arena.alloc_slice_copy(&bytes)),
                None => Value::Absent,
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        let arena = Bump::new();
        for value in [
            Value::Str(b"text"),
            Value::Str(b"\xff\x00"),
            Value::U64(u64::MAX),
            Value::I64(-1),
            Value::Bool(true),
            Value::F64(2.0),
            Value::Ip("2001:db8::1".parse().unwrap()),
            Value::Unknown,
            Value::List(&[Value::Str(b"a"), Value::U64(1)]),
        ] {
            let json = to_json(value).unwrap();
            assert_eq!(from_json(&json, &arena), value, "{json}");
        }
        assert_eq!(to_json(Value::Absent), None);
        assert_eq!(from_json(&json!({ "hex": "f" }), &arena), Value::Absent);
    }
}
