//! The two lanes as one ordered stream.
//!
//! Before a record of the busy lane is given out, the life-cycle lane is given out up to its time,
//! so that who did it is known. Looking into the life-cycle lane first and into the busy one
//! second makes the reverse hold too: whatever led to a life-cycle record stands in the busy lane
//! by then, and is older.
//!
//! Programs run with preemption off, so the sequence of a lane and CPU is strict: a number left out
//! is a record that found its lane full.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{Ordering, fence},
    },
    time::Duration,
};

use rustix::event::{Timespec, epoll};

use crate::{
    decode::{self, DecodeError, LanePlace, decode},
    event::{Event, Lane},
    ring::{Control, Ring},
};

/// Records of one lane and CPU that were lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gap {
    /// Which lane.
    pub lane: Lane,
    /// Which CPU.
    pub cpu: u16,
    /// First missing sequence.
    pub first: u64,
    /// Last missing sequence.
    pub last: u64,
    /// `CLOCK_BOOTTIME` in ns of the record before it; 0 if there was none.
    pub from_time: u64,
    /// `CLOCK_BOOTTIME` in ns of the record behind it; 0 if there is none yet.
    pub to_time: u64,
}

impl Gap {
    /// How many records are missing.
    pub fn count(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// The newest sequence of each lane and CPU, as the programs have them.
#[derive(Clone, Debug)]
pub struct Newest(pub(crate) Vec<(Lane, u16, u64)>);

/// What a lane gives out.
#[derive(Debug)]
pub enum Item<'a> {
    /// Something happened.
    Event(Event<'a>),
    /// Records are missing before what comes next from this lane and CPU.
    Gap(Gap),
    /// Bytes that are no record: foreign or of another version.
    Malformed(DecodeError),
}

/// Ends a sleep of the reader, from any thread.
#[derive(Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    pub(crate) fn new(event: OwnedFd) -> Self {
        Self(Arc::new(event))
    }

    /// Ends the sleep, or keeps the next one from beginning.
    pub fn wake(&self) {
        // It fails only when the counter is at its end, and then the sleep ends anyway.
        if let Err(error) = rustix::io::write(&*self.0, &1_u64.to_ne_bytes()) {
            tracing::debug!(%error, "reader not woken");
        }
    }

    fn clear(&self) {
        let mut count = [0; 8];
        if let Err(error) = rustix::io::read(&*self.0, &mut count)
            && error != rustix::io::Errno::AGAIN
        {
            tracing::debug!(%error, "wake-up not cleared");
        }
    }
}

/// Both rings and what waits for them.
pub struct Lanes {
    life_cycle: Ring,
    busy: Ring,
    control: Arc<Control>,
    epoll: OwnedFd,
    waker: Waker,
    sequences: Sequences,
}

impl Lanes {
    pub(crate) fn new(
        [life_cycle, busy]: [Ring; 2],
        control: Control,
        epoll: OwnedFd,
        waker: Waker,
    ) -> Self {
        let control = Arc::new(control);
        Self { life_cycle, busy, control, epoll, waker, sequences: Sequences::default() }
    }

    /// To end a sleep of `wait` from another thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    pub(crate) fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }

    /// Gives out at most `limit` records in order; returns how many there were.
    pub fn drain(&mut self, limit: usize, mut sink: impl FnMut(Item<'_>)) -> usize {
        let mut count = 0;
        while count < limit {
            let Some(lane) = self.next_lane() else { break };
            let ring = match lane {
                Lane::LifeCycle => &mut self.life_cycle,
                Lane::Busy => &mut self.busy,
            };
            let Some(bytes) = ring.peek() else { break };
            if let Some(gap) = decode::place(bytes).and_then(|place| self.sequences.see(place)) {
                sink(Item::Gap(gap));
            }
            match decode(bytes) {
                Ok(Some(event)) => sink(Item::Event(event)),
                Ok(None) => {}
                Err(error) => sink(Item::Malformed(error)),
            }
            ring.take();
            count += 1;
        }
        self.life_cycle.release();
        self.busy.release();
        count
    }

    /// Sleeps until a record comes, or until the time is over.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        self.control.reader_asleep().store(1, Ordering::SeqCst);
        // A record that came before the word was seen must be seen here; see bpf/emit.h.
        fence(Ordering::SeqCst);
        if self.next_lane().is_none() {
            let timeout = Timespec {
                tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: timeout.subsec_nanos().into(),
            };
            let mut events = [const { std::mem::MaybeUninit::uninit() }; 3];
            match epoll::wait(&self.epoll, &mut events[..], Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.control.reader_asleep().store(0, Ordering::SeqCst);
        self.waker.clear();
        Ok(())
    }

    /// Losses that nothing has come behind yet. To be called when `drain` found nothing: what is
    /// missing then of sequences that were given out before was lost.
    pub fn overdue(&mut self, newest: &Newest) -> Vec<Gap> {
        if self.next_lane().is_some() {
            return Vec::new();
        }
        newest
            .0
            .iter()
            .filter_map(|&(lane, cpu, sequence)| self.sequences.overdue(lane, cpu, sequence))
            .collect()
    }

    /// The lane whose head comes next. The order of the two looks matters, see above.
    fn next_lane(&mut self) -> Option<Lane> {
        let life_cycle = Self::head_time(&mut self.life_cycle);
        let Some(busy) = Self::head_time(&mut self.busy) else {
            return life_cycle.map(|_| Lane::LifeCycle);
        };
        let life_cycle = life_cycle.or_else(|| Self::head_time(&mut self.life_cycle));
        Some(match life_cycle {
            Some(time) if time <= busy => Lane::LifeCycle,
            _ => Lane::Busy,
        })
    }

    /// 0 for bytes that have no time: they go out at once.
    fn head_time(ring: &mut Ring) -> Option<u64> {
        ring.peek().map(|bytes| decode::place(bytes).map_or(0, |place| place.time))
    }
}

/// The newest sequence and time seen of each lane and CPU.
#[derive(Default)]
struct Sequences {
    lanes: [Vec<Seen>; 2],
}

#[derive(Clone, Copy, Default)]
struct Seen {
    sequence: u64,
    time: u64,
}

impl Sequences {
    fn seen(&mut self, lane: Lane, cpu: u16) -> &mut Seen {
        let cpus = &mut self.lanes[lane as usize];
        let cpu = usize::from(cpu);
        if cpus.len() <= cpu {
            cpus.resize(cpu + 1, Seen::default());
        }
        &mut cpus[cpu]
    }

    fn see(&mut self, place: LanePlace) -> Option<Gap> {
        let seen = self.seen(place.lane, place.cpu);
        let before = *seen;
        *seen = Seen { sequence: place.sequence.max(before.sequence), time: place.time };
        (place.sequence > before.sequence + 1).then_some(Gap {
            lane: place.lane,
            cpu: place.cpu,
            first: before.sequence + 1,
            last: place.sequence - 1,
            from_time: before.time,
            to_time: place.time,
        })
    }

    fn overdue(&mut self, lane: Lane, cpu: u16, sequence: u64) -> Option<Gap> {
        let seen = self.seen(lane, cpu);
        let before = *seen;
        seen.sequence = seen.sequence.max(sequence);
        (sequence > before.sequence).then_some(Gap {
            lane,
            cpu,
            first: before.sequence + 1,
            last: sequence,
            from_time: before.time,
            to_time: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(cpu: u16, sequence: u64, time: u64) -> LanePlace {
        LanePlace { lane: Lane::Busy, cpu, sequence, time }
    }

    #[test]
    fn an_unbroken_sequence_has_no_gap() {
        let mut sequences = Sequences::default();
        assert_eq!(sequences.see(place(0, 1, 10)), None);
        assert_eq!(sequences.see(place(1, 1, 11)), None);
        assert_eq!(sequences.see(place(0, 2, 12)), None);
    }

    #[test]
    fn missing_numbers_are_counted_exactly_and_bounded_in_time() {
        let mut sequences = Sequences::default();
        sequences.see(place(3, 1, 10));
        let gap = sequences.see(place(3, 7, 20)).unwrap();
        assert_eq!((gap.first, gap.last, gap.count()), (2, 6, 5));
        assert_eq!((gap.from_time, gap.to_time), (10, 20));
        assert_eq!(sequences.see(place(3, 8, 21)), None);
    }

    #[test]
    fn a_loss_with_nothing_behind_it_is_found_once() {
        let mut sequences = Sequences::default();
        sequences.see(place(0, 4, 10));
        let gap = sequences.overdue(Lane::Busy, 0, 9).unwrap();
        assert_eq!((gap.first, gap.last), (5, 9));
        assert_eq!(sequences.overdue(Lane::Busy, 0, 9), None);
        assert_eq!(sequences.see(place(0, 10, 11)), None);
    }
}
