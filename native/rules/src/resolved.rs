//! Tests of a file's name that look at the path that the kernel resolved, too.
//!
//! A link gives a file another name, and rules name files. So a test that must hold for a rule to
//! match also holds if the resolved path satisfies it. One that must not hold stays as it is: a rule
//! never matches less, and nobody escapes one by where a link leads.

use std::collections::HashMap;

use crate::check::{Check, Several, Wanted};
use crate::expression::{Expr, ExprId, Expressions};
use crate::fields::{Argument, FieldId, lookup};
use crate::value::ValueSource;

/// Which tests of a file's name are also satisfied by the path that the kernel resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResolvedNames {
    /// None: names are what was asked for.
    Off,
    /// Those of whole names (`fd.name` and `fd.filename` with `=` and `in`) in the rules that come with
    /// the program. The kernel can leave out opens that such a test cannot match.
    #[default]
    BuiltIn,
    /// All in all rules. For a test of how a name begins, or of its directory, every open has to leave
    /// the kernel.
    All,
}

/// A field of a name, and the one that has the same of the resolved path.
const FIELDS: [(FieldId, &str); 3] = [
    (FieldId::FdName, "fd.realpath"),
    (FieldId::FdDirectory, "fd.realdirectory"),
    (FieldId::FdFilename, "fd.realfilename"),
];

/// The condition of a rule with these tests added.
pub(crate) fn widened(
    expressions: &mut Expressions,
    root: ExprId,
    which: ResolvedNames,
    is_built_in: bool,
) -> ExprId {
    match (which, is_built_in) {
        (ResolvedNames::Off, _) | (ResolvedNames::BuiltIn, false) => root,
        _ => Widen { expressions, which, done: HashMap::new() }.expression(root, true),
    }
}

struct Widen<'a> {
    expressions: &'a mut Expressions,
    which: ResolvedNames,
    /// Expressions share their parts, which would be walked again and again.
    done: HashMap<(ExprId, bool), ExprId>,
}

impl Widen<'_> {
    /// `wanted` says whether its truth makes the rule match.
    fn expression(&mut self, id: ExprId, wanted: bool) -> ExprId {
        if let Some(done) = self.done.get(&(id, wanted)) {
            return *done;
        }
        let widened = match self.expressions.get(id).clone() {
            Expr::Not(part) => {
                let part = self.expression(part, !wanted);
                self.expressions.not(part)
            }
            Expr::And(parts) => {
                let parts = parts.iter().map(|part| self.expression(*part, wanted)).collect();
                self.expressions.and(parts)
            }
            Expr::Or(parts) => {
                let parts = parts.iter().map(|part| self.expression(*part, wanted)).collect();
                self.expressions.or(parts)
            }
            Expr::Test(test) if wanted => match self.of_resolved(test) {
                Some(other) => self.expressions.or(vec![id, other]),
                None => id,
            },
            Expr::Test(_) | Expr::Constant(_) | Expr::EventIs(_) | Expr::ExactlyOne(_) => id,
        };
        self.done.insert((id, wanted), widened);
        widened
    }

    /// The same test of the resolved path, if it is one that looks there.
    fn of_resolved(&mut self, test: u32) -> Option<ExprId> {
        let test = self.expressions.test(test).clone();
        let is_whole = matches!(test.check, Check::Texts(_, Wanted::Member));
        let is_pattern = matches!(test.check, Check::Pattern(..));
        let ValueSource::Field(field) = self.expressions.value(test.value) else { return None };
        let field = &self.expressions.fields()[*field as usize];
        let (_, name) = FIELDS.iter().find(|(id, _)| *id == field.id)?;
        let is_asked = match self.which {
            ResolvedNames::Off => false,
            ResolvedNames::BuiltIn => is_whole && field.id != FieldId::FdDirectory,
            ResolvedNames::All => is_whole || is_pattern,
        };
        if !is_asked || test.several != Several::Any || field.argument != Argument::None {
            return None;
        }
        let value = self.expressions.add_field(lookup(name, None).ok()?);
        Some(self.expressions.add_test(value, Several::Any, test.check))
    }
}
