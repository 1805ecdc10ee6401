//! What the daemon says of itself, sampled about once a second and served with the alerts.

use std::sync::{Arc, Mutex, PoisonError};

use peregrine_alerts::Metric;
use peregrine_capture::{Counts as KernelCounts, event::Lane};
use peregrine_world::Stats;

use crate::{
    judge::Counts,
    losses::{Losses, lane_name},
};

/// The newest sample, which the main thread writes and the service reads.
#[derive(Clone, Default)]
pub struct Sample(Arc<Mutex<Vec<Metric>>>);

impl Sample {
    /// Replaces the sample.
    pub fn set(&self, metrics: Vec<Metric>) {
        // The lock guards the list alone; a panic elsewhere cannot leave it half written.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = metrics;
    }

    /// The newest sample.
    pub fn get(&self) -> Vec<Metric> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// All of the daemon's own metrics but those of the alerts.
pub fn metrics(
    counts: Counts,
    kernel: KernelCounts,
    losses: &Losses,
    malformed: u64,
    world: Stats,
) -> Vec<Metric> {
    let lost = [Lane::LifeCycle, Lane::Busy].map(|lane| {
        Metric::counter(
            "peregrined_capture_events_lost_total",
            "Events that found their lane full.",
            losses.total(lane),
        )
        .label("lane", lane_name(lane))
    });
    let mut all = vec![
        Metric::counter(
            "peregrined_capture_events_total",
            "Events that came out of the lanes.",
            counts.events,
        ),
        Metric::counter(
            "peregrined_capture_records_malformed_total",
            "Records that could not be decoded.",
            malformed,
        ),
        Metric::counter(
            "peregrined_capture_events_filtered_total",
            "Events left out in the kernel, since no rule can match them.",
            kernel.filtered,
        ),
        Metric::counter(
            "peregrined_capture_events_held_back_total",
            "Of the events lost in the busy lane, those of a cgroup that flooded it.",
            kernel.held_back,
        ),
        Metric::counter(
            "peregrined_capture_ring_requests_lost_total",
            "Requests in an io_uring that were not followed, since thousands were under way at once.",
            kernel.ring_lost,
        ),
        Metric::counter(
            "peregrined_capture_recursion_misses_total",
            "Runs of programs that the kernel left out, since one was running on that CPU.",
            kernel.recursion_misses,
        ),
        Metric::counter(
            "peregrined_capture_events_truncated_total",
            "Events with a text that was cut at its limit.",
            counts.truncated,
        ),
        Metric::counter(
            "peregrined_capture_events_unreadable_total",
            "Events of whose memory something could not be read.",
            counts.unreadable,
        ),
        Metric::counter(
            "peregrined_capture_events_mismatched_total",
            "Events whose arguments were changed while the call ran.",
            counts.mismatched,
        ),
        Metric::counter(
            "peregrined_capture_filter_audits_total",
            "Events that the filter would have left out, judged to check it.",
            counts.audited,
        ),
        Metric::counter(
            "peregrined_capture_filter_mismatches_total",
            "Audited events that a rule matched; must stay 0.",
            counts.audit_mismatches,
        ),
        Metric::counter(
            "peregrined_rules_events_judged_total",
            "Events of a type that some rule asks for.",
            counts.judged,
        ),
        Metric::counter(
            "peregrined_rules_alerts_total",
            "Alerts that rules have made.",
            counts.alerts,
        ),
        Metric::gauge(
            "peregrined_world_processes",
            "Processes that are known.",
            world.processes as u64,
        ),
        Metric::gauge(
            "peregrined_world_bytes",
            "Memory of arguments, environments and paths.",
            world.bytes as u64,
        ),
        Metric::counter(
            "peregrined_world_evictions_total",
            "Processes given up for want of room.",
            world.evictions,
        ),
        Metric::counter(
            "peregrined_world_heals_total",
            "Processes read from /proc because no event had told of them.",
            world.heals,
        ),
        Metric::counter(
            "peregrined_world_placeholders_total",
            "Times that nothing was known of a process.",
            world.placeholders,
        ),
    ];
    all.extend(lost);
    all
}
