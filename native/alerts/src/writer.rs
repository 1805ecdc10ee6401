//! The journal's thread: numbers alerts, commits them in groups, then wakes everybody.
//!
//! ```text
//! queue ─► number, render ─► tail ─► commit ─► show to subscribers ─► sinks
//! ```
//!
//! An alert that comes alone is committed at once; under load a group gathers for up to the
//! commit interval. When a commit fails the alerts are shown all the same and stay *unsaved* in
//! the tail; the file is opened again and they are tried again, once a second.
//!
//! A number that was shown must never name another alert, even if it was not saved. So a marker
//! file says that all that was shown was saved; it goes before the first unsaved alert is shown,
//! and a start that finds it missing leaves [`JUMP`] numbers out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message as _;

use crate::alert::Alert;
use crate::encode::response;
use crate::journal::Journal;
use crate::queue::{Capacity, Queue};
use crate::sink::{Line, Sinks};
use crate::store::{Extent, Identity, Retention, Row, Store};
use crate::wire::falco::outputs::Response;

/// How soon a moved standard position is saved when no alert comes along.
const POSITION_DELAY: Duration = Duration::from_millis(100);
/// How often a failed journal is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// How often the age limit is looked at when no alert comes.
const AGE_DELAY: Duration = Duration::from_secs(60);

pub(crate) struct Writer {
    pub journal: Arc<Journal>,
    pub queue: Arc<Queue<Alert>>,
    pub sinks: Sinks,
    pub store_path: Option<PathBuf>,
    pub retention: Retention,
    pub commit_interval: Duration,
    pub state: State,
}

pub(crate) struct State {
    /// Last sequence given.
    pub last_sequence: u64,
    /// Last sequence saved or given up; those above wait in the tail.
    pub saved: u64,
    /// Standard position as saved.
    pub saved_position: u64,
    /// Commits fail; when to try again.
    pub retry_at: Option<Instant>,
    /// The marker stands: all that was shown was saved.
    pub marked: bool,
}

impl Writer {
    /// Runs until `queue` has ended and `finish` says that no subscriber is left.
    pub fn run(mut self, finish: &std::sync::mpsc::Receiver<()>) {
        let mut busy_until = None;
        let mut next_age_check = Instant::now() + AGE_DELAY;
        loop {
            let taken =
                self.queue.take(self.retention.group(), Some(self.deadline(next_age_check)));
            let ended = taken.ended;
            let mut group = taken.items;
            if let Some(until) = busy_until.filter(|_| !ended && !group.is_empty()) {
                self.gather(&mut group, until);
            }
            busy_until = (group.len() > 1).then(|| Instant::now() + self.commit_interval);
            let aged = Instant::now() >= next_age_check;
            if aged {
                next_age_check = Instant::now() + AGE_DELAY;
            }
            self.handle(group, aged);
            if ended {
                break;
            }
        }
        self.journal.end();
        // Subscribers may still move the standard position until they are gone; a closed
        // channel means the same.
        finish.recv().ok();
        self.state.retry_at = self.state.retry_at.map(|_| Instant::now());
        self.save_waiting(&[]);
    }

    fn deadline(&self, next_age_check: Instant) -> Instant {
        if let Some(retry_at) = self.state.retry_at {
            return retry_at;
        }
        let moved = self.journal.standard_position() != self.state.saved_position;
        if moved { Instant::now() + POSITION_DELAY } else { next_age_check }
    }

    /// Takes more until the interval is over or the group is full.
    fn gather(&self, group: &mut Vec<Alert>, until: Instant) {
        let capacity = self.retention.group();
        let mut bytes: usize = group.iter().map(Alert::weight).sum();
        while group.len() < capacity.items && bytes < capacity.bytes && Instant::now() < until {
            let room =
                Capacity { items: capacity.items - group.len(), bytes: capacity.bytes - bytes };
            let more = self.queue.take(room, Some(until));
            bytes += more.items.iter().map(Alert::weight).sum::<usize>();
            group.extend(more.items);
            if more.ended {
                return;
            }
        }
    }

    fn handle(&mut self, group: Vec<Alert>, aged: bool) {
        let mut rows = Vec::with_capacity(group.len());
        let mut lines = Vec::with_capacity(group.len());
        for alert in group {
            self.state.last_sequence += 1;
            let (message, line) = self.render(&alert);
            rows.push((self.state.last_sequence, Bytes::from(message.encode_to_vec())));
            lines.push(line);
        }
        let dropped = self.journal.append(&rows, self.state.saved + 1);
        self.journal.counters.unsaved_dropped.add(dropped);
        let moved = self.journal.standard_position() != self.state.saved_position;
        if !rows.is_empty() || moved || aged || self.state.retry_at.is_some() {
            self.save_waiting(&rows);
        }
        if self.journal.progress().newest != self.state.last_sequence {
            self.journal.show(self.state.last_sequence);
        }
        self.sinks.send(&lines);
    }

    fn render(&self, alert: &Alert) -> (Response, Line) {
        let Journal { counters, style, json_output, .. } = &*self.journal;
        counters.published.add(1);
        counters.internal.add(u64::from(alert.is_internal()));
        let line = self.sinks.render(alert, style, *json_output);
        let output = if *json_output { &line.json } else { &line.text };
        (response(alert, &style.hostname, output.to_string()), line)
    }

    /// Saves the new rows; after a failure all that waits in the tail, group by group.
    fn save_waiting(&mut self, rows: &[Row]) {
        let Some(retry_at) = self.state.retry_at else {
            self.save(rows, self.state.last_sequence);
            return;
        };
        if Instant::now() < retry_at {
            return;
        }
        self.state.retry_at = Some(Instant::now() + RETRY_DELAY);
        if !self.reopen() {
            return;
        }
        loop {
            let waiting = self.journal.tail_from(self.state.saved + 1, self.retention.group());
            let last = waiting.last().map_or(self.state.last_sequence, |(sequence, _)| *sequence);
            if !self.save(&waiting, last) || last == self.state.last_sequence {
                return;
            }
        }
    }

    /// One commit; false if it failed.
    fn save(&mut self, rows: &[Row], last: u64) -> bool {
        let Some(store) = self.journal.store() else {
            // A reader met an error and gave the file up.
            let closed = io::Error::other("the file was closed after an error while reading");
            self.failed(&redb::Error::Io(closed));
            return false;
        };
        let position = self.journal.standard_position();
        match store.commit(rows, last, position) {
            Ok(extent) => {
                self.saved(rows.len(), last, position, extent);
                true
            }
            Err(error) => {
                // After an error the store refuses all further work until it is opened again.
                self.journal.lose_store(&store);
                self.failed(&error);
                false
            }
        }
    }

    fn saved(&mut self, rows: usize, last: u64, position: u64, extent: Extent) {
        let counters = &self.journal.counters;
        counters.commits.add(1);
        counters.committed_alerts.add(rows as u64);
        counters.rows.set(extent.rows);
        counters.oldest.set(extent.oldest);
        counters.file_bytes.set(extent.file_bytes);
        self.state.saved = last;
        self.state.saved_position = position;
        if self.state.retry_at.is_some() && last == self.state.last_sequence {
            self.state.retry_at = None;
            tracing::info!("journal is written again");
        }
        if !self.state.marked && last == self.state.last_sequence {
            self.state.marked = self.store_path.as_deref().is_some_and(|path| mark(path).is_ok());
        }
    }

    fn failed(&mut self, error: &redb::Error) {
        self.journal.counters.write_errors.add(1);
        if self.state.retry_at.is_none() {
            tracing::error!(
                error = %error,
                "journal cannot be written: alerts are served from memory and tried again; \
                 make room on its disk",
            );
        }
        self.state.retry_at = Some(Instant::now() + RETRY_DELAY);
        if self.state.marked {
            self.state.marked =
                self.store_path.as_deref().is_some_and(|path| unmark(path).is_err());
        }
    }

    /// Opens the file again; a file that has become unreadable is replaced, its life goes on.
    fn reopen(&mut self) -> bool {
        if self.journal.store().is_some() {
            return true;
        }
        let Some(path) = &self.store_path else { return false };
        let identity = Identity {
            stream_id: self.journal.stream_id.clone(),
            last_sequence: self.state.saved,
            standard_position: self.journal.standard_position(),
        };
        match Store::open(path, self.retention, &identity) {
            Ok(opened) if opened.identity.stream_id != self.journal.stream_id => {
                // The service began without its file and has given out another life's name.
                tracing::debug!("journal of another life: it is taken up at the next start");
                self.store_path = None;
                false
            }
            Ok(opened) => {
                // The failed commit may have reached the disk after all.
                self.state.saved = self.state.saved.max(opened.identity.last_sequence);
                self.journal.set_store(Arc::new(opened.store));
                true
            }
            Err(error) => {
                self.journal.counters.write_errors.add(1);
                tracing::debug!(error = %error, "journal cannot be opened again");
                false
            }
        }
    }
}

/// Where the marker of the journal at `path` stands.
fn marker(path: &Path) -> PathBuf {
    let mut marker = path.as_os_str().to_owned();
    marker.push(".complete");
    marker.into()
}

/// True if all that the last life showed was saved.
pub(crate) fn is_marked(path: &Path) -> bool {
    marker(path).exists()
}

/// Says durably that all that was shown was saved.
pub(crate) fn mark(path: &Path) -> io::Result<()> {
    fs::File::create(marker(path))?.sync_all()?;
    sync_parent(path)
}

fn unmark(path: &Path) -> io::Result<()> {
    fs::remove_file(marker(path))?;
    sync_parent(path)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
