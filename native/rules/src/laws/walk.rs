//! A plain interpreter: walks the tree of the text and asks each comparison anew, with nothing shared
//! and nothing converted before. Slow, and written from the language's description only.

use std::net::IpAddr;

use super::Event;
use crate::condition::{Comparison, Condition, Literal, Operand, Right};
use crate::facts::{Facts, Truth, Value};
use crate::operators::{Modifier, Operator};
use crate::{FieldRef, FieldType, lookup};

pub(super) fn truth(condition: &Condition, event: &Event) -> Truth {
    match condition {
        Condition::And(parts) => {
            parts.iter().fold(Truth::True, |all, part| both(all, truth(part, event)))
        }
        Condition::Or(parts) => negated(
            parts.iter().fold(Truth::True, |all, part| both(all, negated(truth(part, event)))),
        ),
        Condition::Not(part) => negated(truth(part, event)),
        Condition::Comparison(comparison) => compare(comparison, event),
        Condition::Macro(name, _) => panic!("macro {name} in a random condition"),
    }
}

fn negated(truth: Truth) -> Truth {
    match truth {
        Truth::True => Truth::False,
        Truth::False => Truth::True,
        Truth::Unknown => Truth::Unknown,
    }
}

fn both(left: Truth, right: Truth) -> Truth {
    match (left, right) {
        (Truth::False, _) | (_, Truth::False) => Truth::False,
        (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
        _ => Truth::True,
    }
}

fn compare(comparison: &Comparison, event: &Event) -> Truth {
    let Operand::Field(written) = &comparison.left else { panic!("no field on the left") };
    let field = lookup(&written.name, None).expect("the fields are known");
    let arena = bumpalo::Bump::new();
    let value = match field.id {
        crate::FieldId::EvtType => Value::Str(event.event_type().name().as_bytes()),
        _ => event.value(&field, &arena),
    };
    let constants: &[Literal] = match &comparison.right {
        Right::Nothing => &[],
        Right::One(literal) => std::slice::from_ref(literal),
        Right::List(literals) => literals,
        Right::Operand(operand) => panic!("{operand} on the right"),
    };
    let one = |literal: &Literal| one(&field, comparison.operator, value, &literal.bytes);
    if comparison.operator == Operator::Exists || field.field_type == FieldType::TextList {
        return whole(comparison.operator, value, constants);
    }
    match comparison.modifier {
        Some(Modifier::All) if constants.is_empty() => Truth::False,
        Some(Modifier::All) => constants.iter().fold(Truth::True, |all, it| both(all, one(it))),
        Some(Modifier::One) => exactly_one(&constants.iter().map(one).collect::<Vec<_>>()),
        Some(Modifier::Any) | None => any(constants.iter().map(one)),
    }
}

fn any(truths: impl Iterator<Item = Truth>) -> Truth {
    negated(truths.fold(Truth::True, |none, it| both(none, negated(it))))
}

fn exactly_one(truths: &[Truth]) -> Truth {
    let count = |wanted| truths.iter().filter(|truth| **truth == wanted).count();
    match (count(Truth::True), count(Truth::Unknown)) {
        (2.., _) => Truth::False,
        (n_true, 0) => (n_true == 1).into(),
        _ => Truth::Unknown,
    }
}

/// `exists`, and comparisons of lists.
fn whole(operator: Operator, value: Value<'_>, constants: &[Literal]) -> Truth {
    let is_in = |value: &Value<'_>| match value {
        Value::Unknown => Truth::Unknown,
        Value::Str(text) => constants.iter().any(|it| it.bytes == *text).into(),
        _ => Truth::False,
    };
    match (value, operator) {
        (Value::Absent, _) => Truth::False,
        (Value::Unknown, _) => Truth::Unknown,
        (_, Operator::Exists) => Truth::True,
        (Value::List(all), Operator::In) => {
            all.iter().fold(Truth::True, |every, it| both(every, is_in(it)))
        }
        (Value::List(all), _) => any(all.iter().map(is_in)),
        _ => Truth::False,
    }
}

/// One constant: for several values any must satisfy, and for both ends `!=` wants both.
fn one(field: &FieldRef, operator: Operator, value: Value<'_>, constant: &[u8]) -> Truth {
    match value {
        Value::Absent => Truth::False,
        Value::Unknown => Truth::Unknown,
        Value::List([]) => Truth::False,
        Value::List(all) => {
            let truths = all.iter().map(|it| one(field, operator, *it, constant));
            if operator == Operator::Different && !field.is_any_ancestor() {
                truths.fold(Truth::True, both)
            } else {
                any(truths)
            }
        }
        Value::Str(text) => texts(operator, text, constant).into(),
        Value::I64(number) => {
            let constant = text(constant).parse().expect("a number");
            match operator {
                Operator::Equal | Operator::In => number == constant,
                Operator::Different => number != constant,
                Operator::LessOrEqual => number <= constant,
                _ => number > constant,
            }
            .into()
        }
        Value::Bool(value) => equality(operator, value.to_string() == text(constant)),
        Value::Ip(address) if field.field_type == FieldType::Net => {
            equality(operator, is_inside(address, text(constant)))
        }
        Value::Ip(address) => equality(operator, address.to_string() == text(constant)),
        other => panic!("{other:?} in a random event"),
    }
}

/// Compares the first bits, written out as text.
fn is_inside(address: IpAddr, network: &str) -> bool {
    let (start, prefix) = network.split_once('/').expect("random networks have a prefix");
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => format!("{:032b}", u32::from(address)),
        IpAddr::V6(address) => format!("{:0128b}", u128::from(address)),
    };
    let (address, start) = (bits(address), bits(start.parse().expect("an address")));
    let prefix: usize = prefix.parse().expect("a number");
    address.len() == start.len() && address[..prefix] == start[..prefix]
}

fn equality(operator: Operator, is_equal: bool) -> Truth {
    (is_equal != (operator == Operator::Different)).into()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("random constants are texts")
}

fn texts(operator: Operator, left: &[u8], right: &[u8]) -> bool {
    let (left, right) = (text(left), text(right));
    match operator {
        Operator::Equal | Operator::In | Operator::Intersects => left == right,
        Operator::Different => left != right,
        Operator::Contains => left.contains(right),
        Operator::CaselessContains => left.to_lowercase().contains(&right.to_lowercase()),
        Operator::StartsWith => left.starts_with(right),
        Operator::EndsWith => left.ends_with(right),
        Operator::Glob => glob(left.as_bytes(), right.as_bytes()),
        Operator::PathPrefix => path_prefix(left, right),
        other => panic!("{} in a random condition", other.text()),
    }
}

/// The random patterns have no special letter but `*`.
fn glob(text: &[u8], pattern: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|skip| glob(&text[skip..], rest)),
        [letter, rest @ ..] => text.first() == Some(letter) && glob(&text[1..], rest),
    }
}

fn path_prefix(text: &str, path: &str) -> bool {
    let parts = |path: &str| {
        path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let (text, path) = (parts(text), parts(path));
    path.len() <= text.len()
        && path.iter().zip(&text).all(|(own, part)| glob(part.as_bytes(), own.as_bytes()))
}
