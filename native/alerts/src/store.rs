//! The journal's file: alerts by sequence, in one redb database.
//!
//! A commit is durable when it returns (one fsync; a torn commit is recognised by its checksums
//! at the next open and left out). Opening verifies every page, so a damaged file is an error
//! here and never a panic later. The file is locked: a second daemon is refused.
//!
//! Bounds: the file stays within the limit, because the store doubles its file when it is full
//! and rows are trimmed well before that ([`FILL`]); the page cache has [`CACHE_BYTES`].

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, Table, TableDefinition};

use crate::error::Error;
use crate::queue::Capacity;

const ALERTS: TableDefinition<u64, &[u8]> = TableDefinition::new("alerts");
const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
const NAMES: TableDefinition<&str, &str> = TableDefinition::new("names");

/// Version of the tables' meaning. A file of a newer one is moved aside, never guessed at.
const FORMAT: u64 = 1;
/// The page cache; the default of 1 GiB is more than a daemon may use.
const CACHE_BYTES: usize = 8 << 20;
/// Share of the limit that rows may fill. The store grows its file by doubling when all pages
/// are taken, so the file has at most twice the size of the rows and the pages around them.
const FILL: f64 = 0.35;
/// Rows trimmed at most in one commit, beyond twice those added: keeps a commit short.
const TRIM_ROWS: usize = 512;
/// Alerts added in one commit at most: what a write transaction holds in memory.
const GROUP_ITEMS: usize = 1024;
const GROUP_BYTES: u64 = 4 << 20;
/// Files kept that were moved aside.
const ASIDE: usize = 3;
/// Bytes before the alert in a row: when it was saved.
const STAMP_BYTES: usize = 8;

/// An alert as kept: its sequence and its wire form.
pub(crate) type Row = (u64, Bytes);

/// How much may be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    pub limit_bytes: u64,
    pub age_limit: Option<Duration>,
}

impl Retention {
    /// What one commit may add. A commit writes beside what it replaces, so under a small limit
    /// a large group would make the file grow beyond it.
    pub fn group(&self) -> Capacity {
        let bytes = (self.limit_bytes / 64).min(GROUP_BYTES);
        Capacity { items: GROUP_ITEMS, bytes: usize::try_from(bytes).unwrap_or(usize::MAX) }
    }

    fn oldest_ns(&self, now_ns: u64) -> u64 {
        self.age_limit.map_or(0, |age| {
            now_ns.saturating_sub(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX))
        })
    }
}

/// What the store knows of itself.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub stream_id: String,
    pub last_sequence: u64,
    pub standard_position: u64,
}

/// What is kept after a commit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extent {
    /// First sequence still kept; 0 if none is.
    pub oldest: u64,
    pub rows: u64,
    pub file_bytes: u64,
}

/// How the store was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Existing,
    Fresh,
    /// Fresh, because what was there could not be read.
    Lost,
}

pub(crate) struct Store {
    database: Database,
    path: PathBuf,
    retention: Retention,
    clock: AgeClock,
}

/// What the age of rows is told by: wall time when the store was opened, and time that passed since.
/// A wall clock that is set meanwhile makes no row old, so it takes nobody's alerts away.
#[derive(Debug, Clone, Copy)]
struct AgeClock {
    opened_ns: u64,
    opened: Instant,
}

impl AgeClock {
    fn new(opened_ns: u64) -> Self {
        Self { opened_ns, opened: Instant::now() }
    }

    fn now_ns(&self) -> u64 {
        let passed = u64::try_from(self.opened.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.opened_ns.saturating_add(passed)
    }
}

pub(crate) struct Opened {
    pub store: Store,
    pub identity: Identity,
    pub extent: Extent,
    pub found: Found,
}

impl Store {
    /// Opens the store, or makes one that begins with `fresh`. A file that cannot be read is
    /// moved aside, with a line in the log.
    pub fn open(path: &Path, retention: Retention, fresh: &Identity) -> Result<Opened, Error> {
        make_parent(path).map_err(|source| failed(path, redb::Error::Io(source)))?;
        match Self::try_open(path, retention, fresh) {
            Ok(opened) => Ok(opened),
            Err(redb::Error::DatabaseAlreadyOpen) => {
                Err(Error::JournalInUse { path: path.to_owned() })
            }
            Err(damage) if is_damage(&damage) => {
                move_aside(path, &damage)
                    .map_err(|source| failed(path, redb::Error::Io(source)))?;
                let opened = Self::try_open(path, retention, fresh)
                    .map_err(|source| failed(path, source))?;
                Ok(Opened { found: Found::Lost, ..opened })
            }
            Err(source) => Err(failed(path, source)),
        }
    }

    fn try_open(
        path: &Path,
        retention: Retention,
        fresh: &Identity,
    ) -> Result<Opened, redb::Error> {
        let mut database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .set_check_integrity_on_open(true)
            .create(path)?;
        let (identity, found) = prepare(&database, fresh)?;
        if fs::metadata(path)?.len() > retention.limit_bytes {
            // The limit was lowered: trim to it, then give the pages back.
            trim_all(&database, retention)?;
            database.compact()?;
        }
        let clock = AgeClock::new(now_ns());
        let store = Self { database, path: path.to_owned(), retention, clock };
        let extent = store.extent()?;
        Ok(Opened { store, identity, extent, found })
    }

    /// Adds rows and notes the standard clients' position; durable when it returns.
    pub fn commit(
        &self,
        rows: &[Row],
        last_sequence: u64,
        standard_position: u64,
    ) -> Result<Extent, redb::Error> {
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        {
            let mut alerts = write.open_table(ALERTS)?;
            let mut numbers = write.open_table(NUMBERS)?;
            let now_ns = self.clock.now_ns();
            let mut cost = number(&numbers, "cost")?;
            let mut added = 0;
            let mut value = Vec::new();
            for (sequence, alert) in rows {
                value.clear();
                value.extend_from_slice(&now_ns.to_le_bytes());
                value.extend_from_slice(alert);
                added += row_cost(value.len());
                alerts.insert(sequence, value.as_slice())?;
            }
            cost += added;
            let budget = budget(self.retention.limit_bytes);
            // Large alerts need room of their own: their old pages are free two commits later.
            let budget = budget - (2 * added).min(budget / 2);
            let bounds = Bounds { budget, oldest_ns: self.retention.oldest_ns(now_ns) };
            cost = trim(&mut alerts, cost, bounds, TRIM_ROWS + 2 * rows.len())?;
            numbers.insert("cost", cost)?;
            numbers.insert("last_sequence", last_sequence)?;
            numbers.insert("standard_position", standard_position)?;
        }
        write.commit()?;
        self.extent()
    }

    /// Rows from `from` on, in order, up to `items` and about `bytes`, none above `newest`.
    pub fn read(
        &self,
        from: u64,
        newest: u64,
        items: usize,
        bytes: usize,
    ) -> Result<Vec<Row>, redb::Error> {
        if from > newest {
            return Ok(Vec::new());
        }
        let read = self.database.begin_read()?;
        let alerts = read.open_table(ALERTS)?;
        let mut rows = Vec::new();
        let mut size = 0;
        for row in alerts.range(from..=newest)? {
            let (sequence, value) = row?;
            let alert = value.value().get(STAMP_BYTES..).unwrap_or_default();
            size += alert.len();
            rows.push((sequence.value(), Bytes::copy_from_slice(alert)));
            if rows.len() >= items || size >= bytes {
                break;
            }
        }
        Ok(rows)
    }

    fn extent(&self) -> Result<Extent, redb::Error> {
        use redb::ReadableTableMetadata;
        let read = self.database.begin_read()?;
        let alerts = read.open_table(ALERTS)?;
        let oldest = alerts.first()?.map_or(0, |(sequence, _)| sequence.value());
        let file_bytes = fs::metadata(&self.path)?.len();
        Ok(Extent { oldest, rows: alerts.len()?, file_bytes })
    }
}

/// Makes the tables of a new file; reads the identity of an old one.
fn prepare(database: &Database, fresh: &Identity) -> Result<(Identity, Found), redb::Error> {
    let write = database.begin_write()?;
    let identity = {
        write.open_table(ALERTS)?;
        let mut numbers = write.open_table(NUMBERS)?;
        let mut names = write.open_table(NAMES)?;
        let is_new = numbers.get("format")?.is_none();
        if is_new {
            numbers.insert("format", FORMAT)?;
            numbers.insert("last_sequence", fresh.last_sequence)?;
            numbers.insert("standard_position", fresh.standard_position)?;
            names.insert("stream_id", fresh.stream_id.as_str())?;
        }
        let format = number(&numbers, "format")?;
        if format != FORMAT {
            let said = format!("format {format}, this daemon reads {FORMAT}");
            return Err(redb::Error::Corrupted(said));
        }
        let stream_id = names.get("stream_id")?.map(|id| id.value().to_owned());
        let identity = Identity {
            stream_id: stream_id.ok_or_else(|| redb::Error::Corrupted("no stream id".into()))?,
            last_sequence: number(&numbers, "last_sequence")?,
            standard_position: number(&numbers, "standard_position")?,
        };
        (identity, if is_new { Found::Fresh } else { Found::Existing })
    };
    write.commit()?;
    Ok(identity)
}

fn number(numbers: &Table<'_, &str, u64>, name: &str) -> Result<u64, redb::Error> {
    Ok(numbers.get(name)?.map_or(0, |value| value.value()))
}

fn trim_all(database: &Database, retention: Retention) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut alerts = write.open_table(ALERTS)?;
        let mut numbers = write.open_table(NUMBERS)?;
        let cost = number(&numbers, "cost")?;
        let bounds = Bounds {
            budget: budget(retention.limit_bytes),
            oldest_ns: retention.oldest_ns(now_ns()),
        };
        let cost = trim(&mut alerts, cost, bounds, usize::MAX)?;
        numbers.insert("cost", cost)?;
    }
    write.commit()?;
    Ok(())
}

/// What rows are trimmed to.
struct Bounds {
    budget: u64,
    /// Rows saved before this go.
    oldest_ns: u64,
}

/// Removes the oldest rows that are out of bounds; gives the cost of what stays.
fn trim(
    alerts: &mut Table<'_, u64, &[u8]>,
    mut cost: u64,
    bounds: Bounds,
    limit: usize,
) -> Result<u64, redb::Error> {
    for _ in 0..limit {
        let Some(size) = alerts.first()?.and_then(|(_, value)| {
            let value = value.value();
            let over = cost > bounds.budget || saved_ns(value) < bounds.oldest_ns;
            over.then_some(value.len())
        }) else {
            break;
        };
        alerts.pop_first()?;
        cost = cost.saturating_sub(row_cost(size));
    }
    Ok(cost)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn budget(limit_bytes: u64) -> u64 {
    (limit_bytes as f64 * FILL) as u64
}

fn saved_ns(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |stamp| u64::from_le_bytes(*stamp))
}

/// Bytes that a row takes in the file. Small rows share a page; a large row has pages of its
/// own, their number rounded up to a power of two by the store.
fn row_cost(value_bytes: usize) -> u64 {
    const PAGE: usize = 4096;
    const ROW: usize = 16;
    let bytes = value_bytes + ROW;
    if bytes <= PAGE / 2 { bytes as u64 } else { bytes.next_power_of_two().max(PAGE) as u64 }
}

/// True if the file itself is at fault, so that a fresh one would do.
fn is_damage(error: &redb::Error) -> bool {
    match error {
        redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::RepairAborted
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TypeDefinitionChanged { .. } => true,
        redb::Error::Io(error) => {
            matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
        }
        _ => false,
    }
}

fn move_aside(path: &Path, damage: &redb::Error) -> std::io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".corrupt-{}", now_ns()));
    fs::rename(path, &aside)?;
    prune_aside(path);
    tracing::error!(
        journal = %path.display(),
        moved_to = %Path::new(&aside).display(),
        error = %damage,
        "journal unreadable: moved aside and started afresh; subscribers are told of the gap",
    );
    Ok(())
}

/// Keeps the newest few of the files moved aside, so that they cannot fill the disk.
fn prune_aside(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let prefix = format!("{}.corrupt-", name.to_string_lossy());
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut aside: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
        })
        .collect();
    // The names end in the time, with as many digits until the year 2286.
    aside.sort();
    for old in aside.iter().rev().skip(ASIDE) {
        if let Err(error) = fs::remove_file(old) {
            tracing::debug!(path = %old.display(), error = %error, "old journal not removed");
        }
    }
}

/// Makes the directory of the journal.
pub(crate) fn make_parent(path: &Path) -> std::io::Result<()> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    fs::DirBuilder::new().recursive(true).mode(0o750).create(parent)
}

fn failed(path: &Path, source: redb::Error) -> Error {
    Error::Journal { path: path.to_owned(), source: Box::new(source) }
}

/// Nanoseconds since the epoch.
pub(crate) fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_AGE: Option<Duration> = None;

    fn identity() -> Identity {
        Identity { stream_id: "life".into(), last_sequence: 0, standard_position: 0 }
    }

    fn open(path: &Path, limit_bytes: u64) -> Opened {
        Store::open(path, Retention { limit_bytes, age_limit: NO_AGE }, &identity()).unwrap()
    }

    /// Appends `count` rows of `size` bytes in commits of `group` rows; gives the largest file.
    fn fill(store: &Store, first: u64, count: u64, group: u64, size: usize) -> u64 {
        let row = Bytes::from(vec![7; size]);
        let mut largest = 0;
        for start in (first..first + count).step_by(group as usize) {
            let rows: Vec<Row> = (start..start + group).map(|n| (n, row.clone())).collect();
            let extent = store.commit(&rows, start + group - 1, 0).unwrap();
            largest = largest.max(extent.file_bytes);
        }
        largest
    }

    #[test]
    fn the_file_stays_within_its_limit_whatever_the_size_of_alerts() {
        const LIMIT: u64 = 8 << 20;
        let group = Retention { limit_bytes: LIMIT, age_limit: NO_AGE }.group();
        for size in [100, 700, 2500, 9000, 140_000, 700_000] {
            let group = (group.bytes / size).clamp(1, group.items) as u64;
            let folder = tempfile::tempdir().unwrap();
            let opened = open(&folder.path().join("journal"), LIMIT);
            let count = 5 * LIMIT / 2 / size as u64;
            let largest = fill(&opened.store, 1, count, group, size);
            let kept = opened.store.extent().unwrap().rows * size as u64;
            println!("{size} bytes by {group}: file {largest}, {kept} bytes of alerts kept");
            assert!(largest <= LIMIT, "{size} bytes by {group}: the file grew to {largest}");
            assert!(kept >= LIMIT / 16, "{size} bytes by {group}: only {kept} bytes kept");
        }
    }

    #[test]
    fn a_lowered_limit_shrinks_the_file_at_the_next_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        fill(&open(&path, 32 << 20).store, 1, 20_000, 500, 700);
        assert!(fs::metadata(&path).unwrap().len() > 4 << 20);
        let opened = open(&path, 4 << 20);
        assert!(fs::metadata(&path).unwrap().len() <= 4 << 20);
        assert_eq!(opened.identity.last_sequence, 20_000);
        let newest = opened.store.read(20_000, u64::MAX, 9, 9).unwrap();
        assert_eq!(newest.len(), 1, "the newest alerts are the ones that stay");
    }

    #[test]
    fn rows_over_the_age_limit_go() {
        let folder = tempfile::tempdir().unwrap();
        let retention = Retention { limit_bytes: 8 << 20, age_limit: Some(Duration::ZERO) };
        let opened = Store::open(&folder.path().join("j"), retention, &identity()).unwrap();
        fill(&opened.store, 1, 10, 10, 100);
        let extent = opened.store.commit(&[], 10, 0).unwrap();
        assert_eq!((extent.oldest, extent.rows), (0, 0));
    }

    #[test]
    fn a_wall_clock_that_is_set_while_the_daemon_runs_takes_no_alerts_away() {
        let folder = tempfile::tempdir().unwrap();
        let week = Some(Duration::from_secs(7 * 24 * 3600));
        let retention = Retention { limit_bytes: 8 << 20, age_limit: week };
        let mut store =
            Store::open(&folder.path().join("j"), retention, &identity()).unwrap().store;
        // A machine that came up in 1970 and has been told the time since, and one that went back.
        for (opened_ns, first) in [(0, 1), (u64::MAX / 2, 11)] {
            store.clock = AgeClock::new(opened_ns);
            fill(&store, first, 10, 10, 100);
            let extent = store.commit(&[], first + 9, 0).unwrap();
            assert_eq!(extent.rows, 10, "{extent:?}");
            store.commit(&[], first + 9, 0).unwrap();
            store.clock = AgeClock::new(u64::MAX);
            assert_eq!(store.commit(&[], first + 9, 0).unwrap().rows, 0, "age still counts");
        }
    }

    #[test]
    fn identity_and_rows_are_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/journal");
        let first = open(&path, 8 << 20);
        assert_eq!(first.found, Found::Fresh);
        first.store.commit(&[(1, Bytes::from("one")), (2, Bytes::from("two"))], 2, 1).unwrap();
        drop(first);
        let second = open(&path, 8 << 20);
        assert_eq!(second.found, Found::Existing);
        assert_eq!(second.identity.last_sequence, 2);
        assert_eq!(second.identity.standard_position, 1);
        assert_eq!(second.store.read(2, 2, 9, 9).unwrap(), [(2, Bytes::from("two"))]);
    }

    #[test]
    fn a_second_daemon_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let _first = open(&path, 8 << 20);
        let retention = Retention { limit_bytes: 8 << 20, age_limit: NO_AGE };
        let refused = Store::open(&path, retention, &identity()).err().unwrap();
        assert!(matches!(refused, Error::JournalInUse { .. }), "{refused}");
    }

    #[test]
    fn a_journal_of_a_newer_format_is_moved_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let opened = open(&path, 8 << 20);
        let write = opened.store.database.begin_write().unwrap();
        write.open_table(NUMBERS).unwrap().insert("format", FORMAT + 1).unwrap();
        write.commit().unwrap();
        drop(opened);
        assert_eq!(open(&path, 8 << 20).found, Found::Lost);
        assert_eq!(moved_aside(folder.path()), 1);
    }

    /// Bytes turned at any place, or a cut at any length: opened, or moved aside; never a panic,
    /// and what is read is a row that was written.
    #[test]
    fn no_damage_to_the_file_breaks_the_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        fill(&open(&path, 8 << 20).store, 1, 200, 20, 700);
        let good = fs::read(&path).unwrap();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut lost = 0;
        for round in 0..64 {
            let mut bad = good.clone();
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round | 1);
            let reach = if round % 3 == 0 { 4096 } else { bad.len() };
            let place = (random >> 20) as usize % reach;
            if round % 8 == 7 {
                bad.truncate(place);
            } else {
                bad[place] ^= (random >> 8) as u8 | 1;
            }
            fs::write(&path, &bad).unwrap();
            let opened = open(&path, 8 << 20);
            lost += u32::from(opened.found == Found::Lost);
            let rows = opened.store.read(1, u64::MAX, 1000, usize::MAX).unwrap();
            assert!(rows.iter().all(|(_, row)| row.iter().all(|byte| *byte == 7)));
        }
        assert!(lost > 5, "{lost} damages noticed");
        assert_eq!(moved_aside(folder.path()), ASIDE, "the disk is not filled with them");
    }

    fn moved_aside(folder: &Path) -> usize {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().contains(".corrupt-")).count()
    }
}
