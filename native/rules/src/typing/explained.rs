//! Conditions as their authors wrote them, each part with the expression that it became.

use super::{Site, Typing};
use crate::compile::fields_of_values;
use crate::condition::{Comparison, Condition, Right};
use crate::diagnostic::Diagnostic;
use crate::explain::{Part, PartKind};
use crate::expression::ExprId;
use crate::fields::FieldRef;
use crate::items::Kind;
use crate::text::Text;

/// Most parts of an explained condition: macros in macros can make it far larger than its text.
const PART_LIMIT: usize = 100_000;

impl Typing<'_> {
    /// The condition of a rule with its macros put in; nothing if it has an error.
    pub fn explained(&mut self, name: &str, text: &Text) -> Option<Part> {
        let mut found: Vec<Diagnostic> = Vec::new();
        let item = (Kind::Rule, name);
        let (text, condition) = self.read(text, item, &mut found)?;
        // Checking it as a whole first bounds its depth and finds macros that contain themselves.
        let mut site = Site::new(&text, item);
        self.condition(&mut site, &condition)?;
        self.part(&mut site, &condition, &mut { PART_LIMIT })
    }

    /// A checked condition with its macros put in; nothing if that is too much.
    pub fn with_macros(&self, condition: &Condition) -> Option<Condition> {
        self.put_in(condition, &mut { PART_LIMIT })
    }

    fn put_in(&self, condition: &Condition, room: &mut usize) -> Option<Condition> {
        *room = room.checked_sub(1)?;
        let mut all = |parts: &[Condition]| -> Option<Vec<_>> {
            parts.iter().map(|part| self.put_in(part, room)).collect()
        };
        Some(match condition {
            Condition::And(parts) => Condition::And(all(parts)?),
            Condition::Or(parts) => Condition::Or(all(parts)?),
            Condition::Not(part) => Condition::Not(Box::new(self.put_in(part, room)?)),
            Condition::Macro(name, _) => {
                let index = self.definitions.macros.position(name)?;
                let read = self.macros[index].read.clone()?;
                self.put_in(&read.1, room)?
            }
            Condition::Comparison(_) => condition.clone(),
        })
    }

    fn part(
        &mut self,
        site: &mut Site<'_>,
        condition: &Condition,
        room: &mut usize,
    ) -> Option<Part> {
        *room = room.checked_sub(1)?;
        match condition {
            Condition::And(parts) => {
                let (parts, ids) = self.parts(site, parts, room)?;
                let id = self.expressions.and(ids);
                Some(self.joined(PartKind::And(parts), id))
            }
            Condition::Or(parts) => {
                let (parts, ids) = self.parts(site, parts, room)?;
                let id = self.expressions.or(ids);
                Some(self.joined(PartKind::Or(parts), id))
            }
            Condition::Not(part) => {
                let part = self.part(site, part, room)?;
                let id = self.expressions.not(part.expression);
                Some(self.joined(PartKind::Not(Box::new(part)), id))
            }
            Condition::Macro(name, span) => {
                let index = self.definitions.macros.position(name)?;
                let read = self.macros[index].read.clone()?;
                let (text, condition) = &*read;
                let mut inner = Site::new(text, (Kind::Macro, name));
                let part = self.part(&mut inner, condition, room)?;
                let id = part.expression;
                let kind = PartKind::Macro { name: name.clone(), part: Box::new(part) };
                let place = site.text.place(self.files, span.clone());
                Some(Part { place, ..self.joined(kind, id) })
            }
            Condition::Comparison(comparison) => {
                let id = self.comparison(site, comparison)?;
                let text = comparison.to_string();
                let fields = self.fields_of_comparison(site, comparison);
                let kind = PartKind::Comparison { text, fields };
                let place = site.text.place(self.files, comparison.span.clone());
                Some(Part { place, ..self.joined(kind, id) })
            }
        }
    }

    fn parts(
        &mut self,
        site: &mut Site<'_>,
        parts: &[Condition],
        room: &mut usize,
    ) -> Option<(Vec<Part>, Vec<ExprId>)> {
        let parts: Vec<_> =
            parts.iter().map(|part| self.part(site, part, room)).collect::<Option<_>>()?;
        let ids = parts.iter().map(|part| part.expression).collect();
        Some((parts, ids))
    }

    /// The fields on both sides.
    fn fields_of_comparison(
        &mut self,
        site: &mut Site<'_>,
        comparison: &Comparison,
    ) -> Box<[FieldRef]> {
        let right = match &comparison.right {
            Right::Operand(operand) => Some(operand),
            Right::Nothing | Right::One(_) | Right::List(_) => None,
        };
        let operands = std::iter::once(&comparison.left).chain(right);
        let values: Vec<_> =
            operands.filter_map(|it| Some(self.operand(site, it)?.value)).collect();
        fields_of_values(&self.expressions, &values)
    }

    fn joined(&self, kind: PartKind, expression: ExprId) -> Part {
        Part::new(kind, expression, &self.expressions)
    }
}
