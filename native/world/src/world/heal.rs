//! What no event told, read from `/proc`.

use std::{io, sync::Arc};

use rustc_hash::FxHashSet;

use super::{N_GONE, World, apply::shared_cgroup};
use crate::{
    image::{Environment, Image, Parts},
    process::{End, Precision, Process, ProcessKey, TICK},
    procfs::{self, Reading},
    reader::Pending,
    stats::{SnapshotError, SnapshotStats},
    table::Place,
};

const SECOND: u64 = 1_000_000_000;

/// How many heals are left in the second of event time.
#[derive(Debug)]
pub(super) struct HealBudget {
    per_second: u32,
    second: Option<u64>,
    left: u32,
}

impl HealBudget {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, second: None, left: 0 }
    }

    fn take(&mut self, now: u64) -> bool {
        let second = Some(now / SECOND);
        if self.second != second {
            self.second = second;
            self.left = self.per_second;
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

/// What becomes of a process that events have told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Known {
    Kept,
    Renewed,
}

/// Processes read at a time: a heal for an event that waits is behind one such piece at most.
const PIECE: usize = 16;

/// One reading of all processes.
#[derive(Debug)]
pub(super) struct Pass {
    known: Known,
    /// What began later is not in the list.
    began: u64,
    stage: Stage,
    stats: SnapshotStats,
    /// Another gap came meanwhile, perhaps behind what is read.
    is_due_again: bool,
}

#[derive(Debug)]
enum Stage {
    List(Pending<io::Result<Vec<u32>>>),
    Read { pids: Vec<u32>, n_asked: usize, piece: Pending<Piece> },
}

/// How far a pass is.
enum Step {
    Under(Pass),
    Over(SnapshotStats),
}

/// Some processes as they were at a time or later.
struct Piece {
    began: u64,
    /// `None` for those that had gone.
    readings: Vec<Option<Reading>>,
}

/// Whether a pass is waited for.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Wait {
    Yes,
    No,
}

impl World {
    /// Reads all processes while events already flow. What an event told is kept: a reading may be
    /// older. A process that is no longer in `/proc` has ended without an event. For the start.
    pub fn snapshot(&mut self) -> Result<SnapshotStats, SnapshotError> {
        self.read_all(Known::Kept)
    }

    /// As `snapshot`, for a gap in the life cycle lane: what `/proc` shows otherwise than events
    /// told is taken from `/proc`, for an exec or a move may be among the lost.
    pub fn snapshot_after_gap(&mut self) -> Result<SnapshotStats, SnapshotError> {
        self.read_all(Known::Renewed)
    }

    /// Begins what `snapshot_after_gap` does, to go on with [`heal_on`](Self::heal_on) between
    /// events. If it is under way, another follows, for the gap may lie behind what is read.
    pub fn begin_heal(&mut self) -> Result<(), SnapshotError> {
        match &mut self.pass {
            Some(pass) => pass.is_due_again = true,
            None => self.pass = Some(self.begin(Known::Renewed)?),
        }
        Ok(())
    }

    /// Is there a heal to go on with?
    pub fn is_healing(&self) -> bool {
        self.pass.is_some()
    }

    /// Takes in what was read meanwhile, a few processes at most; tells what was found when all
    /// are read.
    pub fn heal_on(&mut self) -> Result<Option<SnapshotStats>, SnapshotError> {
        let Some(pass) = self.pass.take() else { return Ok(None) };
        let is_due_again = pass.is_due_again;
        match self.step(pass, Wait::No)? {
            Step::Over(stats) => {
                if is_due_again {
                    self.begin_heal()?;
                }
                Ok(Some(stats))
            }
            Step::Under(pass) => {
                self.pass = Some(pass);
                Ok(None)
            }
        }
    }

    fn read_all(&mut self, known: Known) -> Result<SnapshotStats, SnapshotError> {
        let mut pass = self.begin(known)?;
        loop {
            match self.step(pass, Wait::Yes)? {
                Step::Over(stats) => return Ok(stats),
                Step::Under(under) => pass = under,
            }
        }
    }

    fn begin(&self, known: Known) -> Result<Pass, SnapshotError> {
        let path = self.roots.proc.clone();
        if !self.is_readable {
            return Err(SnapshotError::OtherPidNamespace { path });
        }
        let began = boottime();
        let list = self.reader.begin(move || procfs::pids(&path));
        Ok(Pass {
            known,
            began,
            stage: Stage::List(list),
            stats: SnapshotStats::default(),
            is_due_again: false,
        })
    }

    fn step(&mut self, pass: Pass, wait: Wait) -> Result<Step, SnapshotError> {
        let Pass { known, began, stage, mut stats, is_due_again } = pass;
        let under =
            |stage, stats| Ok(Step::Under(Pass { known, began, stage, stats, is_due_again }));
        let (pids, n_asked) = match stage {
            Stage::List(list) => match self.get(list, wait)? {
                Ok(list) => (list.map_err(|source| self.unreadable(source))?, 0),
                Err(list) => return under(Stage::List(list), stats),
            },
            Stage::Read { pids, n_asked, piece } => match self.get(piece, wait)? {
                Ok(piece) => {
                    for reading in piece.readings {
                        self.take_reading(reading, piece.began, known, &mut stats);
                    }
                    (pids, n_asked)
                }
                Err(piece) => return under(Stage::Read { pids, n_asked, piece }, stats),
            },
        };
        if n_asked < pids.len() {
            let end = pids.len().min(n_asked + PIECE);
            let piece = self.read_piece(pids[n_asked..end].to_vec());
            return under(Stage::Read { pids, n_asked: end, piece }, stats);
        }
        self.resolve_parents();
        // Where others' processes are hidden, absence says nothing: pid 1 is always there.
        if pids.contains(&1) {
            stats.ended = self.end_absent(&pids.into_iter().collect(), began);
        }
        self.now = self.now.max(began);
        self.users.refresh_host(&self.reader, self.now);
        Ok(Step::Over(stats))
    }

    fn get<T>(
        &self,
        pending: Pending<T>,
        wait: Wait,
    ) -> Result<Result<T, Pending<T>>, SnapshotError> {
        let got = match wait {
            Wait::Yes => pending.wait().map(Ok),
            Wait::No => pending.poll(),
        };
        got.map_err(|gone| self.unreadable(io::Error::other(gone)))
    }

    fn unreadable(&self, source: io::Error) -> SnapshotError {
        SnapshotError::Unreadable { path: self.roots.proc.clone(), source }
    }

    fn read_piece(&self, pids: Vec<u32>) -> Pending<Piece> {
        let path = self.roots.proc.clone();
        self.reader.begin(move || Piece {
            began: boottime(),
            readings: pids.into_iter().map(|pid| procfs::read(&path, pid)).collect(),
        })
    }

    fn take_reading(
        &mut self,
        reading: Option<Reading>,
        began: u64,
        known: Known,
        stats: &mut SnapshotStats,
    ) {
        // A zombie's end has been told, or was before we looked; it would never be told again.
        let Some(mut reading) = reading.filter(|reading| !reading.is_zombie) else {
            stats.gone += 1;
            return;
        };
        let place = self.table.find(reading.facts.pid, reading.facts.start_time);
        let Some(process) = place.and_then(|place| self.table.get(place)) else {
            self.put_reading(&reading);
            stats.added += 1;
            return;
        };
        stats.known += 1;
        // What an event has told since is newer than the reading.
        let is_newer = process.told_time < began;
        if known == Known::Renewed && is_newer && is_outdated(process, &reading) {
            reading.facts.start_time = process.key.start_time;
            self.put_reading(&reading);
            stats.renewed += 1;
        }
    }

    /// `/proc` gives the parent's pid only; when it began is known once all are read.
    fn resolve_parents(&mut self) {
        let is_open = |it: &&Process| it.parent.start_time == 0 && it.parent.pid != 0;
        let open: Vec<_> = self.table.iter().filter(is_open).map(|it| it.key).collect();
        for key in open {
            let Some(place) = self.table.find(key.pid, key.start_time) else { continue };
            let parent = self.table.get(place).and_then(|it| self.parent(it)).map(|it| it.key);
            if let (Some(parent), Some(process)) = (parent, self.table.get_mut(place)) {
                process.parent = parent;
            }
        }
    }

    fn end_absent(&mut self, pids: &FxHashSet<u32>, began: u64) -> usize {
        let is_absent = |it: &&Process| {
            it.end.is_none() && !pids.contains(&it.key.pid) && it.key.start_time < began
        };
        let absent: Vec<_> = self.table.iter().filter(is_absent).map(|it| it.key).collect();
        for key in &absent {
            if let Some(place) = self.table.find(key.pid, key.start_time) {
                self.table.end(place, End { time: boottime(), status: 0 });
            }
        }
        absent.len()
    }

    pub(super) fn find_or_heal(&mut self, pid: u32, start_time: u64) -> Option<Place> {
        self.table.find(pid, start_time).or_else(|| self.heal(pid, start_time))
    }

    fn heal(&mut self, pid: u32, start_time: u64) -> Option<Place> {
        let key = ProcessKey { pid, start_time };
        let gone = pid as usize % N_GONE;
        if !self.is_readable || pid == 0 || self.gone[gone] == key {
            return None;
        }
        if !self.take_heal() {
            return None;
        }
        let path = self.roots.proc.clone();
        let reading = self.reader.read(move || procfs::read(&path, pid)).flatten();
        let is_wanted = |reading: &Reading| {
            start_time == 0 || reading.facts.start_time / TICK == start_time / TICK
        };
        let Some(mut reading) = reading.filter(is_wanted) else {
            // Without a start time, it says nothing of who gets the pid next.
            if start_time != 0 {
                self.gone[gone] = key;
            }
            return None;
        };
        let precision = if start_time == 0 { Precision::Tick } else { Precision::Exact };
        if precision == Precision::Exact {
            reading.facts.start_time = start_time;
        }
        self.stats.heals += 1;
        let place = self.put_reading(&reading);
        if reading.is_zombie {
            self.table.end(place, End { time: self.now, status: 0 });
        }
        Some(place)
    }

    fn take_heal(&mut self) -> bool {
        let is_left = self.heals.take(self.now);
        self.stats.refused_heals += u64::from(!is_left);
        is_left
    }

    fn put_reading(&mut self, reading: &Reading) -> Place {
        let mut facts = reading.facts.clone();
        let parent = self.table.find(facts.parent_pid, 0).and_then(|place| self.table.get(place));
        let parent = parent.filter(|it| it.key.start_time / TICK <= facts.start_time / TICK);
        facts.parent_start_time = parent.map_or(0, |parent| parent.key.start_time);
        let former = parent.map(Process::shared_cgroup);
        let parts = Parts {
            comm: facts.comm,
            arguments: &reading.arguments,
            environment: Environment::shared(
                parent.map(Process::image),
                &reading.environment,
                &self.budget,
            ),
            executable: reading.executable,
            executable_path: &reading.executable_path,
            filename: b"",
            cwd: &reading.cwd,
            is_memfd: reading.is_memfd,
            is_deleted: reading.is_deleted,
            flags: reading.flags,
        };
        let image = Arc::new(Image::new(parts, &self.budget));
        let cgroup = shared_cgroup(0, &reading.cgroup, former, &self.budget);
        let mut process = Process::new(&facts, image, cgroup, &self.budget);
        if facts.start_time.is_multiple_of(TICK) {
            process.precision = Precision::Tick;
        }
        self.table.put(process)
    }

    /// Living children of the reaped get the parent that the kernel gave them.
    pub(super) fn adopt_orphans(&mut self, reaped: &FxHashSet<u32>) {
        let is_orphan = |it: &&Process| {
            it.end.is_none() && reaped.contains(&it.parent.pid) && self.parent(it).is_none()
        };
        let orphans: Vec<_> = self.table.iter().filter(is_orphan).map(|it| it.key).collect();
        for key in orphans {
            let parent = self.read_parent(key);
            let Some(place) = self.table.find(key.pid, key.start_time) else { continue };
            if let (Some(parent), Some(process)) = (parent, self.table.get_mut(place)) {
                process.parent = parent;
            }
        }
    }

    fn read_parent(&mut self, key: ProcessKey) -> Option<ProcessKey> {
        if !self.is_readable || !self.take_heal() {
            return None;
        }
        let path = self.roots.proc.clone();
        let read = move || procfs::read_parent(&path, key.pid, key.start_time);
        let pid = self.reader.read(read).flatten()?;
        let start_time = self.process(pid, 0).map_or(0, |parent| parent.key.start_time);
        Some(ProcessKey { pid, start_time })
    }
}

fn is_outdated(process: &Process, reading: &Reading) -> bool {
    let image = process.image();
    process.end.is_none()
        && (image.executable().inode != reading.executable.inode
            || !image.argv().is_made_of(&reading.arguments)
            || *process.cgroup().path != *reading.cgroup)
}

/// `CLOCK_BOOTTIME` in ns, the clock of every event.
fn boottime() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec.unsigned_abs() * SECOND + now.tv_nsec.unsigned_abs()
}
