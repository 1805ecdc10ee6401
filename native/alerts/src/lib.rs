#![forbid(unsafe_code)]
//! Alerts: from a match to every subscriber, in sequence, durable, and never in the way.
//!
//! ```text
//! publish ─► queue ─► writer ─► journal (file + tail in memory) ─► gRPC streams
//!                       └─────► sinks (stdout, file, http), each with a queue of its own
//! ```
//!
//! An alert gets its sequence and is committed before anybody sees it. Each subscriber pulls from
//! the journal by a position of its own, so one that never reads costs nothing and delays nobody.
//! What a subscriber cannot get any more is announced as a gap, in the stream, with its size.
//!
//! **Invariant:** nothing here evaluates a rule or asks the kernel about a process.
//! **Invariant:** a sequence that was shown names one alert for ever, across crashes.
//! **Invariant:** every queue is bounded: the publisher waits, sinks drop and count, streams wait
//! for their reader. If the disk is full, alerts are served from memory and saved later.

mod alert;
mod config;
mod cursor;
mod encode;
mod error;
mod http;
mod journal;
mod life;
mod line;
mod metrics;
mod queue;
mod serve;
mod service;
mod sink;
mod store;
mod syslog;
pub mod wire;
mod writer;

pub use alert::{Alert, FieldValue, INTERNAL_SOURCE, Priority, UnknownPriority};
pub use config::{FileConfig, JournalConfig, ServiceConfig, TcpConfig};
pub use encode::GAP_RULE;
pub use error::Error;
pub use http::HttpConfig;
pub use line::{LineOptions, LineStyle, field_text};
pub use metrics::{Metric, MetricKind};
pub use service::{AlertService, Prepared, Publisher};
pub use sink::Format;
