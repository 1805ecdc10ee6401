//! What a comparison looks at: a field, or what transformers make of fields and constants.

use bumpalo::Bump;

use crate::facts::Value;

/// A value of a plan, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ValueId(pub u32);

/// How a value comes about. Equal ones are made once per event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ValueSource {
    /// A field of the plan, by number.
    Field(u32),
    Constant(Box<[u8]>),
    /// A list of other values.
    List(Box<[ValueId]>),
    Lower(ValueId),
    Upper(ValueId),
    Base64(ValueId),
    Basename(ValueId),
    /// Of a text or a list.
    Length(ValueId),
    /// Of bytes, in which a NUL is a byte like any other.
    ByteLength(ValueId),
    /// A separator and a list.
    Join(ValueId, ValueId),
    Concat(Box<[ValueId]>),
    /// Arguments, known options, and the option that is asked for.
    Getopt(ValueId, ValueId, Option<u8>),
}

impl ValueSource {
    /// The values that it is made of, which have smaller numbers.
    pub fn for_each_part(&self, mut take: impl FnMut(ValueId)) {
        match self {
            Self::Field(_) | Self::Constant(_) => {}
            Self::List(parts) | Self::Concat(parts) => parts.iter().copied().for_each(take),
            Self::Lower(part)
            | Self::Upper(part)
            | Self::Base64(part)
            | Self::Basename(part)
            | Self::Length(part)
            | Self::ByteLength(part) => take(*part),
            Self::Join(left, right) | Self::Getopt(left, right, _) => {
                take(*left);
                take(*right);
            }
        }
    }
}

/// Applies a step that makes texts out of texts, to each element of a list.
pub(crate) fn each_text<'a>(
    value: Value<'a>,
    arena: &'a Bump,
    step: impl Fn(&'a [u8]) -> Option<&'a [u8]>,
) -> Value<'a> {
    let one = |value: Value<'a>| match value {
        Value::Str(text) => step(text).map_or(Value::Absent, Value::Str),
        Value::Unknown => Value::Unknown,
        _ => Value::Absent,
    };
    match value {
        Value::List(elements) => {
            Value::List(arena.alloc_slice_fill_iter(elements.iter().map(|element| one(*element))))
        }
        value => one(value),
    }
}

pub(crate) fn lower<'a>(text: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    if !text.iter().any(u8::is_ascii_uppercase) {
        return text;
    }
    let copy = arena.alloc_slice_copy(text);
    copy.make_ascii_lowercase();
    copy
}

pub(crate) fn upper<'a>(text: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    if !text.iter().any(u8::is_ascii_lowercase) {
        return text;
    }
    let copy = arena.alloc_slice_copy(text);
    copy.make_ascii_uppercase();
    copy
}

pub(crate) fn basename(text: &[u8]) -> &[u8] {
    memchr::memrchr(b'/', text).map_or(text, |slash| &text[slash + 1..])
}

/// Decodes base64 with or without padding; nothing if it is none.
pub(crate) fn base64<'a>(text: &[u8], arena: &'a Bump) -> Option<&'a [u8]> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let digits = &text[..end];
    if digits.len() % 4 == 1 || text.len() - end > 2 {
        return None;
    }
    let mut bytes = bumpalo::collections::Vec::with_capacity_in(digits.len() * 3 / 4 + 3, arena);
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for digit in group {
            bits = bits << 6 | base64_digit(*digit)?;
        }
        bits <<= 6 * (4 - group.len());
        let [_, decoded @ ..] = bits.to_be_bytes();
        bytes.extend_from_slice_copy(&decoded[..group.len() * 6 / 8]);
    }
    Some(bytes.into_bump_slice())
}

/// Writes base64 with padding.
pub(crate) fn to_base64(bytes: &[u8]) -> impl Iterator<Item = u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes.chunks(3).flat_map(|group| {
        let mut whole = [0; 4];
        whole[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(whole);
        let n_digits = group.len() + 1;
        (0..4).map(move |at| match at < n_digits {
            true => DIGITS[(bits >> (18 - 6 * at)) as usize & 63],
            false => b'=',
        })
    })
}

fn base64_digit(digit: u8) -> Option<u32> {
    Some(
        match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        }
        .into(),
    )
}

/// Bytes of a text up to its first NUL, or elements of a list.
pub(crate) fn length(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Str(text) => Value::U64(memchr::memchr(0, text).unwrap_or(text.len()) as u64),
        Value::List(elements) => Value::U64(elements.len() as u64),
        Value::Unknown => Value::Unknown,
        _ => Value::Absent,
    }
}

/// All bytes there are.
pub(crate) fn byte_length(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Str(bytes) => Value::U64(bytes.len() as u64),
        Value::Unknown => Value::Unknown,
        _ => Value::Absent,
    }
}

/// Joins the elements of a list.
pub(crate) fn join<'a>(separator: Value<'a>, list: Value<'a>, arena: &'a Bump) -> Value<'a> {
    let (separator, elements) = match (separator, list) {
        (Value::Unknown, _) | (_, Value::Unknown) => return Value::Unknown,
        (Value::Str(separator), Value::List(elements)) => (separator, elements),
        _ => return Value::Absent,
    };
    joined(elements, separator, arena)
}

/// Puts texts one behind the other.
pub(crate) fn joined<'a>(elements: &[Value<'a>], separator: &[u8], arena: &'a Bump) -> Value<'a> {
    let mut text = bumpalo::collections::Vec::new_in(arena);
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            text.extend_from_slice_copy(separator);
        }
        match element {
            Value::Str(part) => text.extend_from_slice_copy(part),
            Value::Unknown => return Value::Unknown,
            _ => return Value::Absent,
        }
    }
    Value::Str(text.into_bump_slice())
}

/// Options of an argument list as `getopt(3)` reads them; long options are skipped.
///
/// With an option: its last value, its letter if it takes none, empty if its value is missing,
/// absent if it is not there. Without: all option letters and values, `?` for unknown letters.
pub(crate) fn getopt<'a>(
    arguments: Value<'a>,
    known: Value<'a>,
    wanted: Option<u8>,
    arena: &'a Bump,
) -> Value<'a> {
    let (arguments, known) = match (arguments, known) {
        (Value::Unknown, _) | (_, Value::Unknown) => return Value::Unknown,
        (Value::List(arguments), Value::Str(known)) => (arguments, known),
        _ => return Value::Absent,
    };
    let mut all = bumpalo::collections::Vec::new_in(arena);
    let mut last = Value::Absent;
    let mut rest = arguments.iter();
    while let Some(Value::Str(argument)) = rest.next() {
        let [b'-', letters @ ..] = *argument else { break };
        if letters.is_empty() || letters == b"-" {
            break;
        }
        if letters.starts_with(b"-") {
            continue;
        }
        for at in 0..letters.len() {
            let letter = &letters[at..=at];
            let place = known.iter().position(|byte| *byte == letter[0] && *byte != b':');
            let Some(place) = place else {
                all.push(Value::Str(b"?"));
                continue;
            };
            all.push(Value::Str(letter));
            let takes_value = known.get(place + 1) == Some(&b':');
            let value = match (takes_value, at + 1 < letters.len()) {
                (false, _) => letter,
                (true, true) => &letters[at + 1..],
                (true, false) => rest.next().and_then(|next| next.text()).unwrap_or_default(),
            };
            if takes_value {
                all.push(Value::Str(value));
            }
            if wanted == Some(letter[0]) {
                last = Value::Str(value);
            }
            if takes_value {
                break;
            }
        }
    }
    if wanted.is_some() { last } else { Value::List(all.into_bump_slice()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_with_and_without_padding() {
        let arena = Bump::new();
        let cases: [(&str, Option<&str>); 8] = [
            ("Y3VybA==", Some("curl")),
            ("Y3VybA", Some("curl")),
            ("YmFzaA==", Some("bash")),
            ("c2g=", Some("sh")),
            ("", Some("")),
            ("YWJj", Some("abc")),
            ("Y", None),
            ("Y3!ybA==", None),
        ];
        for (text, expected) in cases {
            let found = base64(text.as_bytes(), &arena);
            assert_eq!(found, expected.map(str::as_bytes), "{text}");
        }
    }

    #[test]
    fn options_are_found_as_getopt_does() {
        let arena = Bump::new();
        let list = |words: &str| -> Vec<Vec<u8>> {
            words.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
        };
        let cases = [
            ("-a -b 1", "ab:", Some(b'b'), Value::Str(b"1")),
            ("-ab1", "ab:", Some(b'b'), Value::Str(b"1")),
            ("-a", "ab:", Some(b'a'), Value::Str(b"a")),
            ("-b", "ab:", Some(b'b'), Value::Str(b"")),
            ("-a x -b 1", "ab:", Some(b'b'), Value::Absent),
            ("-a -- -b 1", "ab:", Some(b'b'), Value::Absent),
            ("--long -b 1 -b 2", "ab:", Some(b'b'), Value::Str(b"2")),
        ];
        for (words, known, wanted, expected) in cases {
            let words = list(words);
            let values: Vec<_> = words.iter().map(|word| Value::Str(word)).collect();
            let found = getopt(Value::List(&values), Value::Str(known.as_bytes()), wanted, &arena);
            assert_eq!(found, expected, "{words:?}");
        }
    }
}
