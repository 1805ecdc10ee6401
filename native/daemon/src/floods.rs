//! Whose events were held back while a lane was nearly full: a flood from one container costs that
//! container's events first, and says so.

use std::{collections::HashMap, sync::Arc};

use peregrine_alerts::{Alert, FieldValue, Priority};
use peregrine_capture::Flood;

use crate::clock::Clock;

/// Name of the notice, which stands where a rule's name stands in an alert.
pub const RULE: &str = "Peregrine internal: flood held back";

/// Fields of an alert.
pub type Fields = Vec<(Arc<str>, FieldValue)>;

/// What has been told of each cgroup.
#[derive(Debug, Default)]
pub struct Floods {
    told: HashMap<u64, u64>,
}

impl Floods {
    /// A notice for each cgroup that has had events held back since the last call. `whose` says who
    /// a process is: its container, pod and name.
    pub fn notices(
        &mut self,
        floods: &[Flood],
        clock: Clock,
        now: u64,
        mut whose: impl FnMut(&Flood) -> Fields,
    ) -> Vec<Alert> {
        let notices = floods.iter().filter_map(|flood| {
            let told = self.told.get(&flood.cgroup_id).copied().unwrap_or(0);
            // What was pushed out of the programs' map and came back has counted anew.
            let told = if flood.held_back < told { 0 } else { told };
            let events = flood.held_back - told;
            (events > 0).then(|| notice(flood, events, clock, now, whose(flood)))
        });
        let notices = notices.collect();
        self.told = floods.iter().map(|flood| (flood.cgroup_id, flood.held_back)).collect();
        notices
    }
}

fn notice(flood: &Flood, events: u64, clock: Clock, now: u64, mut fields: Fields) -> Alert {
    let text = |name: &str| {
        fields.iter().find_map(|(known, value)| match value {
            FieldValue::Text(text) if **known == *name => Some(text.as_str()),
            _ => None,
        })
    };
    let container = text("container.id").unwrap_or("an unknown container");
    let process = text("proc.name").unwrap_or("an unknown process");
    let message = format!(
        "{events} events of {container} (last: {process}) were not judged, since it flooded a lane \
         that was nearly full."
    );
    let field = |name: &str, value| (Arc::from(name), FieldValue::U64(value));
    fields.extend([field("cgroup_id", flood.cgroup_id), field("n_events", events)]);
    fields.sort_by(|(left, _), (right, _)| left.cmp(right));
    Alert::notice(RULE, Priority::Critical, clock.epoch(now), &message, fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flood(cgroup_id: u64, held_back: u64) -> Flood {
        Flood { cgroup_id, held_back, pid: 7, start_time: 1 }
    }

    fn told(floods: &mut Floods, now: &[Flood]) -> Vec<String> {
        let whose = |_: &Flood| vec![("container.id".into(), FieldValue::Text("abc".into()))];
        let alerts = floods.notices(now, Clock::now(), 5, whose);
        alerts.into_iter().map(|alert| alert.message).collect()
    }

    #[test]
    fn each_cgroup_is_told_of_with_what_is_new() {
        let mut floods = Floods::default();
        let first = told(&mut floods, &[flood(1, 10), flood(2, 3)]);
        assert_eq!(first.len(), 2);
        assert!(first[0].contains("10 events of abc"), "{first:?}");
        let second = told(&mut floods, &[flood(1, 15), flood(2, 3)]);
        assert_eq!(second.len(), 1);
        assert!(second[0].contains("5 events of abc"), "{second:?}");
    }

    #[test]
    fn a_cgroup_that_was_forgotten_counts_anew() {
        let mut floods = Floods::default();
        told(&mut floods, &[flood(1, 10)]);
        assert!(told(&mut floods, &[]).is_empty());
        assert_eq!(told(&mut floods, &[flood(1, 2)]).len(), 1);
    }
}
