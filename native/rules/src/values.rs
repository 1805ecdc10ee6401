//! The values of a plan, fetched or made at most once per event.
//!
//! **Invariant:** nothing here allocates but in the arena, which is emptied between events.

use std::cell::Cell;

use bumpalo::Bump;

use crate::facts::{Facts, Value};
use crate::fields::FieldRef;
use crate::value::{self, ValueId, ValueSource};

/// Fields and values of a plan, by number.
#[derive(Debug)]
pub(crate) struct ValueTable {
    pub fields: Box<[FieldRef]>,
    pub sources: Box<[ValueSource]>,
}

/// How many values are kept together: the room for them is made when the first is asked for.
const CHUNK: usize = 8;

type Chunk<'a> = &'a [Cell<Option<Value<'a>>>];

/// The values of one event that were asked for so far.
pub(crate) struct Values<'a, F> {
    facts: &'a F,
    table: &'a ValueTable,
    arena: &'a Bump,
    chunks: &'a [Cell<Option<Chunk<'a>>>],
}

impl<'a, F: Facts> Values<'a, F> {
    pub fn new(facts: &'a F, table: &'a ValueTable, arena: &'a Bump) -> Self {
        let n_chunks = table.sources.len().div_ceil(CHUNK);
        let chunks = arena.alloc_slice_fill_with(n_chunks, |_| Cell::new(None));
        Self { facts, table, arena, chunks }
    }

    pub fn arena(&self) -> &'a Bump {
        self.arena
    }

    /// The value with this number.
    #[inline]
    pub fn get(&self, id: ValueId) -> Value<'a> {
        let index = id.0 as usize;
        let known = self.chunks[index / CHUNK].get().and_then(|it| it[index % CHUNK].get());
        known.unwrap_or_else(|| self.fetch(index))
    }

    /// Makes a value that was not asked for so far.
    fn fetch(&self, index: usize) -> Value<'a> {
        let chunk = &self.chunks[index / CHUNK];
        let cells = chunk.get().unwrap_or_else(|| {
            let cells: Chunk<'a> = self.arena.alloc_slice_fill_with(CHUNK, |_| Cell::new(None));
            chunk.set(Some(cells));
            cells
        });
        let value = self.make(&self.table.sources[index]);
        cells[index % CHUNK].set(Some(value));
        value
    }

    fn make(&self, source: &'a ValueSource) -> Value<'a> {
        let arena = self.arena;
        match source {
            ValueSource::Field(field) => {
                self.facts.value(&self.table.fields[*field as usize], arena)
            }
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
                value::join(self.get(*separator), self.get(*list), arena)
            }
            ValueSource::Concat(parts) => {
                let parts = arena.alloc_slice_fill_iter(parts.iter().map(|part| self.get(*part)));
                value::joined(parts, b"", arena)
            }
            ValueSource::Getopt(arguments, known, wanted) => {
                value::getopt(self.get(*arguments), self.get(*known), *wanted, arena)
            }
        }
    }
}
