//! Exceptions of rules: consistency, and the values that later items append.

use std::rc::Rc;

use crate::condition::Operand;
use crate::diagnostic::{Code, Diagnostic};
use crate::fields::lookup;
use crate::items::{Exception, ExceptionValue, Fields};
use crate::load::SOURCE;
use crate::nearest;
use crate::operators::{Modifier, Operator, RightSide};
use crate::parser;
use crate::source::Place;
use crate::text::Scalar;
use crate::typing::lookup_mistake;

/// An exception that fits together.
#[derive(Clone, Debug)]
pub(crate) struct RuleException {
    pub name: Rc<Scalar>,
    /// Fields and the operators between them and the values.
    pub fields: Vec<(Rc<Scalar>, Comparator)>,
    /// One field with a flat list of values, instead of tuples.
    pub is_single: bool,
    pub values: Vec<ExceptionValue>,
    pub place: Place,
}

/// An operator of an exception, as text, with what it wants behind it.
#[derive(Clone, Debug)]
pub(crate) struct Comparator {
    pub text: String,
    pub place: Place,
    pub takes_list: bool,
}

/// Exceptions of a definition; those that do not fit together are reported and left out.
pub(super) fn define(
    exceptions: Vec<Exception>,
    source: &str,
    found: &mut Vec<Diagnostic>,
) -> Vec<RuleException> {
    exceptions.into_iter().filter_map(|exception| checked(exception, source, found)).collect()
}

/// Appends to exceptions of the same name, and adds the others.
pub(super) fn append(
    exceptions: &mut Vec<RuleException>,
    more: Vec<Exception>,
    source: &str,
    found: &mut Vec<Diagnostic>,
) {
    for exception in more {
        let place = exception.name.place();
        let has_values = exception.values.as_ref().is_some_and(|values| !values.is_empty());
        let name = &exception.name.text;
        let existing = exceptions.iter_mut().find(|it| it.name.text == *name);
        if exception.values.is_none() {
            let message = format!("nothing is appended to exception `{name}`");
            found.push(Diagnostic::new(Code::NoExceptionValues, place.clone(), message));
        }
        match existing {
            Some(_) if exception.fields.is_some() || exception.comps.is_some() => {
                let message = "only values can be appended to an exception that is there";
                found.push(
                    Diagnostic::new(Code::InvalidException, place, message)
                        .help("remove `fields` and `comps`, or take another name"),
                );
            }
            Some(existing) => {
                let values = exception.values.unwrap_or_default();
                let before = found.len();
                values.iter().for_each(|value| check_value(existing, value, found));
                if found.len() == before {
                    existing.values.extend(values);
                }
            }
            None if exception.fields.is_none() || !has_values => {
                let message = format!("a new exception `{name}` needs `fields` and `values`");
                found.push(Diagnostic::new(Code::InvalidException, place, message));
            }
            None => exceptions.extend(checked(exception, source, found)),
        }
    }
}

fn checked(
    exception: Exception,
    source: &str,
    found: &mut Vec<Diagnostic>,
) -> Option<RuleException> {
    let Exception { name, place, fields, comps, values } = exception;
    let Some(fields) = fields else {
        let message = format!("exception `{}` has no fields", name.text);
        found.push(Diagnostic::new(Code::InvalidException, place, message));
        return None;
    };
    let is_single = matches!(fields, Fields::One(_));
    let fields = paired(fields, comps, &name, found)?;
    let exception =
        RuleException { name, fields, is_single, values: values.unwrap_or_default(), place };
    let count = found.len();
    if source == SOURCE {
        exception.fields.iter().for_each(|(field, _)| check_field(field, found));
    }
    for value in &exception.values {
        check_value(&exception, value, found);
    }
    (found.len() == count).then_some(exception)
}

/// Fields with their operators: the given ones, or the default of each form.
fn paired(
    fields: Fields,
    comps: Option<Fields>,
    name: &Rc<Scalar>,
    found: &mut Vec<Diagnostic>,
) -> Option<Vec<(Rc<Scalar>, Comparator)>> {
    let mismatch = |found: &mut Vec<Diagnostic>, place: Place, message: String| {
        found.push(Diagnostic::new(Code::InvalidException, place, message));
        None
    };
    match (fields, comps) {
        (Fields::One(field), None) => {
            let comparator = default_comparator("in", &field);
            Some(vec![(field, comparator)])
        }
        (Fields::One(field), Some(Fields::One(comp))) => {
            let comparator = comparator(&comp, true, found)?;
            Some(vec![(field, comparator)])
        }
        (Fields::Many(fields), None) => Some(
            fields
                .into_iter()
                .map(|field| {
                    let comparator = default_comparator("=", &field);
                    (field, comparator)
                })
                .collect(),
        ),
        (Fields::Many(fields), Some(Fields::Many(comps))) if fields.len() == comps.len() => {
            let pairs = fields.into_iter().zip(comps);
            pairs.map(|(field, comp)| Some((field, comparator(&comp, false, found)?))).collect()
        }
        (Fields::Many(fields), Some(Fields::Many(comps))) => {
            let message =
                format!("{} fields and {} comps do not pair up", fields.len(), comps.len());
            mismatch(found, name.place(), message)
        }
        (Fields::One(_), Some(Fields::Many(_))) => {
            mismatch(found, name.place(), "one field takes one operator, not a list".to_owned())
        }
        (Fields::Many(_), Some(Fields::One(_))) => {
            mismatch(found, name.place(), "a list of fields takes a list of operators".to_owned())
        }
    }
}

/// Without values a field stands in no condition, and must be one all the same.
fn check_field(field: &Scalar, found: &mut Vec<Diagnostic>) {
    let diagnostic = match parser::parse_operand(&field.text, 0) {
        Some((Operand::Transformer(_), end)) if end == field.text.len() => return,
        Some((Operand::Field(written), end)) if end == field.text.len() => {
            let Err(error) = lookup(&written.name, written.bracket.as_deref()) else { return };
            let mistake = lookup_mistake(&error, &written);
            let diagnostic =
                Diagnostic::new(Code::InvalidException, field.place(), mistake.message);
            match mistake.help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            }
        }
        _ => {
            let message = format!("`{}` is neither a field nor a transformer", field.text);
            Diagnostic::new(Code::InvalidException, field.place(), message)
        }
    };
    found.push(diagnostic);
}

fn default_comparator(text: &str, field: &Scalar) -> Comparator {
    Comparator { text: text.to_owned(), place: field.place(), takes_list: text == "in" }
}

/// Reads an operator, which may have a modifier behind it.
fn comparator(comp: &Scalar, needs_list: bool, found: &mut Vec<Diagnostic>) -> Option<Comparator> {
    let mut words = comp.text.split_whitespace();
    let first = words.next().unwrap_or_default();
    let operator = Operator::from_text(first);
    let modifier =
        words.next().map(|word| Modifier::ALL.iter().any(|modifier| modifier.text() == word));
    let takes_list = match (operator.map(Operator::right), modifier) {
        (Some(RightSide::Word), Some(true)) => Some(true),
        (Some(right), None) => Some(right == RightSide::List),
        _ => None,
    };
    let fits =
        takes_list.filter(|takes_list| words.next().is_none() && (*takes_list || !needs_list));
    let Some(takes_list) = fits else {
        let known = Operator::ALL.iter().map(|operator| operator.text());
        let message = if needs_list && takes_list.is_some() {
            format!("`{}` takes no list, as an exception on one field needs", comp.text)
        } else {
            format!("`{}` is no operator", comp.text)
        };
        found.push(
            Diagnostic::new(Code::InvalidException, comp.place(), message)
                .suggest(nearest::nearest(first, known).filter(|near| *near != first)),
        );
        return None;
    };
    Some(Comparator { text: comp.text.trim().to_owned(), place: comp.place(), takes_list })
}

fn check_value(exception: &RuleException, value: &ExceptionValue, found: &mut Vec<Diagnostic>) {
    let wanted = exception.fields.len();
    let message = match (exception.is_single, value) {
        (true, ExceptionValue::One(_)) => return,
        (true, ExceptionValue::Many(..)) => {
            "an exception on one field takes values, not lists of values".to_owned()
        }
        (false, ExceptionValue::One(_)) => {
            format!("expected a list of {wanted} values, one for each field")
        }
        (false, ExceptionValue::Many(values, _)) if values.len() == wanted => {
            let nested = values.iter().any(|value| match value {
                ExceptionValue::One(_) => false,
                ExceptionValue::Many(inner, _) => {
                    inner.iter().any(|it| matches!(it, ExceptionValue::Many(..)))
                }
            });
            if !nested {
                return;
            }
            "lists of values nest too deep".to_owned()
        }
        (false, ExceptionValue::Many(values, _)) => {
            format!("expected {wanted} values, one for each field; found {}", values.len())
        }
    };
    found.push(Diagnostic::new(Code::InvalidException, value.place(), message));
}
