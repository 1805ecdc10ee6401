//! Fields with their arguments, and transformers.

use super::{Mistake, Parsed, Parser};
use crate::condition::{CallArgument, FieldText, Operand, Span, TransformerCall};
use crate::diagnostic::Code;

/// The transformers that take parentheses; `val` is none, it only marks a field.
pub(crate) const TRANSFORMERS: [&str; 8] =
    ["tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"];

impl Parser<'_> {
    /// A field or a transformer, if one is next.
    pub(super) fn operand(&mut self) -> Parsed<Option<Operand>> {
        if let Some(call) = self.transformer()? {
            return Ok(Some(Operand::Transformer(call)));
        }
        Ok(self.field()?.map(Operand::Field))
    }

    /// `val(field)` or a transformer, if one is next.
    pub(super) fn right_operand(&mut self) -> Parsed<Option<Operand>> {
        if let Some(call) = self.transformer()? {
            return Ok(Some(Operand::Transformer(call)));
        }
        let start = self.cursor.at();
        if !self.cursor.skip("val(") {
            return Ok(None);
        }
        self.cursor.skip_blanks();
        let Some(mut field) = self.field()? else {
            return Err(self.mistake("expected a field inside `val(…)`"));
        };
        self.cursor.skip_blanks();
        if !self.cursor.skip(")") {
            return Err(self.mistake("expected `)` behind the field of `val(…)`"));
        }
        if let Some(bracket) = self.bracket()? {
            field.bracket = Some(bracket);
        }
        field.span = start..self.cursor.at();
        Ok(Some(Operand::Field(field)))
    }

    fn field(&mut self) -> Parsed<Option<FieldText>> {
        let Some(span) = self.cursor.field() else { return Ok(None) };
        let name = self.cursor.text(&span).to_owned();
        let bracket = self.bracket()?;
        Ok(Some(FieldText { name, bracket, span: span.start..self.cursor.at() }))
    }

    /// `[argument]`, if it is next.
    fn bracket(&mut self) -> Parsed<Option<String>> {
        let start = self.cursor.at();
        if !self.cursor.skip("[") {
            return Ok(None);
        }
        let argument = match self.quoted()? {
            Some(literal) => String::from_utf8(literal.bytes).map_err(|_| {
                Mistake::new(Code::ConditionSyntax, literal.span, "an argument must be UTF-8")
            })?,
            None => match self.cursor.bare_argument() {
                Some(span) => self.cursor.text(&span).to_owned(),
                None => return Err(self.mistake("expected an argument behind `[`")),
            },
        };
        if self.cursor.skip("]") {
            return Ok(Some(argument));
        }
        let message = "expected `]` right behind the argument";
        Err(Mistake::new(Code::ConditionSyntax, start..self.cursor.at(), message)
            .help("an argument with blanks, quotes or brackets is written in quotes"))
    }

    fn transformer(&mut self) -> Parsed<Option<TransformerCall>> {
        let start = self.cursor.at();
        let name = TRANSFORMERS.into_iter().find(|name| {
            let found = self.cursor.skip(name) && self.cursor.skip("(");
            if !found {
                self.cursor.go_back(start);
            }
            found
        });
        let Some(name) = name else { return Ok(None) };
        let arguments = self.deeper(start, Self::call_arguments)?;
        let bracket = self.bracket()?;
        let span = start..self.cursor.at();
        Ok(Some(TransformerCall { name, arguments, bracket, span }))
    }

    fn call_arguments(&mut self) -> Parsed<Vec<CallArgument>> {
        let mut arguments = Vec::new();
        loop {
            self.cursor.skip_blanks();
            arguments.push(self.call_argument()?);
            self.cursor.skip_blanks();
            if self.cursor.skip(")") {
                return Ok(arguments);
            }
            if !self.cursor.skip(",") {
                return Err(self.mistake("expected `,` or `)` behind a transformer's argument"));
            }
        }
    }

    fn call_argument(&mut self) -> Parsed<CallArgument> {
        let start = self.cursor.at();
        if self.cursor.skip("(") {
            let elements = self.deeper(start, Self::call_list)?;
            return Ok(CallArgument::List(elements, start..self.cursor.at()));
        }
        if let Some(element) = self.call_element()? {
            return Ok(element);
        }
        Err(self.mistake("expected a field, a transformer, a number, a quoted text or a list"))
    }

    fn call_list(&mut self) -> Parsed<Vec<CallArgument>> {
        let mut elements = Vec::new();
        self.cursor.skip_blanks();
        if self.cursor.skip(")") {
            return Ok(elements);
        }
        loop {
            self.cursor.skip_blanks();
            let Some(element) = self.call_element()? else {
                return Err(
                    self.mistake("expected a field, a transformer, a number or a quoted text")
                );
            };
            elements.push(element);
            self.cursor.skip_blanks();
            if self.cursor.skip(")") {
                return Ok(elements);
            }
            if !self.cursor.skip(",") {
                return Err(self.mistake("expected `,` or `)` in a transformer's list"));
            }
        }
    }

    fn call_element(&mut self) -> Parsed<Option<CallArgument>> {
        if let Some(operand) = self.operand()? {
            return Ok(Some(CallArgument::Operand(operand)));
        }
        if let Some(literal) = self.quoted()? {
            return Ok(Some(CallArgument::Literal(literal)));
        }
        let span: Option<Span> = self.cursor.number();
        Ok(span.map(|span| CallArgument::Literal(self.literal(span))))
    }
}
