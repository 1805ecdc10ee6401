//! Output texts to segments, and segments with facts to messages.
//!
//! A `%` begins a field or a transformer; the longest text behind it that is one counts.

mod parse;
mod render;

use std::sync::Arc;

pub(crate) use parse::draft;
pub(crate) use render::shown;
pub use render::{OutputValue, RenderedOutput};

use crate::fields::FieldRef;
use crate::value::ValueId;
use crate::values::ValueTable;

/// How bytes are written where they become text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BytesForm {
    /// What is no visible letter becomes a dot.
    #[default]
    Printable,
    /// All of them as base64.
    Base64,
}

/// A compiled output text.
#[derive(Debug)]
pub struct OutputFormat {
    bytes: BytesForm,
    segments: Box<[Segment]>,
    /// Fields in the order of their texts, each once.
    fields: Box<[OutputField]>,
    /// Texts that only structured outputs show, by their names.
    extra: Box<[ExtraText]>,
    table: Arc<ValueTable>,
    time: FieldRef,
}

/// An output text that was read.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    segments: Vec<Segment>,
    fields: Vec<OutputField>,
    extra: Vec<ExtraText>,
}

#[derive(Debug)]
enum Segment {
    Text(Box<str>),
    /// A value, with the width that it is cut or filled to. The field is none for transformers.
    Value {
        value: ValueId,
        field: Option<FieldRef>,
        width: Option<usize>,
    },
}

/// A text that only structured outputs show, with its name.
type ExtraText = (Arc<str>, Box<[Segment]>);

/// A field that structured outputs list.
#[derive(Debug)]
struct OutputField {
    name: Arc<str>,
    value: ValueId,
    field: FieldRef,
}

impl OutputFormat {
    /// The field that stands behind texts of times.
    pub(crate) fn time(&self) -> &FieldRef {
        &self.time
    }
}

impl Draft {
    /// Adds to structured outputs what another text shows: as one text of a name, or as its fields.
    pub fn add_field(&mut self, other: Self, name: Option<&str>) {
        match name {
            Some(name) => self.extra.push((name.into(), other.segments.into())),
            None => self.fields.extend(other.fields),
        }
    }

    /// The values that the output needs.
    pub fn values(&self) -> impl Iterator<Item = ValueId> {
        let extra = self.extra.iter().flat_map(|(_, segments)| segments);
        let in_text = self.segments.iter().chain(extra).filter_map(|segment| match segment {
            Segment::Value { value, .. } => Some(*value),
            Segment::Text(_) => None,
        });
        in_text.chain(self.fields.iter().map(|field| field.value))
    }

    /// The names of the fields that structured outputs list.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let extra = self.extra.iter().map(|(name, _)| name);
        self.fields.iter().map(|field| &field.name).chain(extra).map(|name| name.to_string())
    }

    /// The format, with the values of the whole plan.
    pub fn finish(mut self, table: Arc<ValueTable>, bytes: BytesForm) -> OutputFormat {
        self.fields.sort_by(|left, right| left.name.cmp(&right.name));
        self.fields.dedup_by(|later, kept| later.name == kept.name);
        let time = crate::fields::lookup("evt.rawtime", None);
        OutputFormat {
            bytes,
            segments: self.segments.into(),
            fields: self.fields.into(),
            extra: self.extra.into(),
            table,
            time: time.expect("the catalogue has evt.rawtime"),
        }
    }
}
