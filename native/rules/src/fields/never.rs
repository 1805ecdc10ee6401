//! Why some fields never have a value here.

use super::{FieldId, Trait};

/// Beginnings of names; the first that fits counts.
#[rustfmt::skip]
static REASONS: &[(&str, &str)] = &[
    ("evt.plugin", "there are no plugins"),
    ("evt.asynctype", "there are no asynchronous events"),
    ("evt.count.", "processes that run already are read, and make no events"),
    ("evt.infra.", "runtimes are asked, and make no events"),
    ("thread.", "no switch of a CPU from one thread to another is captured"),
    ("proc.is_container_", "Falco gives it none either"),
    ("container.", "Falco gives it none either"),
    ("k8s.", "Falco gives it none either"),
];

impl FieldId {
    /// Why no event here has a value for it; `None` for all others.
    pub fn why_never(self) -> Option<&'static str> {
        let row = self.row();
        let reason = REASONS.iter().find(|(beginning, _)| row.name.starts_with(beginning));
        reason.filter(|_| row.is(Trait::NeverKnown)).map(|(_, reason)| *reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_without_a_value_has_a_reason() {
        for id in FieldId::all() {
            let row = id.row();
            assert_eq!(id.why_never().is_some(), row.is(Trait::NeverKnown), "{}", row.name);
        }
    }
}
