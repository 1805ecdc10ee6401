//! What the rules need of capture, in capture's terms.

use peregrine_capture::{Opens, event::OpenCall};
use peregrine_rules::{EventType, OPENS, OpenClass, OpenNeed, Plan};

/// Classes of each call, as the programs number kinds of opens.
const CLASSES: u32 = 16;

/// The opens that some rule can match.
pub fn opens(plan: &Plan) -> Opens {
    let mut opens = Opens::none();
    for name in OPENS {
        let (Some(event), Some(call)) = (EventType::from_name(name), call(name)) else { continue };
        for class in OpenClass::all() {
            let kind = call as u32 * CLASSES + class.index() as u32;
            match plan.open_need(event, class) {
                OpenNeed::Nothing => {}
                OpenNeed::Names(names) => {
                    opens.add_named(kind, names.prefixes.iter().map(|prefix| &**prefix));
                    opens.add_last(kind, names.last.iter().map(|name| &**name));
                }
                OpenNeed::Anything => opens.add_always(kind),
            }
        }
    }
    opens
}

fn call(name: &str) -> Option<OpenCall> {
    match name {
        "open" => Some(OpenCall::Open),
        "openat" => Some(OpenCall::Openat),
        "openat2" => Some(OpenCall::Openat2),
        "creat" => Some(OpenCall::Creat),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_that_opens_has_a_number_of_its_own() {
        let numbers: Vec<_> = OPENS.iter().map(|name| call(name).expect(name) as u32).collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
    }
}
