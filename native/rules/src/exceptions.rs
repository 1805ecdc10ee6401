//! Exceptions to condition text: `(condition) and not (…)`, each part with its place.

use crate::items::ExceptionValue;
use crate::lists::needs_quotes;
use crate::merge::{Rule, RuleException};
use crate::text::Text;

/// The condition of a rule with its exceptions.
pub(crate) fn with_exceptions(rule: &Rule) -> Text {
    if rule.exceptions.is_empty() {
        return rule.condition.clone();
    }
    let mut text = Text::default();
    text.push_fixed("(", &rule.place);
    text.push_text(&rule.condition);
    text.push_fixed(")", &rule.place);
    for exception in rule.exceptions.iter().filter(|it| !it.values.is_empty()) {
        text.push_fixed(" and not ", &exception.place);
        if exception.is_single {
            single(&mut text, exception);
        } else {
            tuples(&mut text, exception);
        }
    }
    text
}

/// `(field in (a, b))`
fn single(text: &mut Text, exception: &RuleException) {
    text.push_fixed("(", &exception.place);
    comparison(text, exception, 0);
    list(text, &exception.values);
    text.push_joint(")");
}

/// `((f1 = a and f2 = b) or (f1 = c and f2 = d))`
fn tuples(text: &mut Text, exception: &RuleException) {
    text.push_fixed("(", &exception.place);
    for (index, tuple) in exception.values.iter().enumerate() {
        let ExceptionValue::Many(values, place) = tuple else { continue };
        text.push_fixed(if index > 0 { " or (" } else { "(" }, place);
        for (field, value) in values.iter().enumerate() {
            if field > 0 {
                text.push_joint(" and ");
            }
            comparison(text, exception, field);
            right(text, exception.fields[field].1.takes_list, value);
        }
        text.push_joint(")");
    }
    text.push_joint(")");
}

fn comparison(text: &mut Text, exception: &RuleException, index: usize) {
    let (field, comparator) = &exception.fields[index];
    text.push_scalar(field, 0..field.text.len());
    text.push_joint(" ");
    text.push_fixed(&comparator.text, &comparator.place);
    text.push_joint(" ");
}

/// A list operator gets parentheses; a value that is a list has them anyway, and so has a text that
/// its author wrote as one.
fn right(text: &mut Text, takes_list: bool, value: &ExceptionValue) {
    match value {
        ExceptionValue::Many(values, _) => list(text, values),
        ExceptionValue::One(scalar) if takes_list && scalar.text.starts_with('(') => {
            text.push_scalar(scalar, 0..scalar.text.len());
        }
        ExceptionValue::One(scalar) if takes_list && scalar.text.contains(',') => {
            text.push_joint("(");
            text.push_scalar(scalar, 0..scalar.text.len());
            text.push_joint(")");
        }
        ExceptionValue::One(_) if takes_list => list(text, std::slice::from_ref(value)),
        ExceptionValue::One(_) => one(text, value),
    }
}

fn list(text: &mut Text, values: &[ExceptionValue]) {
    text.push_joint("(");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push_joint(", ");
        }
        one(text, value);
    }
    text.push_joint(")");
}

fn one(text: &mut Text, value: &ExceptionValue) {
    let ExceptionValue::One(scalar) = value else { return };
    if scalar.text.is_empty() {
        text.push_fixed("\"\"", &scalar.place());
    } else if needs_quotes(&scalar.text) {
        text.push_fixed("\"", &scalar.place());
        text.push_scalar(scalar, 0..scalar.text.len());
        text.push_joint("\"");
    } else {
        text.push_scalar(scalar, 0..scalar.text.len());
    }
}
