//! Text line and JSON line of an alert, as Falco's users parse them.
//!
//! A line never holds a control character, whatever the watched system put into a name: they
//! are escaped as JSON does, and so are the C1 and bidirectional controls, which would drive a
//! terminal or turn the text round. Pure: host name and time zone are given.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::alert::{Alert, FieldValue};

/// What lines look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineOptions {
    /// JSON lines hold the text with its time and priority.
    pub json_output: bool,
    /// JSON lines hold the text alone, too.
    pub json_message: bool,
    /// JSON lines hold the fields.
    pub json_fields: bool,
    /// JSON lines hold the tags.
    pub json_tags: bool,
    /// Times of texts are UTC in the form of ISO 8601, not local times of the day.
    pub iso_8601: bool,
}

impl Default for LineOptions {
    fn default() -> Self {
        Self {
            json_output: true,
            json_message: false,
            json_fields: true,
            json_tags: true,
            iso_8601: false,
        }
    }
}

/// What lines need besides the alert.
#[derive(Debug, Clone)]
pub struct LineStyle {
    /// Name of this host.
    pub hostname: String,
    /// Zone of the time in the prefix.
    pub zone: TimeZone,
    /// What lines look like.
    pub options: LineOptions,
}

impl LineStyle {
    /// The text line, without line feed.
    #[must_use]
    pub fn text(&self, alert: &Alert) -> String {
        let mut line = self.prefix(alert);
        line.push(' ');
        push_escaped(&mut line, &alert.message);
        if alert.is_internal() {
            push_notice_fields(&mut line, alert);
        }
        line
    }

    /// The JSON line, without line feed: compact, keys in alphabetical order.
    #[must_use]
    pub fn json(&self, alert: &Alert) -> String {
        let internal = alert.is_internal();
        // The switches are for alerts; notices are whole.
        let has = |switch: bool| internal || switch;
        let mut line = String::with_capacity(512 + 2 * alert.message.len());
        line.push_str("{\"hostname\":");
        push_json_text(&mut line, &self.hostname);
        if !internal && self.options.json_message {
            line.push_str(",\"message\":");
            push_json_text(&mut line, &alert.message);
        }
        if has(self.options.json_output) {
            line.push_str(",\"output\":\"");
            if !internal {
                line.push_str(&self.prefix(alert));
                line.push(' ');
            }
            push_escaped(&mut line, &alert.message);
            line.push('"');
        }
        if has(self.options.json_fields) {
            line.push_str(",\"output_fields\":{");
            self.push_fields(&mut line, alert);
            line.push('}');
        }
        line.push_str(",\"priority\":");
        push_json_text(&mut line, alert.priority.name());
        line.push_str(",\"rule\":");
        push_json_text(&mut line, &alert.rule);
        line.push_str(",\"source\":");
        push_json_text(&mut line, &alert.source);
        if !internal && self.options.json_tags {
            line.push_str(",\"tags\":[");
            push_separated(&mut line, &sorted_tags(alert), |line, tag| push_json_text(line, tag));
            line.push(']');
        }
        line.push_str(",\"time\":\"");
        line.push_str(&utc_time(alert.time_ns));
        line.push_str("\"}");
        line
    }

    fn prefix(&self, alert: &Alert) -> String {
        if self.options.iso_8601 {
            let time = timestamp(alert.time_ns).strftime("%Y-%m-%dT%H:%M:%S%.9f+0000");
            return format!("{time}: {}", alert.priority.name());
        }
        let time = timestamp(alert.time_ns).to_zoned_datetime(self.zone.clone());
        format!("{}: {}", time.strftime("%H:%M:%S%.9f"), alert.priority.name())
    }

    fn push_fields(&self, line: &mut String, alert: &Alert) {
        let mut fields = fields_by_name(alert);
        let time = FieldValue::U64(alert.time_ns);
        if !alert.is_internal() {
            let name = if self.options.iso_8601 { "evt.time.iso8601" } else { "evt.time" };
            fields.entry(name).or_insert(&time);
        }
        push_separated(line, fields.iter(), |line, (name, value)| {
            push_json_text(line, name);
            line.push(':');
            push_json_value(line, value);
        });
    }
}

/// The fields in alphabetical order, each name once.
pub(crate) fn fields_by_name(alert: &Alert) -> BTreeMap<&str, &FieldValue> {
    alert.fields.iter().map(|(name, value)| (&**name, value)).collect()
}

/// The tags in alphabetical order.
pub(crate) fn sorted_tags(alert: &Alert) -> Vec<&str> {
    let mut tags: Vec<&str> = alert.tags.iter().map(|tag| &**tag).collect();
    tags.sort_unstable();
    tags
}

/// A field's value as text: `<NA>` where there is none.
#[must_use]
pub fn field_text(value: &FieldValue) -> String {
    match value {
        FieldValue::Null => "<NA>".to_owned(),
        FieldValue::Text(text) | FieldValue::Formatted { text, .. } => text.clone(),
        FieldValue::I64(number) => number.to_string(),
        FieldValue::U64(number) => number.to_string(),
        FieldValue::Bool(truth) => truth.to_string(),
        FieldValue::F64(number) => format!("{number:.1}"),
        FieldValue::List(values) => {
            let texts: Vec<String> = values.iter().map(field_text).collect();
            format!("({})", texts.join(","))
        }
    }
}

/// `YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ`.
fn utc_time(time_ns: u64) -> String {
    timestamp(time_ns).strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

fn timestamp(time_ns: u64) -> Timestamp {
    // 64 bits of nanoseconds end in the year 2554, far inside what a timestamp holds.
    Timestamp::from_nanosecond(i128::from(time_ns)).unwrap_or(Timestamp::MAX)
}

fn push_notice_fields(line: &mut String, alert: &Alert) {
    let fields = fields_by_name(alert);
    if fields.is_empty() {
        return;
    }
    line.push_str(" (");
    let mut separator = "";
    for (name, value) in fields {
        line.push_str(separator);
        push_escaped(line, name);
        line.push('=');
        push_json_value(line, value);
        separator = " ";
    }
    line.push(')');
}

fn push_json_value(line: &mut String, value: &FieldValue) {
    match value {
        FieldValue::Null => line.push_str("null"),
        FieldValue::Text(text) => push_json_text(line, text),
        FieldValue::I64(number) => push_display(line, number),
        FieldValue::U64(number) | FieldValue::Formatted { number, .. } => {
            push_display(line, number);
        }
        FieldValue::Bool(truth) => push_display(line, truth),
        // JSON has no infinity and no NaN; `Debug` keeps a fraction or an exponent.
        FieldValue::F64(number) if number.is_finite() => push_display(line, format!("{number:?}")),
        FieldValue::F64(_) => line.push_str("null"),
        FieldValue::List(values) => {
            line.push('[');
            push_separated(line, values, push_json_value);
            line.push(']');
        }
    }
}

fn push_display(line: &mut String, value: impl std::fmt::Display) {
    write!(line, "{value}").expect("a String takes all");
}

fn push_separated<T>(
    line: &mut String,
    values: impl IntoIterator<Item = T>,
    push: impl Fn(&mut String, T),
) {
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        push(line, value);
    }
}

fn push_json_text(line: &mut String, text: &str) {
    line.push('"');
    push_escaped(line, text);
    line.push('"');
}

/// Appends `text` as the inside of a JSON string.
fn push_escaped(line: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            '\u{8}' => line.push_str("\\b"),
            '\u{c}' => line.push_str("\\f"),
            _ if steers(character) => {
                write!(line, "\\u{:04x}", u32::from(character)).expect("a String takes all");
            }
            _ => line.push(character),
        }
    }
}

/// Controls, line separators and characters that turn the direction of text.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
