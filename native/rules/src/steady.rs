//! What stays as it is while a process and its container do: fields by their lifetime, and all that is
//! made of such fields alone.
//!
//! **Invariant:** two events of the same [`StateId`](crate::StateId) have the same answers here.

use crate::check::Check;
use crate::expression::{Expr, ExprId, Expressions};
use crate::fields::{FieldId, FieldRef, FieldType, Lifetime};
use crate::value::{ValueId, ValueSource};

/// What is steady of the expressions of a load.
pub(crate) struct Steady {
    expressions: Vec<bool>,
}

impl Steady {
    /// Of all expressions that there are by now.
    pub fn of(expressions: &Expressions) -> Self {
        let mut values: Vec<bool> = Vec::with_capacity(expressions.values().len());
        // A value and an expression are made of ones with smaller numbers.
        for source in expressions.values() {
            let is_steady = |value: &ValueId| values[value.0 as usize];
            values.push(match source {
                ValueSource::Field(field) => is_field(&expressions.fields()[*field as usize]),
                ValueSource::Constant(_) => true,
                ValueSource::List(parts) | ValueSource::Concat(parts) => {
                    parts.iter().all(is_steady)
                }
                ValueSource::Lower(part)
                | ValueSource::Upper(part)
                | ValueSource::Base64(part)
                | ValueSource::Basename(part)
                | ValueSource::Length(part)
                | ValueSource::ByteLength(part) => is_steady(part),
                ValueSource::Join(left, right) | ValueSource::Getopt(left, right, _) => {
                    is_steady(left) && is_steady(right)
                }
            });
        }
        let mut known: Vec<bool> = Vec::with_capacity(expressions.n_nodes());
        for index in 0..expressions.n_nodes() {
            let is_steady = |part: &ExprId| known[part.index()];
            let expression = expressions.get(ExprId::from_index(index));
            known.push(match expression {
                Expr::Constant(_) => true,
                Expr::EventIs(_) => false,
                Expr::Test(test) => {
                    let test = expressions.test(*test);
                    let right = match &test.check {
                        Check::Value(_, right) => values[right.0 as usize],
                        _ => true,
                    };
                    right && values[test.value.0 as usize]
                }
                Expr::Not(part) => is_steady(part),
                Expr::And(parts) | Expr::Or(parts) | Expr::ExactlyOne(parts) => {
                    parts.iter().all(is_steady)
                }
            });
        }
        Self { expressions: known }
    }

    /// Whether an expression is; of one that was added since it is not known, so it is not.
    pub fn contains(&self, id: ExprId) -> bool {
        self.expressions.get(id.index()).is_some_and(|is_steady| *is_steady)
    }
}

/// Times are told by a clock that people set.
fn is_field(field: &FieldRef) -> bool {
    let is_time = matches!(field.field_type, FieldType::RelativeTime | FieldType::AbsoluteTime)
        || field.id == FieldId::ProcPidnsInitStartTs;
    field.id.row().lifetime != Lifetime::Event && !is_time
}
