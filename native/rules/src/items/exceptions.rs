//! The `exceptions` of a rule as they are written.

use std::rc::Rc;

use super::keys::{Keys, scalar};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Place;
use crate::text::Scalar;
use crate::yaml::{Node, Value};

/// An entry of `exceptions`.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    pub name: Rc<Scalar>,
    pub place: Place,
    pub fields: Option<Fields>,
    pub comps: Option<Fields>,
    pub values: Option<Vec<ExceptionValue>>,
}

/// One text, or a list of them.
#[derive(Clone, Debug)]
pub(crate) enum Fields {
    One(Rc<Scalar>),
    Many(Vec<Rc<Scalar>>),
}

/// A value, or a list of values.
#[derive(Clone, Debug)]
pub(crate) enum ExceptionValue {
    One(Rc<Scalar>),
    Many(Vec<ExceptionValue>, Place),
}

impl ExceptionValue {
    pub fn place(&self) -> Place {
        match self {
            Self::One(scalar) => scalar.place(),
            Self::Many(_, place) => place.clone(),
        }
    }
}

/// Reads `exceptions`; an empty key is an empty list.
pub(super) fn read(keys: &Keys<'_>, found: &mut Vec<Diagnostic>) -> Option<Vec<Exception>> {
    let node = keys.node("exceptions")?;
    let elements = match &node.value {
        Value::Null => return Some(Vec::new()),
        Value::Sequence(elements) => elements,
        Value::Scalar(..) | Value::Mapping(_) => {
            keys.wrong("exceptions", "must be a list", found);
            return None;
        }
    };
    let mut exceptions: Vec<Exception> = Vec::new();
    for element in elements {
        let Some(exception) = entry(keys.file(), element, found) else { continue };
        if exceptions.iter().any(|other| other.name.text == exception.name.text) {
            let message = format!("two exceptions are called `{}`", exception.name.text);
            let place = exception.name.place();
            found.push(Diagnostic::new(Code::RepeatedException, place, message));
        }
        exceptions.push(exception);
    }
    Some(exceptions)
}

fn entry(file: usize, node: &Node, found: &mut Vec<Diagnostic>) -> Option<Exception> {
    let place = Place::new(file, node.range.clone());
    let Value::Mapping(pairs) = &node.value else {
        found.push(Diagnostic::new(
            Code::WrongShape,
            place,
            "expected an exception with `name`, `fields` and `values`",
        ));
        return None;
    };
    let keys = Keys::new(file, &node.range, pairs, found);
    let name = keys.required("name", found)?;
    Some(Exception {
        place: name.place(),
        name,
        fields: fields(&keys, "fields", found),
        comps: fields(&keys, "comps", found),
        values: values(&keys, found),
    })
}

fn fields(keys: &Keys<'_>, key: &str, found: &mut Vec<Diagnostic>) -> Option<Fields> {
    match keys.node(key)?.value {
        Value::Sequence(_) => keys.scalars(key, found).map(Fields::Many),
        _ => keys.optional(key, found).map(Fields::One),
    }
}

fn values(keys: &Keys<'_>, found: &mut Vec<Diagnostic>) -> Option<Vec<ExceptionValue>> {
    let node = keys.node("values")?;
    match &node.value {
        Value::Null => None,
        Value::Sequence(elements) => {
            let values = elements.iter().filter_map(|it| value(keys.file(), it, found));
            Some(values.collect())
        }
        Value::Scalar(..) | Value::Mapping(_) => {
            keys.wrong("values", "must be a list", found);
            None
        }
    }
}

fn value(file: usize, node: &Node, found: &mut Vec<Diagnostic>) -> Option<ExceptionValue> {
    let place = Place::new(file, node.range.clone());
    match &node.value {
        Value::Scalar(..) => scalar(file, node).map(ExceptionValue::One),
        Value::Sequence(elements) => {
            let values = elements.iter().filter_map(|it| value(file, it, found)).collect();
            Some(ExceptionValue::Many(values, place))
        }
        Value::Null | Value::Mapping(_) => {
            found.push(Diagnostic::new(
                Code::WrongShape,
                place,
                "expected a value or a list of values",
            ));
            None
        }
    }
}
