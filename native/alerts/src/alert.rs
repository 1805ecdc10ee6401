//! An alert as the matching side hands it over.

use std::str::FromStr;
use std::sync::Arc;

/// The source name of notices that are no detections.
pub const INTERNAL_SOURCE: &str = "internal";

/// A match with its text and fields, not yet numbered.
///
/// `message` is the rendered output without the prefix of time and priority.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Time of the event, nanoseconds since the epoch.
    pub time_ns: u64,
    /// Priority of the rule.
    pub priority: Priority,
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Event source of the rule: `syscall`, or `internal` for notices that are no detections.
    pub source: Arc<str>,
    /// The rendered output, without prefix.
    pub message: String,
    /// The fields of the output; a name that comes twice counts once, with its last value.
    pub fields: Vec<(Arc<str>, FieldValue)>,
    /// Tags of the rule.
    pub tags: Arc<[Arc<str>]>,
}

/// The value of a field of an output.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// The event has no such value.
    Null,
    /// Text.
    Text(String),
    /// A signed number.
    I64(i64),
    /// An unsigned number.
    U64(u64),
    /// A truth value.
    Bool(bool),
    /// A floating-point number.
    F64(f64),
    /// A number that is shown to people as another text, such as a time.
    Formatted {
        /// For structured outputs.
        number: u64,
        /// For texts.
        text: String,
    },
    /// Several values.
    List(Vec<FieldValue>),
}

/// Priority of a rule; the numbers are syslog's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// System is unusable.
    Emergency = 0,
    /// Act at once.
    Alert = 1,
    /// Critical condition.
    Critical = 2,
    /// Error condition.
    Error = 3,
    /// Warning condition.
    Warning = 4,
    /// Normal but significant.
    Notice = 5,
    /// Information.
    Informational = 6,
    /// For debugging.
    Debug = 7,
}

impl Priority {
    /// All priorities, gravest first.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// The long name as it stands in lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Emergency => "Emergency",
            Self::Alert => "Alert",
            Self::Critical => "Critical",
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Notice => "Notice",
            Self::Informational => "Informational",
            Self::Debug => "Debug",
        }
    }
}

/// A priority name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown priority {given:?}: write one of emergency, alert, critical, error, warning, notice, \
     informational, debug"
)]
pub struct UnknownPriority {
    /// What was given.
    pub given: String,
}

impl FromStr for Priority {
    type Err = UnknownPriority;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("info") {
            return Ok(Self::Informational);
        }
        Self::ALL
            .into_iter()
            .find(|priority| priority.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownPriority { given: text.to_owned() })
    }
}

impl Alert {
    /// A notice of the daemon itself, which is no detection. `rule` begins with
    /// `Peregrine internal:`; `time_ns` is in nanoseconds since the epoch.
    #[must_use]
    pub fn notice(
        rule: &str,
        priority: Priority,
        time_ns: u64,
        message: &str,
        fields: Vec<(Arc<str>, FieldValue)>,
    ) -> Self {
        Self {
            time_ns,
            priority,
            rule: rule.into(),
            source: INTERNAL_SOURCE.into(),
            message: format!("{rule}. {message}"),
            fields,
            tags: Arc::new([]),
        }
    }

    /// True for a notice that is no detection.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        &*self.source == INTERNAL_SOURCE
    }

    /// About how much memory the alert takes, for the bounds of queues.
    pub(crate) fn weight(&self) -> usize {
        const FIXED: usize = 256;
        let fields: usize = self.fields.iter().map(|(_, value)| 48 + value.weight()).sum();
        FIXED + self.message.len() + fields
    }

    /// Cuts texts so that no alert outgrows what clients take in one message (4 MiB by default).
    pub(crate) fn bound(&mut self) {
        cut(&mut self.message, TEXT_LIMIT);
        self.fields.truncate(FIELDS_CAPACITY);
        let mut left = FIELDS_LIMIT;
        for (_, value) in &mut self.fields {
            value.bound(left.min(TEXT_LIMIT));
            left = left.saturating_sub(value.weight());
        }
    }
}

/// Largest text of a message or a field in bytes: argument lists may have 6 MiB.
const TEXT_LIMIT: usize = 64 << 10;
/// Largest sum of field texts of an alert in bytes.
const FIELDS_LIMIT: usize = 256 << 10;
/// Largest number of fields; a rule's output names a few dozen.
const FIELDS_CAPACITY: usize = 1024;

impl FieldValue {
    fn weight(&self) -> usize {
        match self {
            Self::Text(text) | Self::Formatted { text, .. } => text.len(),
            Self::List(values) => values.iter().map(|value| 16 + value.weight()).sum(),
            Self::Null | Self::I64(_) | Self::U64(_) | Self::Bool(_) | Self::F64(_) => 8,
        }
    }

    fn bound(&mut self, limit: usize) {
        match self {
            Self::Text(text) | Self::Formatted { text, .. } => cut(text, limit),
            Self::List(values) => {
                let mut left = limit;
                values.retain_mut(|value| {
                    let room = left > 0;
                    value.bound(left);
                    left = left.saturating_sub(16 + value.weight());
                    room
                });
            }
            Self::Null | Self::I64(_) | Self::U64(_) | Self::Bool(_) | Self::F64(_) => {}
        }
    }
}

/// Cuts a text to about `limit` bytes, saying so at its end.
fn cut(text: &mut String, limit: usize) {
    if text.len() <= limit {
        return;
    }
    let whole = text.len();
    let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.truncate(end);
    text.push_str(&format!("…[cut from {whole} bytes]"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_parse_in_any_letter_case_and_know_info() {
        for priority in Priority::ALL {
            assert_eq!(priority.name().to_uppercase().parse(), Ok(priority));
        }
        assert_eq!("info".parse(), Ok(Priority::Informational));
        assert!("loud".parse::<Priority>().unwrap_err().to_string().contains("\"loud\""));
    }

    #[test]
    fn a_huge_alert_is_cut_to_what_clients_take() {
        let huge = "ä".repeat(3 << 20);
        let mut alert = Alert {
            time_ns: 0,
            priority: Priority::Notice,
            rule: "r".into(),
            source: "syscall".into(),
            message: huge.clone(),
            fields: vec![
                ("a".into(), FieldValue::Text(huge.clone())),
                ("b".into(), FieldValue::List(vec![FieldValue::Text(huge.clone()); 90])),
                ("c".into(), FieldValue::List(vec![FieldValue::Null; 1 << 20])),
            ],
            tags: [].into(),
        };
        alert.bound();
        assert!(alert.weight() < 1 << 20, "{}", alert.weight());
        assert!(alert.message.ends_with("ä…[cut from 6291456 bytes]"));
    }
}
