//! How a journal's life begins: with a file as it was left, with a fresh one, or in memory.
//!
//! A journal that cannot be read is replaced, and the new one begins with a notice. A life that
//! did not leave its mark may have shown alerts that it could not save, so the next one leaves
//! their numbers out.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;
use prost::Message as _;

use crate::config::{JournalConfig, ServiceConfig};
use crate::encode::{Gap, gap_notice};
use crate::error::Error;
use crate::journal::{JUMP, Journal};
use crate::line::LineStyle;
use crate::metrics::Counters;
use crate::store::{Extent, Found, Identity, Opened, Retention, Row, Store, make_parent, now_ns};
use crate::writer::{State, is_marked, mark};

/// Least limit of the journal: below it the store's own pages are most of the file.
const LEAST_JOURNAL_BYTES: u64 = 8 << 20;

/// The journal's life as it begins: a file, or memory alone.
pub(crate) struct Life {
    store: Option<Store>,
    identity: Identity,
    extent: Extent,
    marked: bool,
}

impl Life {
    pub fn open(config: &ServiceConfig) -> Result<Self, Error> {
        let fresh = Identity { stream_id: random_id()?, last_sequence: 0, standard_position: 0 };
        let path = &config.journal.path;
        if !path.exists() {
            // Before the file, so that a crash in between is no sign of unsaved alerts. A
            // failure shows again when the file is opened.
            make_parent(path).and_then(|()| mark(path)).ok();
        }
        match Store::open(path, retention(&config.journal), &fresh) {
            Ok(opened) => Ok(Self::of_file(opened, config)),
            Err(error) if is_lack_of_room(&error) => {
                tracing::error!(
                    journal = %config.journal.path.display(),
                    error = %error,
                    "journal cannot be written: alerts are served from memory until the next \
                     start; make room on its disk",
                );
                let extent = Extent::default();
                Ok(Self { store: None, identity: fresh, extent, marked: false })
            }
            Err(error) => Err(error),
        }
    }

    /// Leaves numbers out that the last life may have shown and not saved; begins a journal that
    /// replaces a lost one with the notice.
    fn of_file(opened: Opened, config: &ServiceConfig) -> Self {
        let Opened { store, mut identity, mut extent, found } = opened;
        let path = &config.journal.path;
        let mut rows = Vec::new();
        match found {
            Found::Lost => {
                identity.last_sequence = 1;
                rows.push(lost_notice(config));
            }
            Found::Existing if !is_marked(path) => identity.last_sequence += JUMP,
            Found::Existing | Found::Fresh => {}
        }
        let position = identity.standard_position;
        let marked = match store.commit(&rows, identity.last_sequence, position) {
            Ok(committed) => {
                extent = committed;
                mark(path).is_ok()
            }
            // The writer meets the same error, says it and tries again.
            Err(_) => false,
        };
        Self { store: Some(store), identity, extent, marked }
    }

    pub fn into_journal(self, config: &ServiceConfig) -> (Arc<Journal>, State) {
        let Identity { stream_id, last_sequence, standard_position } = self.identity;
        let state = State {
            last_sequence,
            saved: last_sequence,
            saved_position: standard_position,
            retry_at: self.store.is_none().then(Instant::now),
            marked: self.marked,
        };
        let journal = Journal::new(
            self.store.map(Arc::new),
            stream_id,
            (last_sequence, standard_position),
            style(config),
            config.json_output,
        );
        let Counters { rows, oldest, file_bytes, write_errors, .. } = &journal.counters;
        rows.set(self.extent.rows);
        oldest.set(self.extent.oldest);
        file_bytes.set(self.extent.file_bytes);
        write_errors.add(u64::from(state.retry_at.is_some()));
        (Arc::new(journal), state)
    }
}

fn is_lack_of_room(error: &Error) -> bool {
    let Error::Journal { source, .. } = error else { return false };
    let redb::Error::Io(error) = &**source else { return false };
    matches!(
        error.kind(),
        ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::FileTooLarge
            | ErrorKind::ReadOnlyFilesystem
    )
}

pub(crate) fn retention(config: &JournalConfig) -> Retention {
    Retention {
        limit_bytes: config.limit_bytes.max(LEAST_JOURNAL_BYTES),
        age_limit: config.age_limit,
    }
}

/// Tells every subscriber that the journal before this one is lost: the first row of the new one.
fn lost_notice(config: &ServiceConfig) -> Row {
    let notice = gap_notice(Gap::JOURNAL_LOST, now_ns(), &style(config), config.json_output);
    (1, notice.encode_to_vec().into())
}

fn style(config: &ServiceConfig) -> LineStyle {
    LineStyle { hostname: config.hostname.clone(), zone: TimeZone::system(), options: config.line }
}

/// 16 random bytes in lower-case hex.
fn random_id() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Thread { source: std::io::Error::other(error) })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
