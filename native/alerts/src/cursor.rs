//! A subscriber's way through the journal: alerts in order, and a notice where some are missing.
//!
//! The cursor holds a number, not alerts: how far a subscriber lags costs no memory. Whatever is
//! missing between that number and the next alert to be had becomes one gap notice.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;

use crate::encode::{Gap, GapReason, gap_notice, position};
use crate::journal::{JUMP, Journal, Read};
use crate::queue::Capacity;
use crate::store::{Row, now_ns};
use crate::wire::falco::outputs::{AlertPosition, Response};

/// Where a subscriber begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// With the oldest alert that the journal still has.
    Oldest,
    /// Behind the position that standard clients share.
    Standard,
    /// Behind a position that the subscriber remembers.
    After(AlertPosition),
}

pub(crate) struct Cursor {
    journal: Arc<Journal>,
    /// Next sequence to give.
    next: u64,
    /// A notice that must come before all else.
    opening: Option<Gap>,
    /// Something was read: what goes missing from now on, this subscriber was too slow for.
    has_read: bool,
}

/// How long to wait for a journal that is being opened again.
const LATER: Duration = Duration::from_millis(200);

impl Cursor {
    pub fn new(journal: Arc<Journal>, start: &Start) -> Self {
        let (next, opening) = begin(&journal, start);
        Self { journal, next, opening, has_read: false }
    }

    /// True if all that is visible has been given.
    pub fn is_at_end(&self) -> bool {
        self.opening.is_none() && self.next > self.journal.progress().newest
    }

    /// True if all up to `sequence` has been given.
    pub fn is_behind(&self, sequence: u64) -> bool {
        self.opening.is_none() && self.next > sequence
    }

    /// The next alerts, with notices where some are missing; none if there are none now.
    pub async fn read(&mut self, limit: Capacity) -> Vec<Response> {
        // Before the rows: what becomes visible after an empty read is not missing, it is next.
        let newest = self.journal.progress().newest;
        let rows = self.rows(limit).await;
        let mut messages = Vec::with_capacity(rows.len() + 1);
        self.open(rows.first(), &mut messages);
        if rows.is_empty() {
            self.skip_to(newest + 1, &mut messages);
        }
        for row in rows {
            self.skip_to(row.0, &mut messages);
            messages.extend(self.message(&row));
            self.next = row.0 + 1;
        }
        self.has_read = true;
        messages
    }

    async fn rows(&self, limit: Capacity) -> Vec<Row> {
        loop {
            let read = if self.journal.is_in_memory(self.next) {
                self.journal.read(self.next, limit)
            } else {
                self.read_from_disk(limit).await
            };
            match read {
                Read::Rows(rows) => return rows,
                Read::Later => tokio::time::sleep(LATER).await,
            }
        }
    }

    async fn read_from_disk(&self, limit: Capacity) -> Read {
        let (journal, next) = (self.journal.clone(), self.next);
        let read = tokio::task::spawn_blocking(move || journal.read(next, limit));
        // Fails only when the runtime is going down, and this stream with it.
        read.await.unwrap_or(Read::Later)
    }

    /// Gives the opening notice, unless the journal itself begins with it.
    fn open(&mut self, first: Option<&Row>, messages: &mut Vec<Response>) {
        let Some(gap) = self.opening.take() else { return };
        let told = first.and_then(|row| self.message(row)).is_some_and(|first| first.gap.is_some());
        if !told {
            messages.push(self.notice(gap, self.next.saturating_sub(1)));
        }
    }

    /// Moves to `sequence`, with a notice if that leaves alerts out.
    fn skip_to(&mut self, sequence: u64, messages: &mut Vec<Response>) {
        if sequence <= self.next {
            return;
        }
        let (first, last) = (self.next, sequence - 1);
        let gap = if last - first >= JUMP / 2 {
            Gap::JOURNAL_LOST
        } else {
            let slow = self.has_read;
            let reason = if slow { GapReason::SlowSubscriber } else { GapReason::Retention };
            Gap { first, last, reason }
        };
        messages.push(self.notice(gap, last));
        self.next = sequence;
    }

    fn notice(&self, gap: Gap, at: u64) -> Response {
        let journal = &self.journal;
        journal.counters.gap_notices.add(1);
        let mut notice = gap_notice(gap, now_ns(), &journal.style, journal.json_output);
        notice.position = Some(position(&journal.stream_id, at));
        notice
    }

    fn message(&self, (sequence, bytes): &Row) -> Option<Response> {
        // The store has verified its pages, so a row that does not decode is a fault of ours.
        let mut message = Response::decode(bytes.clone())
            .inspect_err(|error| tracing::error!(error = %error, "journal row does not decode"))
            .ok()?;
        message.position = Some(position(&self.journal.stream_id, *sequence));
        Some(message)
    }
}

fn begin(journal: &Journal, start: &Start) -> (u64, Option<Gap>) {
    match start {
        Start::Oldest => (journal.oldest(), None),
        Start::Standard => match journal.standard_position() {
            0 => (journal.oldest(), None),
            position => (position + 1, None),
        },
        Start::After(after) => {
            let known =
                after.stream_id == journal.stream_id && after.sequence <= journal.progress().newest;
            if known {
                (after.sequence + 1, None)
            } else {
                (journal.oldest(), Some(Gap::JOURNAL_LOST))
            }
        }
    }
}
