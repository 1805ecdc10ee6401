//! Segments and facts to messages and typed fields.

use std::sync::Arc;

use super::parse::prints_nothing;
use super::{BytesForm, OutputField, OutputFormat, Segment};
use crate::evaluate::Scratch;
use crate::facts::{Facts, Value};
use crate::fields::{FieldRef, FieldType, Trait};
use crate::value::to_base64;
use crate::values::Values;

/// What stands for a value that is not there.
const NOT_AVAILABLE: &str = "<NA>";

/// Longest text of a list or of bytes, as Falco cuts them.
const LIST_LIMIT: usize = 1023;

/// An output for one event.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderedOutput {
    /// The message without time and priority.
    pub message: String,
    /// The fields of the output by their texts, in alphabetical order.
    pub fields: Vec<(Arc<str>, OutputValue)>,
}

/// A field of an output with its type.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputValue {
    /// The event has no such value.
    Null,
    /// A text.
    Text(String),
    /// A signed number.
    I64(i64),
    /// An unsigned number.
    U64(u64),
    /// A boolean.
    Bool(bool),
    /// A fractional number.
    F64(f64),
    /// A number that has another text, such as a time.
    Formatted {
        /// The number.
        number: u64,
        /// The text.
        text: String,
    },
    /// A list.
    List(Vec<OutputValue>),
}

impl OutputValue {
    /// The value as text, for outputs that know nothing else.
    pub fn to_text(&self) -> String {
        match self {
            Self::Null => NOT_AVAILABLE.to_owned(),
            Self::Text(text) | Self::Formatted { text, .. } => text.clone(),
            Self::I64(number) => number.to_string(),
            Self::U64(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::F64(number) => format!("{number:.1}"),
            Self::List(elements) => {
                let elements: Vec<_> = elements.iter().map(Self::to_text).collect();
                format!("({})", elements.join(","))
            }
        }
    }
}

impl OutputFormat {
    /// Puts the values of an event into the output.
    pub fn render<F: Facts>(&self, facts: &F, scratch: &mut Scratch) -> RenderedOutput {
        scratch.arena.reset();
        let mut values = Values::once(facts, &self.table, &scratch.arena);
        let message = written(&self.segments, &mut values, self.bytes);
        let time = || facts.value(&self.time, &scratch.arena);
        let typed = |it: &OutputField| {
            (Arc::clone(&it.name), typed(values.get(it.value), &it.field, self.bytes, &time))
        };
        let mut fields: Vec<_> = self.fields.iter().map(typed).collect();
        for (name, segments) in &self.extra {
            let text = OutputValue::Text(written(segments, &mut values, self.bytes));
            match fields.binary_search_by(|(known, _)| known.cmp(name)) {
                Ok(place) => fields[place].1 = text,
                Err(place) => fields.insert(place, (Arc::clone(name), text)),
            }
        }
        RenderedOutput { message, fields }
    }
}

fn written<F: Facts>(segments: &[Segment], values: &mut Values<'_, F>, bytes: BytesForm) -> String {
    let mut message = String::new();
    for segment in segments {
        match segment {
            Segment::Text(text) => message.push_str(text),
            Segment::Value { value, field, width } => {
                let text = text(values.get(*value), field.as_ref(), bytes);
                push_in_width(&mut message, &text, *width);
            }
        }
    }
    message
}

/// Fills with blanks on the right, or cuts.
fn push_in_width(message: &mut String, text: &str, width: Option<usize>) {
    let Some(width) = width else {
        message.push_str(text);
        return;
    };
    let kept = crate::source::floor_boundary(text, width);
    message.push_str(&text[..kept]);
    message.extend(std::iter::repeat_n(' ', width - kept));
}

/// A value for people, who want to tell what is absent from what is not known yet.
pub(crate) fn shown(value: Value<'_>, field: &FieldRef) -> String {
    match value {
        Value::Unknown => "<not known yet>".to_owned(),
        Value::Absent => NOT_AVAILABLE.to_owned(),
        value => {
            let field = Some(field).filter(|field| !prints_nothing(field));
            text(value, field, BytesForm::Printable)
        }
    }
}

/// A value as the message shows it.
fn text(value: Value<'_>, field: Option<&FieldRef>, form: BytesForm) -> String {
    if field.is_some_and(prints_nothing) {
        return NOT_AVAILABLE.to_owned();
    }
    match value {
        Value::List(elements) if field.is_some_and(FieldRef::has_candidates) => {
            let known = elements.iter().filter(|it| **it != Value::Unknown);
            let parts: Vec<_> = known.map(|element| single(*element, field, form)).collect();
            if parts.is_empty() { NOT_AVAILABLE.to_owned() } else { parts.join(" ") }
        }
        Value::List(elements) => {
            let parts: Vec<_> =
                elements.iter().map(|element| single(*element, field, form)).collect();
            cut(format!("({})", parts.join(",")))
        }
        value => single(value, field, form),
    }
}

fn single(value: Value<'_>, field: Option<&FieldRef>, form: BytesForm) -> String {
    let is = |wanted: Trait| field.is_some_and(|field| field.id.row().is(wanted));
    match value {
        Value::Absent | Value::Unknown | Value::List(_) => NOT_AVAILABLE.to_owned(),
        Value::Str(bytes) if field.is_some_and(|it| it.field_type == FieldType::Bytes) => {
            match form {
                BytesForm::Printable => cut(bytes.iter().map(|byte| printable(*byte)).collect()),
                BytesForm::Base64 => to_base64(bytes).map(char::from).collect(),
            }
        }
        Value::Str(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::I64(number) if is(Trait::Hexadecimal) => format!("{number:X}"),
        Value::U64(number) if is(Trait::Hexadecimal) => format!("{number:X}"),
        Value::U64(number) if is(Trait::Padded) => format!("{number:09}"),
        Value::I64(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::F64(number) => format!("{number:.1}"),
        Value::Ip(address) => address.to_string(),
    }
}

fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' }
}

fn cut(mut text: String) -> String {
    text.truncate(crate::source::floor_boundary(&text, LIST_LIMIT));
    text
}

/// A value with its type.
fn typed<'a>(
    value: Value<'a>,
    field: &FieldRef,
    form: BytesForm,
    time: &dyn Fn() -> Value<'a>,
) -> OutputValue {
    let row = field.id.row();
    let shown = || text(value, Some(field), form);
    match value {
        _ if prints_nothing(field) => OutputValue::Null,
        Value::Absent | Value::Unknown => OutputValue::Null,
        Value::Str(_) if row.is(Trait::TimeText) => match time() {
            Value::U64(number) => OutputValue::Formatted { number, text: shown() },
            _ => OutputValue::Text(shown()),
        },
        Value::U64(number) if row.is(Trait::Padded) => {
            OutputValue::Formatted { number, text: shown() }
        }
        Value::I64(_) | Value::U64(_) if row.is(Trait::Hexadecimal) => OutputValue::Text(shown()),
        Value::I64(number) => OutputValue::I64(number),
        Value::U64(number) => OutputValue::U64(number),
        Value::Bool(value) => OutputValue::Bool(value),
        Value::F64(number) => OutputValue::F64(number),
        Value::Str(_) | Value::Ip(_) => OutputValue::Text(shown()),
        Value::List(elements) if field.has_candidates() => {
            let is_any = elements.iter().any(|it| *it != Value::Unknown);
            if is_any { OutputValue::Text(shown()) } else { OutputValue::Null }
        }
        Value::List(elements) => {
            let typed = |element: &Value<'a>| typed(*element, field, form, time);
            OutputValue::List(elements.iter().map(typed).collect())
        }
    }
}
