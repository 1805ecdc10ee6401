//! The laws by which expressions are brought into normal form.

use hashbrown::HashMap;

use super::{Expr, ExprId, Expressions};
use crate::check::{Check, Group, Several};
use crate::events::{EventSet, EventType};
use crate::value::ValueId;

/// `and` and `or` follow the same laws with the words exchanged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    And,
    Or,
}

impl Expressions {
    pub fn not(&mut self, part: ExprId) -> ExprId {
        match self.get(part).clone() {
            Expr::Constant(value) => self.constant(!value),
            Expr::Not(inner) => inner,
            Expr::EventIs(set) => self.event_is(EventSet::full().difference(&set)),
            _ => self.add(Expr::Not(part)),
        }
    }

    pub fn and(&mut self, parts: Vec<ExprId>) -> ExprId {
        self.combine(Word::And, parts)
    }

    pub fn or(&mut self, parts: Vec<ExprId>) -> ExprId {
        self.combine(Word::Or, parts)
    }

    pub fn exactly_one(&mut self, parts: Vec<ExprId>) -> ExprId {
        self.add(Expr::ExactlyOne(parts.into()))
    }

    /// The expression for events of one type only.
    pub fn specialise(
        &mut self,
        id: ExprId,
        event: EventType,
        done: &mut HashMap<ExprId, ExprId>,
    ) -> ExprId {
        if let Some(special) = done.get(&id) {
            return *special;
        }
        let special = match self.get(id).clone() {
            Expr::Constant(_) | Expr::Test(_) => id,
            Expr::EventIs(set) => self.constant(set.contains(event)),
            Expr::Not(part) => {
                let part = self.specialise(part, event, done);
                self.not(part)
            }
            Expr::And(parts) => {
                let parts = self.specialise_all(&parts, event, done);
                self.and(parts)
            }
            Expr::Or(parts) => {
                let parts = self.specialise_all(&parts, event, done);
                self.or(parts)
            }
            Expr::ExactlyOne(parts) => {
                let parts = self.specialise_all(&parts, event, done);
                self.exactly_one(parts)
            }
        };
        done.insert(id, special);
        special
    }

    fn specialise_all(
        &mut self,
        parts: &[ExprId],
        event: EventType,
        done: &mut HashMap<ExprId, ExprId>,
    ) -> Vec<ExprId> {
        parts.iter().map(|part| self.specialise(*part, event, done)).collect()
    }

    fn combine(&mut self, word: Word, parts: Vec<ExprId>) -> ExprId {
        let mut flat = self.flattened(word, parts);
        flat = self.merge_event_types(word, flat);
        flat = self.merge_tests(word, flat);
        // What settles the whole, and what does not matter for it.
        let settling = word == Word::Or;
        if flat.iter().any(|part| *self.get(*part) == Expr::Constant(settling)) {
            return self.constant(settling);
        }
        flat.retain(|part| *self.get(*part) != Expr::Constant(!settling));
        flat.sort_unstable_by_key(|part| (self.cost_to_settle(*part, settling), *part));
        flat.dedup();
        match (flat.as_slice(), word) {
            ([], _) => self.constant(!settling),
            ([only], _) => *only,
            (_, Word::And) => self.add(Expr::And(flat.into())),
            (_, Word::Or) => self.add(Expr::Or(flat.into())),
        }
    }

    fn flattened(&self, word: Word, parts: Vec<ExprId>) -> Vec<ExprId> {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match (self.get(part), word) {
                (Expr::And(inner), Word::And) | (Expr::Or(inner), Word::Or) => {
                    flat.extend_from_slice(inner);
                }
                _ => flat.push(part),
            }
        }
        flat
    }

    fn merge_event_types(&mut self, word: Word, parts: Vec<ExprId>) -> Vec<ExprId> {
        let mut merged: Option<EventSet> = None;
        let mut others = Vec::with_capacity(parts.len());
        for part in parts {
            let Expr::EventIs(set) = self.get(part) else {
                others.push(part);
                continue;
            };
            merged = Some(match (merged, word) {
                (None, _) => (**set).clone(),
                (Some(merged), Word::And) => merged.intersection(set),
                (Some(merged), Word::Or) => merged.union(set),
            });
        }
        if let Some(set) = merged {
            others.push(self.event_is(set));
        }
        others
    }

    /// In an `or`, tests of one value that ask the same way become one test of a larger set; in an
    /// `and`, the same happens to what is negated: `not a and not b` is `not (a or b)`.
    fn merge_tests(&mut self, word: Word, parts: Vec<ExprId>) -> Vec<ExprId> {
        let mut groups: HashMap<(ValueId, Several, Group), Vec<usize>> = HashMap::new();
        for (place, part) in parts.iter().enumerate() {
            if let Some(key) = self.group_of(word, *part) {
                groups.entry(key).or_default().push(place);
            }
        }
        let mut groups: Vec<_> =
            groups.into_iter().filter(|(_, places)| places.len() > 1).collect();
        groups.sort_unstable_by_key(|(_, places)| places[0]);
        let mut merged = Vec::new();
        let mut gone = vec![false; parts.len()];
        for ((value, several, _), places) in groups {
            let checks: Vec<&Check> = places
                .iter()
                .filter_map(|place| self.merged_test(word, parts[*place]))
                .map(|test| &self.test(test).check)
                .collect();
            let Some(check) = Check::any_of(&checks) else { continue };
            places.iter().for_each(|place| gone[*place] = true);
            let test = self.add_test(value, several, check);
            merged.push(if word == Word::Or { test } else { self.not(test) });
        }
        let kept = parts.iter().zip(gone).filter(|(_, gone)| !gone).map(|(part, _)| *part);
        merged.extend(kept);
        merged
    }

    fn group_of(&self, word: Word, part: ExprId) -> Option<(ValueId, Several, Group)> {
        let test = self.test(self.merged_test(word, part)?);
        let group = test.check.group()?;
        (test.several != Several::List).then_some((test.value, test.several, group))
    }

    fn merged_test(&self, word: Word, part: ExprId) -> Option<u32> {
        let part = match (word, self.get(part)) {
            (Word::Or, _) => part,
            (Word::And, Expr::Not(inner)) => *inner,
            (Word::And, _) => return None,
        };
        match self.get(part) {
            Expr::Test(test) => Some(*test),
            _ => None,
        }
    }
}
