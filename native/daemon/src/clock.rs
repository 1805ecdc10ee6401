//! Kernel time (since boot) and wall time.

use rustix::time::{ClockId, clock_gettime};

const SECOND: u64 = 1_000_000_000;

/// Turns times since boot into times since the epoch.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Epoch time at boot, ns; moves when the wall clock is set.
    boot: u64,
}

impl Clock {
    /// As the clocks stand now; to be taken anew about once a second, since the wall clock steps.
    pub fn now() -> Self {
        // The wall clock between two looks at the other: the middle of those is its time.
        let before = since_boot();
        let wall = nanoseconds(ClockId::Realtime);
        let after = since_boot();
        Self { boot: wall.saturating_sub(before / 2 + after / 2) }
    }

    /// Epoch time in ns of a time since boot in ns.
    pub fn epoch(self, boot_time: u64) -> u64 {
        self.boot.saturating_add(boot_time)
    }
}

/// `CLOCK_BOOTTIME`, ns.
pub fn since_boot() -> u64 {
    nanoseconds(ClockId::Boottime)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    u64::try_from(time.tv_sec).unwrap_or(0) * SECOND + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_the_wall_clock_moves_later_times_and_none_is_out_of_range() {
        let (before, after) = (Clock { boot: 1_000 * SECOND }, Clock { boot: 400 * SECOND });
        assert_eq!(before.epoch(5) - after.epoch(5), 600 * SECOND);
        assert_eq!(Clock { boot: u64::MAX - 1 }.epoch(u64::MAX), u64::MAX);
    }

    #[test]
    fn now_is_now() {
        let wall =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
                as u64;
        let now = Clock::now().epoch(since_boot());
        assert!(now.abs_diff(wall) < SECOND, "{now} {wall}");
    }
}
