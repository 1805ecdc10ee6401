//! The world: applies events, answers who is who.

mod apply;
mod heal;

use std::path::PathBuf;

use peregrine_capture::event::Memory;

use heal::{HealBudget, Pass};

use crate::{
    accounts::User,
    budget::Budget,
    container::Container,
    lineage,
    process::{Process, ProcessKey},
    procfs::{self, OpenDescriptor},
    reader::Reader,
    stats::{Limits, Stats},
    table::{Place, Table},
    users::Users,
};

/// Keys of which `/proc` had nothing, so that it isn't asked again for each event.
const N_GONE: usize = 256;
/// How many ancestors are tried for a container's files.
const N_PROXIES: usize = 3;

/// A pass over 65 536 processes takes about 1 ms: at most a hundredth of a CPU.
const REAP_INTERVAL: u64 = 100_000_000;

/// Where the host's files are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Roots {
    /// The host's `/proc`.
    pub proc: PathBuf,
    /// The host's `/`.
    pub host: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: PathBuf::from("/proc"), host: PathBuf::from("/") }
    }
}

/// Processes, users and containers as now known.
#[derive(Debug)]
pub struct World {
    table: Table,
    budget: Budget,
    users: Users,
    roots: Roots,
    reader: Reader,
    /// Under way: reading all processes again.
    pass: Option<Pass>,
    /// `/proc` counts pids as the records do.
    is_readable: bool,
    placeholder: Process,
    gone: Box<[ProcessKey; N_GONE]>,
    /// Latest event time.
    now: u64,
    next_reap: u64,
    heals: HealBudget,
    stats: Stats,
    path: Vec<u8>,
}

impl World {
    /// Knows nothing yet; reads nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self::with_roots(limits, Roots::default())
    }

    /// As `new`, where the host's files are elsewhere.
    pub fn with_roots(limits: Limits, roots: Roots) -> Self {
        let budget = Budget::default();
        Self {
            table: Table::new(limits.processes, limits.bytes, budget.clone()),
            users: Users::new(&roots.proc, &roots.host),
            reader: Reader::default(),
            pass: None,
            is_readable: procfs::counts_as_host(&roots.proc),
            placeholder: Process::placeholder(&budget),
            gone: Box::new([ProcessKey::default(); N_GONE]),
            now: 0,
            next_reap: 0,
            heals: HealBudget::new(limits.heals_per_second),
            stats: Stats::default(),
            path: Vec::new(),
            budget,
            roots,
        }
    }

    /// Reads `/proc` there from now on.
    #[must_use]
    pub fn reading_by(self, reader: Reader) -> Self {
        Self { reader, ..self }
    }

    /// A process, if it is known. Start time 0 means the newest of that pid.
    pub fn process(&self, pid: u32, start_time: u64) -> Option<&Process> {
        self.table.get(self.table.find(pid, start_time)?)
    }

    /// Where a process stands that an event is about, and what its judgement needs of the file system
    /// read: itself, if it was not known, and the users and groups that are due.
    pub fn prepare(&mut self, pid: u32, start_time: u64) -> Option<Place> {
        let place = self.find_or_heal(pid, start_time);
        self.stats.placeholders += u64::from(place.is_none());
        self.refresh_users(place);
        place
    }

    /// The process there, or the placeholder.
    pub fn at(&self, place: Option<Place>) -> &Process {
        place.and_then(|place| self.table.get(place)).unwrap_or(&self.placeholder)
    }

    /// Stands for every process of which nothing is known.
    pub fn placeholder(&self) -> &Process {
        &self.placeholder
    }

    /// The parent, if it is known.
    pub fn parent(&self, process: &Process) -> Option<&Process> {
        lineage::parent(&self.table, process)
    }

    /// From the parent upward, at most 128.
    pub fn ancestors<'w>(&'w self, process: &'w Process) -> impl Iterator<Item = &'w Process> {
        lineage::ancestors(&self.table, process)
    }

    /// Leader of its session; if that has gone, the oldest known ancestor in it.
    pub fn session_leader<'w>(&'w self, process: &'w Process) -> Option<&'w Process> {
        lineage::leader(&self.table, process, |it| it.session_id)
    }

    /// Leader of its process group; if that has gone, the oldest known ancestor in it.
    pub fn group_leader<'w>(&'w self, process: &'w Process) -> Option<&'w Process> {
        lineage::leader(&self.table, process, |it| it.group_id)
    }

    /// Leader of its process group by the number in its own pid namespace. The group is the same,
    /// whoever counts; a group led from outside of the namespace has number 0 and no leader there.
    pub fn vgroup_leader<'w>(&'w self, process: &'w Process) -> Option<&'w Process> {
        (process.vgroup_id != 0).then(|| self.group_leader(process)).flatten()
    }

    /// Reads the users and groups that are due to be read for this process: at most one look a
    /// second of event time, nothing else touches a file for them.
    fn refresh_users(&mut self, place: Option<Place>) {
        self.users.refresh_host(&self.reader, self.now);
        let Some(process) = place.and_then(|place| self.table.get(place)) else { return };
        let Container::Id(id) = process.container() else { return };
        // A short-lived process may have gone: those above it in its container see the same files.
        let above = lineage::ancestors(&self.table, process);
        let above = above.take_while(|it| it.container() == process.container());
        let pids = std::iter::once(process).chain(above.take(N_PROXIES)).map(|it| it.key.pid);
        self.users.refresh_container(&self.reader, id.full(), pids, self.now);
    }

    /// A user of the host or of the process's container, if there is one and it is read yet.
    pub fn user(&self, process: &Process, uid: u32) -> Option<User<'_>> {
        self.users.user(process.container(), uid)
    }

    /// Name of a group of the host or of the process's container.
    pub fn group_name(&self, process: &Process, gid: u32) -> Option<&[u8]> {
        self.users.group(process.container(), gid)
    }

    /// How many descriptors a process has at this moment, from `/proc`; `None` once it is gone.
    pub fn count_descriptors(&self, process: &Process) -> Option<u32> {
        let (root, key) = (self.roots.proc.clone(), process.key);
        self.reader.read(move || procfs::count_descriptors(&root, key.pid, key.start_time))?
    }

    /// The descriptors that a process has open at this moment, from `/proc`; `None` once it is gone.
    pub fn descriptors(&self, process: &Process) -> Option<Vec<OpenDescriptor>> {
        let (root, key) = (self.roots.proc.clone(), process.key);
        self.reader.read(move || procfs::descriptors(&root, key.pid, key.start_time))?
    }

    /// How much memory a process has at this moment, from `/proc`; `None` once it is gone.
    pub fn memory(&self, process: &Process) -> Option<Memory> {
        let (root, key) = (self.roots.proc.clone(), process.key);
        self.reader.read(move || procfs::memory(&root, key.pid, key.start_time))?
    }

    /// How many threads a process has at this moment, from `/proc`; `None` once it is gone.
    pub fn count_threads(&self, process: &Process) -> Option<u32> {
        let (root, key) = (self.roots.proc.clone(), process.key);
        self.reader.read(move || procfs::count_threads(&root, key.pid, key.start_time))?
    }

    /// Removes the processes that ended before that `CLOCK_BOOTTIME`. Their children get the
    /// parent that the kernel gave them; no event tells of it. May be called after each event: a
    /// pass over all is made once in 100 ms of such times.
    pub fn reap(&mut self, before: u64) {
        if before < self.next_reap {
            return;
        }
        self.next_reap = before.saturating_add(REAP_INTERVAL);
        let reaped = self.table.reap(before);
        if !reaped.is_empty() {
            self.adopt_orphans(&reaped);
        }
    }

    /// What the world holds and has done.
    pub fn stats(&self) -> Stats {
        Stats {
            processes: self.table.len(),
            ended: self.table.n_ended(),
            bytes: self.budget.used(),
            evictions: self.table.n_evictions(),
            account_bytes: self.users.size(),
            ..self.stats
        }
    }
}
