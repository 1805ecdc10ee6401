//! Gaps of the lanes, gathered: under a flood there are thousands a second, and one notice a second
//! for each lane says as much.

use std::sync::Arc;

use peregrine_alerts::{Alert, FieldValue, Priority};
use peregrine_capture::{Gap, event::Lane};

use crate::clock::Clock;

/// Name of the notice, which stands where a rule's name stands in an alert.
pub const RULE: &str = "Peregrine internal: events lost";

/// What a lane has lost since the last notice.
#[derive(Clone, Copy, Debug, Default)]
struct Loss {
    events: u64,
    gaps: u64,
    /// `CLOCK_BOOTTIME`, ns; 0 when no event stood before.
    from_time: u64,
    to_time: u64,
}

/// Losses of both lanes.
#[derive(Debug, Default)]
pub struct Losses {
    waiting: [Loss; 2],
    total: [u64; 2],
    missed: [Missed; 2],
}

/// What never came into a lane, and what of it has been told.
#[derive(Clone, Copy, Debug, Default)]
struct Missed {
    total: u64,
    told: u64,
}

/// Why, in the order of [`Losses::set_missed`].
const WHY_MISSED: [(&str, &str); 2] = [
    (
        "ring_requests",
        "requests in an io_uring were not followed: thousands were under way at once",
    ),
    ("recursion", "runs of a program were left out by the kernel: one was running on that CPU"),
];

impl Losses {
    /// Takes in a gap.
    pub fn add(&mut self, gap: &Gap) {
        let loss = &mut self.waiting[gap.lane as usize];
        if loss.gaps == 0 {
            loss.from_time = gap.from_time;
        }
        loss.events += gap.count();
        loss.gaps += 1;
        loss.to_time = loss.to_time.max(gap.to_time);
        self.total[gap.lane as usize] += gap.count();
    }

    /// What never came into a lane since the programs were loaded: requests in an io_uring, and runs
    /// of programs.
    pub fn set_missed(&mut self, ring_requests: u64, recursion: u64) {
        for (missed, total) in self.missed.iter_mut().zip([ring_requests, recursion]) {
            missed.total = total;
        }
    }

    /// Events lost in a lane since the start.
    pub fn total(&self, lane: Lane) -> u64 {
        self.total[lane as usize]
    }

    /// Did the lane of processes lose something that the world now lacks?
    pub fn is_life_cycle_waiting(&self) -> bool {
        self.waiting[Lane::LifeCycle as usize].gaps > 0
    }

    /// A notice for each lane that has lost something, and for each other way to miss something;
    /// then nothing waits any more.
    pub fn notices(&mut self, clock: Clock, now: u64) -> Vec<Alert> {
        let lanes = [Lane::LifeCycle, Lane::Busy].into_iter().filter_map(|lane| {
            let loss = std::mem::take(&mut self.waiting[lane as usize]);
            (loss.gaps > 0).then(|| notice(lane, loss, clock, now))
        });
        let missed = self.missed.iter_mut().zip(WHY_MISSED).filter_map(|(missed, why)| {
            let events = missed.total.saturating_sub(missed.told);
            missed.told += events;
            (events > 0).then(|| missed_notice(events, why, clock.epoch(now)))
        });
        lanes.chain(missed).collect()
    }
}

/// The lane's name in metrics and notices.
pub fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::LifeCycle => "life_cycle",
        Lane::Busy => "busy",
    }
}

fn notice(lane: Lane, loss: Loss, clock: Clock, now: u64) -> Alert {
    let lane = lane_name(lane);
    let to_time = if loss.to_time == 0 { now } else { loss.to_time };
    let from_time = if loss.from_time == 0 { to_time } else { loss.from_time };
    let message = format!("{} events of the {lane} lane found it full.", loss.events);
    let fields = vec![
        field("lane", FieldValue::Text(lane.to_owned())),
        field("n_events", FieldValue::U64(loss.events)),
        field("n_gaps", FieldValue::U64(loss.gaps)),
        field("from_time", FieldValue::U64(clock.epoch(from_time))),
        field("to_time", FieldValue::U64(clock.epoch(to_time))),
    ];
    Alert::notice(RULE, Priority::Critical, clock.epoch(to_time), &message, fields)
}

fn missed_notice(events: u64, (name, why): (&str, &str), time_ns: u64) -> Alert {
    let fields = vec![
        field("missed", FieldValue::Text(name.to_owned())),
        field("n_events", FieldValue::U64(events)),
    ];
    Alert::notice(RULE, Priority::Critical, time_ns, &format!("{events} {why}."), fields)
}

fn field(name: &str, value: FieldValue) -> (Arc<str>, FieldValue) {
    (name.into(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(lane: Lane, first: u64, last: u64, from_time: u64, to_time: u64) -> Gap {
        Gap { lane, cpu: 0, first, last, from_time, to_time }
    }

    #[test]
    fn gaps_of_a_lane_become_one_notice_with_their_sum() {
        let mut losses = Losses::default();
        losses.add(&gap(Lane::Busy, 1, 10, 100, 200));
        losses.add(&gap(Lane::Busy, 20, 20, 300, 400));
        let notices = losses.notices(Clock::now(), 500);
        assert_eq!(notices.len(), 1);
        assert!(notices[0].message.contains("11 events of the busy lane"), "{notices:?}");
        assert_eq!(&*notices[0].source, "internal");
        assert!(losses.notices(Clock::now(), 600).is_empty());
        assert_eq!(losses.total(Lane::Busy), 11);
    }

    #[test]
    fn what_never_came_into_a_lane_is_told_once() {
        let mut losses = Losses::default();
        losses.set_missed(3, 0);
        let notices = losses.notices(Clock::now(), 1);
        assert_eq!(notices.len(), 1);
        assert!(notices[0].message.contains("3 requests in an io_uring"), "{notices:?}");
        losses.set_missed(3, 0);
        assert!(losses.notices(Clock::now(), 2).is_empty());
    }

    #[test]
    fn a_loss_of_processes_is_told_apart() {
        let mut losses = Losses::default();
        losses.add(&gap(Lane::Busy, 1, 1, 0, 1));
        assert!(!losses.is_life_cycle_waiting());
        losses.add(&gap(Lane::LifeCycle, 1, 1, 0, 1));
        assert!(losses.is_life_cycle_waiting());
        assert_eq!(losses.notices(Clock::now(), 2).len(), 2);
    }
}
