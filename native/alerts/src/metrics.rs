//! Self-metrics: the sample type, and the counters of this room.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::wire::peregrine::alerts::v1 as wire;

/// One sample of a self-metric, named as Prometheus does.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Name, `peregrined_…`.
    pub name: Cow<'static, str>,
    /// What it counts, one sentence.
    pub help: Cow<'static, str>,
    /// Counter or gauge.
    pub kind: MetricKind,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// The value now.
    pub value: f64,
}

/// Kind of a self-metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

impl Metric {
    /// A counter without labels.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self {
            name: name.into(),
            help: help.into(),
            kind: MetricKind::Counter,
            labels: Vec::new(),
            value: value as f64,
        }
    }

    /// A gauge without labels.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str, value: u64) -> Self {
        Self { kind: MetricKind::Gauge, ..Self::counter(name, help, value) }
    }

    /// The same sample with one label more.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn to_wire(&self) -> wire::Metric {
        wire::Metric {
            name: self.name.to_string(),
            help: self.help.to_string(),
            r#type: match self.kind {
                MetricKind::Counter => wire::metric::Type::Counter,
                MetricKind::Gauge => wire::metric::Type::Gauge,
            } as i32,
            labels: self.labels.iter().cloned().collect(),
            value: self.value,
        }
    }
}

/// A counter that threads share.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        // Counters order nothing: a reader may see them a moment apart.
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What this room counts. published = committed or in memory only + waiting + dropped.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub published: Counter,
    pub internal: Counter,
    pub refused_stopping: Counter,
    pub commits: Counter,
    pub committed_alerts: Counter,
    pub write_errors: Counter,
    pub unsaved_dropped: Counter,
    pub file_bytes: Counter,
    pub rows: Counter,
    pub oldest: Counter,
    pub gap_notices: Counter,
    pub delivered: Counter,
}

impl Counters {
    pub fn samples(&self) -> Vec<Metric> {
        let Self { published, internal, commits, committed_alerts, .. } = self;
        vec![
            Metric::counter(
                "peregrined_alerts_published_total",
                "Alerts taken in from the matching side, internal notices included.",
                published.get(),
            ),
            Metric::counter(
                "peregrined_alerts_internal_total",
                "Internal notices among them, which are no detections.",
                internal.get(),
            ),
            Metric::counter(
                "peregrined_alerts_refused_total",
                "Alerts that came after the service began to stop.",
                self.refused_stopping.get(),
            ),
            Metric::counter(
                "peregrined_alerts_delivered_total",
                "Alerts handed to subscribers, each subscriber counted.",
                self.delivered.get(),
            ),
            Metric::counter(
                "peregrined_gap_notices_total",
                "Notices of missing alerts sent to subscribers.",
                self.gap_notices.get(),
            ),
            Metric::counter(
                "peregrined_journal_commits_total",
                "Durable commits of the journal.",
                commits.get(),
            ),
            Metric::counter(
                "peregrined_journal_alerts_total",
                "Alerts committed to the journal.",
                committed_alerts.get(),
            ),
            Metric::counter(
                "peregrined_journal_write_errors_total",
                "Commits that failed; the alerts were served from memory and tried again.",
                self.write_errors.get(),
            ),
            Metric::counter(
                "peregrined_journal_unsaved_dropped_total",
                "Alerts that left memory before the journal could be written.",
                self.unsaved_dropped.get(),
            ),
            Metric::gauge(
                "peregrined_journal_file_bytes",
                "Size of the journal's file.",
                self.file_bytes.get(),
            ),
            Metric::gauge(
                "peregrined_journal_alerts",
                "Alerts that the journal keeps.",
                self.rows.get(),
            ),
            Metric::gauge(
                "peregrined_journal_oldest_sequence",
                "Oldest alert sequence kept; 0 if none is.",
                self.oldest.get(),
            ),
        ]
    }
}
