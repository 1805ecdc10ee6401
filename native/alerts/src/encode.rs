//! Alerts and gap notices as wire messages.

use std::collections::BTreeMap;

use prost_types::Timestamp;

use crate::alert::{Alert, FieldValue, INTERNAL_SOURCE, Priority};
use crate::line::{LineStyle, field_text, fields_by_name, sorted_tags};
use crate::wire::falco::outputs::{AlertGap, AlertPosition, Response};
use crate::wire::falco::schema::Source;

/// Rule name of the notice that alerts are missing.
pub const GAP_RULE: &str = "Peregrine internal: alerts missed";

/// Why alerts are missing from a subscriber's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GapReason {
    /// The journal's limits overran before the subscriber came.
    Retention,
    /// The journal's limits overran while the subscriber was connected.
    SlowSubscriber,
    /// The journal was unreadable or is of another life.
    JournalLost,
}

impl GapReason {
    pub fn name(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::SlowSubscriber => "slow_subscriber",
            Self::JournalLost => "journal_lost",
        }
    }
}

/// A run of missing alerts; 0 to 0 if it is not known how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub first: u64,
    pub last: u64,
    pub reason: GapReason,
}

impl Gap {
    pub const JOURNAL_LOST: Self = Self { first: 0, last: 0, reason: GapReason::JournalLost };
}

#[allow(deprecated, reason = "standard clients of old still read `source_deprecated`")]
/// The wire form of an alert, without position; `output` is the line given.
pub(crate) fn response(alert: &Alert, hostname: &str, output: String) -> Response {
    Response {
        time: Some(wire_time(alert.time_ns)),
        priority: alert.priority as i32,
        source_deprecated: deprecated_source(&alert.source) as i32,
        rule: alert.rule.to_string(),
        output,
        output_fields: wire_fields(alert),
        hostname: hostname.to_owned(),
        tags: sorted_tags(alert).into_iter().map(str::to_owned).collect(),
        source: alert.source.to_string(),
        position: None,
        gap: None,
    }
}

/// The notice that stands in the stream where the alerts of `gap` are missing.
pub(crate) fn gap_notice(gap: Gap, time_ns: u64, style: &LineStyle, json_output: bool) -> Response {
    let alert = gap_alert(gap, time_ns);
    let line = if json_output { style.json(&alert) } else { style.text(&alert) };
    let mut notice = response(&alert, &style.hostname, line);
    notice.gap = Some(AlertGap {
        first_sequence: gap.first,
        last_sequence: gap.last,
        reason: gap.reason.name().to_owned(),
    });
    notice
}

pub(crate) fn position(stream_id: &str, sequence: u64) -> AlertPosition {
    AlertPosition { stream_id: stream_id.to_owned(), sequence }
}

fn gap_alert(gap: Gap, time_ns: u64) -> Alert {
    let message = match gap.reason {
        GapReason::JournalLost => format!(
            "{GAP_RULE}. The journal of alerts was lost; how many are missing is not known."
        ),
        GapReason::Retention | GapReason::SlowSubscriber => {
            format!("{GAP_RULE}. {} alerts left the journal unread.", gap.last - gap.first + 1)
        }
    };
    Alert {
        time_ns,
        priority: Priority::Warning,
        rule: GAP_RULE.into(),
        source: INTERNAL_SOURCE.into(),
        message,
        fields: vec![
            ("first_sequence".into(), FieldValue::U64(gap.first)),
            ("last_sequence".into(), FieldValue::U64(gap.last)),
            ("reason".into(), FieldValue::Text(gap.reason.name().to_owned())),
        ],
        tags: [].into(),
    }
}

fn wire_fields(alert: &Alert) -> BTreeMap<String, String> {
    fields_by_name(alert)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), field_text(value)))
        .collect()
}

fn wire_time(time_ns: u64) -> Timestamp {
    const SECOND: u64 = 1_000_000_000;
    Timestamp {
        seconds: i64::try_from(time_ns / SECOND).expect("2^64 ns are fewer than 2^63 s"),
        nanos: i32::try_from(time_ns % SECOND).expect("a remainder of 10^9 fits"),
    }
}

fn deprecated_source(source: &str) -> Source {
    match source {
        "syscall" => Source::Syscall,
        "k8s_audit" => Source::K8sAudit,
        INTERNAL_SOURCE => Source::Internal,
        _ => Source::Plugin,
    }
}
