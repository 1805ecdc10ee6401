//! The values of a plan, fetched or made at most once per event.
//!
//! **Invariant:** nothing here allocates but in the arena, which is emptied between events.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use crate::facts::{Facts, Value};
use crate::fields::FieldRef;
use crate::value::{self, ValueId, ValueSource};

/// Fields and values of a plan, by number.
#[derive(Debug)]
pub(crate) struct ValueTable {
    pub fields: Box<[FieldRef]>,
    pub sources: Box<[ValueSource]>,
}

/// Where a value stands among those that were made, and for which event that is so. Kept between
/// events, so that nothing has to be cleared for one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    event: u32,
    at: u32,
}

/// How many values there is room for before the first is made; events rarely need more.
const USUAL: usize = 24;

/// The values of one event that were asked for so far.
pub(crate) struct Values<'a, F> {
    facts: &'a F,
    table: &'a ValueTable,
    arena: &'a Bump,
    places: &'a mut [Place],
    event: u32,
    made: ArenaVec<'a, &'a Value<'a>>,
}

impl<'a, F: Facts> Values<'a, F> {
    /// Values of the event of this number; no place is of it, and there is one for each value.
    pub fn new(
        facts: &'a F,
        table: &'a ValueTable,
        arena: &'a Bump,
        places: &'a mut [Place],
        event: u32,
    ) -> Self {
        let made = ArenaVec::with_capacity_in(USUAL, arena);
        Self { facts, table, arena, places, event, made }
    }

    /// Values of an event for which nothing is kept.
    pub fn once(facts: &'a F, table: &'a ValueTable, arena: &'a Bump) -> Self {
        let places = arena.alloc_slice_fill_copy(table.sources.len(), Place::default());
        Self::new(facts, table, arena, places, 1)
    }

    pub fn facts(&self) -> &'a F {
        self.facts
    }

    pub fn arena(&self) -> &'a Bump {
        self.arena
    }

    /// The value with this number.
    pub fn get(&mut self, id: ValueId) -> Value<'a> {
        *self.see(id)
    }

    /// The same where it lies: it is not moved to be looked at.
    #[inline(always)]
    pub fn see(&mut self, id: ValueId) -> &'a Value<'a> {
        let place = self.places[id.0 as usize];
        if place.event == self.event { self.made[place.at as usize] } else { self.fetch(id) }
    }

    /// The value of a field, by number, which is not kept.
    #[inline(always)]
    pub fn field(&self, field: u32) -> Value<'a> {
        self.facts.value(&self.table.fields[field as usize], self.arena)
    }

    /// Makes a value that was not asked for so far.
    #[inline(never)]
    fn fetch(&mut self, id: ValueId) -> &'a Value<'a> {
        let (table, arena) = (self.table, self.arena);
        let value: &'a Value<'a> = match &table.sources[id.0 as usize] {
            ValueSource::Field(field) => arena.alloc_with(|| self.field(*field)),
            source => {
                let made = self.make(source);
                arena.alloc(made)
            }
        };
        let at = u32::try_from(self.made.len()).unwrap_or(u32::MAX);
        self.places[id.0 as usize] = Place { event: self.event, at };
        self.made.push(value);
        value
    }

    /// Apart, so that what most values are does not pay for its frame.
    #[inline(never)]
    fn make(&mut self, source: &'a ValueSource) -> Value<'a> {
        let arena = self.arena;
        match source {
            ValueSource::Field(field) => self.field(*field),
            ValueSource::Constant(text) => Value::Str(text),
            ValueSource::List(elements) => Value::List(
                arena.alloc_slice_fill_iter(elements.iter().map(|element| self.get(*element))),
            ),
            ValueSource::Lower(inner) => {
                value::each_text(self.get(*inner), arena, |text| Some(value::lower(text, arena)))
            }
            ValueSource::Upper(inner) => {
                value::each_text(self.get(*inner), arena, |text| Some(value::upper(text, arena)))
            }
            ValueSource::Base64(inner) => {
                value::each_text(self.get(*inner), arena, |text| value::base64(text, arena))
            }
            ValueSource::Basename(inner) => {
                value::each_text(self.get(*inner), arena, |text| Some(value::basename(text)))
            }
            ValueSource::Length(inner) => value::length(self.get(*inner)),
            ValueSource::ByteLength(inner) => value::byte_length(self.get(*inner)),
            ValueSource::Join(separator, list) => {
                let separator = self.get(*separator);
                value::join(separator, self.get(*list), arena)
            }
            ValueSource::Concat(parts) => {
                let parts = arena.alloc_slice_fill_iter(parts.iter().map(|part| self.get(*part)));
                value::joined(parts, b"", arena)
            }
            ValueSource::Getopt(arguments, known, wanted) => {
                let arguments = self.get(*arguments);
                value::getopt(arguments, self.get(*known), *wanted, arena)
            }
        }
    }
}
