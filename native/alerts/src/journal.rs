//! The journal as the room shares it: file, newest alerts in memory, and how far it is.
//!
//! ```text
//! writer ──append──► tail (memory) ──commit──► store (file)
//!                      │                          │
//!                      └────────── read ◄─────────┘  subscribers, each from its own position
//! ```
//!
//! Readers see alerts up to `newest`, which the writer moves after the commit. The tail serves
//! those who keep up; the file serves the rest on demand, so a subscriber that never reads costs
//! nothing. While the file cannot be written, alerts are served from the tail alone.
//!
//! Bounds: the tail has [`TAIL`]; a read has the caller's limit.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::line::LineStyle;
use crate::metrics::Counters;
use crate::queue::Capacity;
use crate::store::{Row, Store};

/// Newest alerts kept in memory, saved or not.
const TAIL: Capacity = Capacity { items: 8192, bytes: 16 << 20 };
/// How long readers wait for a file that is being reopened before they go on without it.
const STORE_PATIENCE: Duration = Duration::from_secs(5);
/// Missing numbers from here on are a jump that the writer made on purpose, not lost alerts.
pub(crate) const JUMP: u64 = 1 << 32;

/// How far the journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// Newest sequence that subscribers may see.
    pub newest: u64,
    /// Nothing comes any more: streams end when they have given `newest`.
    pub stopping: bool,
}

pub(crate) struct Journal {
    pub stream_id: String,
    pub style: LineStyle,
    pub json_output: bool,
    pub counters: Counters,
    progress: watch::Sender<Progress>,
    // Guards the tail alone; held for copies of reference-counted bytes, never over I/O.
    tail: Mutex<Tail>,
    // Guards the handle, not the file: readers clone it and read outside of the lock.
    store: Mutex<Handle>,
    /// What standard clients share: the last sequence handed to one of them.
    standard_position: AtomicU64,
}

#[derive(Default)]
struct Tail {
    rows: VecDeque<Row>,
    bytes: usize,
}

struct Handle {
    store: Option<Arc<Store>>,
    lost_at: Option<Instant>,
}

/// The answer to a read.
pub(crate) enum Read {
    Rows(Vec<Row>),
    /// The file is being reopened: ask again later.
    Later,
}

impl Journal {
    pub fn new(
        store: Option<Arc<Store>>,
        stream_id: String,
        (newest, standard_position): (u64, u64),
        style: LineStyle,
        json_output: bool,
    ) -> Self {
        let (progress, _) = watch::channel(Progress { newest, stopping: false });
        Self {
            stream_id,
            style,
            json_output,
            counters: Counters::default(),
            progress,
            tail: Mutex::default(),
            store: Mutex::new(Handle { store, lost_at: None }),
            standard_position: AtomicU64::new(standard_position),
        }
    }

    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Shows alerts up to `newest` to subscribers and wakes them.
    pub fn show(&self, newest: u64) {
        self.progress.send_modify(|progress| progress.newest = newest);
    }

    pub fn end(&self) {
        self.progress.send_modify(|progress| progress.stopping = true);
    }

    pub fn standard_position(&self) -> u64 {
        self.standard_position.load(Ordering::Acquire)
    }

    /// Moves the standard clients' position forward; it never goes back.
    pub fn advance_standard(&self, sequence: u64) {
        self.standard_position.fetch_max(sequence, Ordering::AcqRel);
    }

    /// The oldest alert that a subscriber can get; the next to come if there is none.
    pub fn oldest(&self) -> u64 {
        let newest = self.progress().newest;
        let in_memory = self.tail().rows.front().map(|(sequence, _)| *sequence);
        let in_file = Some(self.counters.oldest.get()).filter(|oldest| *oldest > 0);
        let oldest = in_memory.into_iter().chain(in_file).min();
        oldest.filter(|oldest| *oldest <= newest).unwrap_or(newest + 1)
    }

    /// Adds rows to the tail; gives how many of those from `unsaved` on had to leave.
    pub fn append(&self, rows: &[Row], unsaved: u64) -> u64 {
        let mut tail = self.tail();
        for row in rows {
            tail.bytes += row.1.len();
            tail.rows.push_back(row.clone());
        }
        let mut dropped = 0;
        while tail.rows.len() > TAIL.items || tail.bytes > TAIL.bytes {
            let Some((sequence, alert)) = tail.rows.pop_front() else { break };
            tail.bytes -= alert.len();
            dropped += u64::from(sequence >= unsaved);
        }
        dropped
    }

    /// The rows of the tail from `from` on.
    pub fn tail_from(&self, from: u64, limit: Capacity) -> Vec<Row> {
        self.tail().from(from, u64::MAX, limit)
    }

    pub fn store(&self) -> Option<Arc<Store>> {
        self.handle().store.clone()
    }

    pub fn set_store(&self, store: Arc<Store>) {
        *self.handle() = Handle { store: Some(store), lost_at: None };
    }

    /// Gives a store up that has failed, unless it was replaced already.
    pub fn lose_store(&self, failed: &Arc<Store>) {
        let mut handle = self.handle();
        if handle.store.as_ref().is_none_or(|store| !Arc::ptr_eq(store, failed)) {
            return;
        }
        handle.store = None;
        handle.lost_at.get_or_insert_with(Instant::now);
    }

    /// Visible alerts from `from` on. Reads the file only for those that are behind the tail,
    /// and then blocks for the disk.
    pub fn read(&self, from: u64, limit: Capacity) -> Read {
        let newest = self.progress().newest;
        if let Some(rows) = self.read_tail(from, newest, limit) {
            return Read::Rows(rows);
        }
        let Some(store) = self.store() else {
            return self.read_without_store(from, newest, limit);
        };
        match store.read(from, newest, limit.items, limit.bytes) {
            // Behind the file's last row there may be some that only memory has.
            Ok(rows) if rows.is_empty() => Read::Rows(self.tail().from(from, newest, limit)),
            Ok(rows) => Read::Rows(rows),
            Err(error) => {
                tracing::debug!(error = %error, "journal read failed");
                self.lose_store(&store);
                Read::Later
            }
        }
    }

    /// True if a read from `from` on needs no disk.
    pub fn is_in_memory(&self, from: u64) -> bool {
        from > self.progress().newest || self.tail().has(from)
    }

    fn read_tail(&self, from: u64, newest: u64, limit: Capacity) -> Option<Vec<Row>> {
        if from > newest {
            return Some(Vec::new());
        }
        let tail = self.tail();
        tail.has(from).then(|| tail.from(from, newest, limit))
    }

    fn read_without_store(&self, from: u64, newest: u64, limit: Capacity) -> Read {
        let patient = self.handle().lost_at.is_some_and(|at| at.elapsed() < STORE_PATIENCE);
        if patient { Read::Later } else { Read::Rows(self.tail().from(from, newest, limit)) }
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self) -> MutexGuard<'_, Handle> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    fn has(&self, from: u64) -> bool {
        self.rows.front().is_some_and(|(first, _)| *first <= from)
    }

    fn from(&self, from: u64, newest: u64, limit: Capacity) -> Vec<Row> {
        let start = self.rows.partition_point(|(sequence, _)| *sequence < from);
        let mut size = 0;
        self.rows
            .range(start..)
            .take_while(|(sequence, _)| *sequence <= newest)
            .take(limit.items)
            .take_while(|(_, alert)| {
                let room = size < limit.bytes;
                size += alert.len();
                room
            })
            .cloned()
            .collect()
    }
}
