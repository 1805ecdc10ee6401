//! Processes by (pid, start time), bounded in number and bytes.
//!
//! A pid may stand for several processes at once: the living one and those that ended but are
//! still asked about. They hang in a chain, the newest first. When there is no room, the ended go
//! first, oldest end first, then the oldest of those without children, then any.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    budget::Budget,
    lineage::LIMIT_DEPTH,
    process::{End, Precision, Process, ProcessKey, TICK, is_same_start},
};

/// A process's place in the table, until it is removed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Place(u32);

#[derive(Debug)]
struct Slot {
    process: Process,
    older: Option<Place>,
}

#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<Option<Slot>>,
    free: Vec<Place>,
    newest: FxHashMap<u32, Place>,
    ended: VecDeque<(u64, ProcessKey)>,
    capacity: usize,
    bytes_limit: usize,
    budget: Budget,
    n_evictions: u64,
    /// The last that was given to a process.
    revision: u64,
}

impl Table {
    pub(crate) fn new(capacity: usize, bytes_limit: usize, budget: Budget) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            newest: FxHashMap::default(),
            ended: VecDeque::new(),
            // A process and its parent must fit.
            capacity: capacity.max(2),
            bytes_limit,
            budget,
            n_evictions: 0,
            revision: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn n_ended(&self) -> usize {
        self.ended.len()
    }

    pub(crate) fn n_evictions(&self) -> u64 {
        self.n_evictions
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Process> {
        self.slots.iter().flatten().map(|slot| &slot.process)
    }

    /// The process that began at `start_time`, or the newest of that pid when that is 0.
    pub(crate) fn find(&self, pid: u32, start_time: u64) -> Option<Place> {
        let mut next = self.newest.get(&pid).copied();
        if start_time == 0 {
            return next;
        }
        while let Some(place) = next {
            let slot = self.slot(place)?;
            if is_same_start(&slot.process, start_time) {
                return Some(place);
            }
            next = slot.older;
        }
        None
    }

    pub(crate) fn get(&self, place: Place) -> Option<&Process> {
        self.slot(place).map(|slot| &slot.process)
    }

    /// The process to change it: whoever kept something that depends on it sees by its revision.
    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut Process> {
        let process = &mut self.slots.get_mut(place.0 as usize)?.as_mut()?.process;
        self.revision += 1;
        process.revision = self.revision;
        Some(process)
    }

    /// Puts a process in, or in place of what was known of it. Room is made first, and neither by
    /// giving up that one nor its parent.
    pub(crate) fn put(&mut self, process: Process) -> Place {
        let key = process.key;
        let known = self.find(key.pid, key.start_time);
        self.make_room(if known.is_some() { key } else { process.parent });
        if let Some(place) = known
            && let Some(former) = self.get_mut(place)
        {
            let (end, revision) = (former.end, former.revision);
            *former = process;
            former.end = former.end.or(end);
            former.revision = revision;
            return place;
        }
        let end = process.end;
        let place = self.insert(process);
        if let Some(end) = end {
            self.ended.push_back((end.time, key));
        }
        place
    }

    fn insert(&mut self, mut process: Process) -> Place {
        let key = process.key;
        self.revision += 1;
        process.revision = self.revision;
        let older = self.newest.get(&key.pid).copied();
        let slot = Some(Slot { process, older });
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place.0 as usize] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                Place(self.slots.len() as u32 - 1)
            }
        };
        self.newest.insert(key.pid, place);
        place
    }

    /// A record named the process: its start time is now exact.
    pub(crate) fn sharpen(&mut self, place: Place, start_time: u64) {
        let is_rough = |process: &Process| process.precision == Precision::Tick;
        if start_time != 0
            && self.get(place).is_some_and(is_rough)
            && let Some(process) = self.get_mut(place)
        {
            process.key.start_time = start_time;
            process.precision = Precision::Exact;
        }
    }

    /// Notes the end of a process, which stays known until it is reaped.
    pub(crate) fn end(&mut self, place: Place, end: End) {
        if let Some(process) = self.get_mut(place)
            && process.end.is_none()
        {
            process.end = Some(end);
            let key = process.key;
            self.ended.push_back((end.time, key));
        }
    }

    /// Removes those that ended before that time; gives their pids.
    pub(crate) fn reap(&mut self, before: u64) -> FxHashSet<u32> {
        let mut reaped = FxHashSet::default();
        while let Some(&(time, key)) = self.ended.front()
            && time < before
        {
            self.ended.pop_front();
            if self.remove_ended(key) {
                reaped.insert(key.pid);
            }
        }
        reaped
    }

    fn remove_ended(&mut self, key: ProcessKey) -> bool {
        let place = self.find(key.pid, key.start_time);
        let is_ended = |place: &Place| self.get(*place).is_some_and(|it| it.end.is_some());
        place.filter(is_ended).is_some_and(|place| self.remove(place).is_some())
    }

    fn remove(&mut self, place: Place) -> Option<Process> {
        let slot = self.slots.get_mut(place.0 as usize)?.take()?;
        self.unlink(slot.process.key.pid, place, slot.older);
        self.free.push(place);
        Some(slot.process)
    }

    fn unlink(&mut self, pid: u32, place: Place, older: Option<Place>) {
        let Some(&newest) = self.newest.get(&pid) else { return };
        if newest == place {
            match older {
                Some(older) => self.newest.insert(pid, older),
                None => self.newest.remove(&pid),
            };
            return;
        }
        let mut at = Some(newest);
        while let Some(slot) = at.and_then(|at| self.slots.get_mut(at.0 as usize)?.as_mut()) {
            if slot.older == Some(place) {
                slot.older = older;
                return;
            }
            at = slot.older;
        }
    }

    /// A sixteenth is given up at once, so that the pass over all is paid by many.
    fn make_room(&mut self, kept: ProcessKey) {
        if self.has_room(1, self.bytes_limit) {
            return;
        }
        let spare = (self.capacity / 16).max(1);
        let bytes_goal = self.bytes_limit - self.bytes_limit / 16;
        while !self.has_room(spare, bytes_goal)
            && let Some((_, key)) = self.ended.pop_front()
        {
            self.n_evictions += u64::from(self.remove_ended(key));
        }
        let kept = self.find(kept.pid, kept.start_time);
        if !self.has_room(spare, bytes_goal) {
            self.evict_leaves(kept, spare, bytes_goal);
        }
        if !self.has_room(1, self.bytes_limit) {
            self.evict_any(kept, spare, bytes_goal);
        }
    }

    fn has_room(&self, spare: usize, bytes_goal: usize) -> bool {
        self.len() + spare <= self.capacity && self.budget.used() <= bytes_goal
    }

    /// The oldest of those without children; then those who have none left, and so on upward.
    fn evict_leaves(&mut self, kept: Option<Place>, spare: usize, bytes_goal: usize) {
        let mut n_children = self.count_children();
        let mut leaves: BinaryHeap<Reverse<(u32, u64, Place)>> = (0..self.slots.len() as u32)
            .map(Place)
            .filter(|place| Some(*place) != kept && !n_children.contains_key(place))
            .filter_map(|place| Some(Reverse((0, self.get(place)?.key.start_time, place))))
            .collect();
        while !self.has_room(spare, bytes_goal)
            && let Some(Reverse((round, _, place))) = leaves.pop()
        {
            let Some(process) = self.remove(place) else { continue };
            self.n_evictions += 1;
            let Some(parent) = self.parent_place(&process) else { continue };
            let left = n_children.entry(parent).or_default();
            *left = left.saturating_sub(1);
            if *left == 0
                && Some(parent) != kept
                && let Some(process) = self.get(parent)
            {
                leaves.push(Reverse((round + 1, process.key.start_time, parent)));
            }
        }
    }

    fn count_children(&self) -> FxHashMap<Place, u32> {
        let mut n_children = FxHashMap::default();
        for process in self.iter() {
            if let Some(parent) = self.parent_place(process) {
                *n_children.entry(parent).or_default() += 1;
            }
        }
        n_children
    }

    /// What is left is a line of parents, longer than anyone makes it but to fill the table, or a
    /// loop. The newest go, which spares the system's own; but the very newest last, for rules may
    /// still ask for them.
    fn evict_any(&mut self, kept: Option<Place>, spare: usize, bytes_goal: usize) {
        let places = (0..self.slots.len() as u32).map(Place);
        let mut newest: Vec<_> = places
            .filter(|place| Some(*place) != kept)
            .filter_map(|place| Some((Reverse(self.get(place)?.key.start_time), place)))
            .collect();
        newest.sort_unstable();
        let spared = LIMIT_DEPTH.min(newest.len());
        newest.rotate_left(spared);
        for (_, place) in newest {
            if self.has_room(spare, bytes_goal) {
                return;
            }
            self.n_evictions += u64::from(self.remove(place).is_some());
        }
    }

    /// Where the parent is. One whose start is not known is the newest of that pid, unless that
    /// began after its child: then the pid was given again.
    pub(crate) fn parent_place(&self, process: &Process) -> Option<Place> {
        let parent = process.parent;
        let place = self.find(parent.pid, parent.start_time)?;
        let key = self.get(place)?.key;
        let is_older =
            parent.start_time != 0 || key.start_time / TICK <= process.key.start_time / TICK;
        (is_older && key != process.key).then_some(place)
    }

    fn slot(&self, place: Place) -> Option<&Slot> {
        self.slots.get(place.0 as usize)?.as_ref()
    }
}
