//! The tree of a condition, and its printer.
//!
//! Printing and parsing again gives the same tree.

use std::fmt::{self, Display, Formatter, Write};
use std::ops::Range;

use crate::operators::{Modifier, Operator};

/// A part of the condition's text, in bytes.
pub(crate) type Span = Range<usize>;

/// A condition or a part of one.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Macro(String, Span),
    Comparison(Box<Comparison>),
}

/// A field, an operator and a value.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub left: Operand,
    pub operator: Operator,
    pub operator_span: Span,
    pub modifier: Option<Modifier>,
    pub right: Right,
    pub span: Span,
}

/// What gives a value.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Field(FieldText),
    Transformer(TransformerCall),
}

impl Operand {
    pub fn span(&self) -> &Span {
        match self {
            Self::Field(field) => &field.span,
            Self::Transformer(call) => &call.span,
        }
    }
}

/// A field as written.
#[derive(Clone, Debug)]
pub(crate) struct FieldText {
    pub name: String,
    pub bracket: Option<String>,
    pub span: Span,
}

/// A transformer as written.
#[derive(Clone, Debug)]
pub(crate) struct TransformerCall {
    pub name: &'static str,
    pub arguments: Vec<CallArgument>,
    pub bracket: Option<String>,
    pub span: Span,
}

/// What stands in a transformer's parentheses.
#[derive(Clone, Debug)]
pub(crate) enum CallArgument {
    Operand(Operand),
    Literal(Literal),
    List(Vec<CallArgument>, Span),
}

/// A constant.
#[derive(Clone, Debug)]
pub(crate) struct Literal {
    pub bytes: Vec<u8>,
    pub span: Span,
}

/// The right side of a comparison.
#[derive(Clone, Debug)]
pub(crate) enum Right {
    Nothing,
    One(Literal),
    List(Vec<Literal>),
    Operand(Operand),
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => joined(f, parts, " and "),
            Self::Or(parts) => joined(f, parts, " or "),
            Self::Not(part) => write!(f, "not {part}"),
            Self::Macro(name, _) => f.write_str(name),
            Self::Comparison(comparison) => comparison.fmt(f),
        }
    }
}

fn joined(f: &mut Formatter<'_>, parts: &[Condition], word: &str) -> fmt::Result {
    f.write_char('(')?;
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        part.fmt(f)?;
    }
    f.write_char(')')
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.operator.text())?;
        if let Some(modifier) = self.modifier {
            write!(f, " {}", modifier.text())?;
        }
        match &self.right {
            Right::Nothing => Ok(()),
            Right::One(literal) => write!(f, " {literal}"),
            Right::List(literals) => {
                f.write_str(" (")?;
                separated(f, literals, ", ")?;
                f.write_char(')')
            }
            Right::Operand(Operand::Field(field)) => write!(f, " val({field})"),
            Right::Operand(call) => write!(f, " {call}"),
        }
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => field.fmt(f),
            Self::Transformer(call) => {
                write!(f, "{}(", call.name)?;
                separated(f, &call.arguments, ", ")?;
                f.write_char(')')?;
                bracket(f, call.bracket.as_deref())
            }
        }
    }
}

impl Display for FieldText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        bracket(f, self.bracket.as_deref())
    }
}

impl Display for CallArgument {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operand(operand) => operand.fmt(f),
            Self::Literal(literal) => quoted(f, &literal.bytes),
            Self::List(elements, _) => {
                f.write_char('(')?;
                separated(f, elements, ", ")?;
                f.write_char(')')
            }
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) if is_bare(text) => f.write_str(text),
            _ => quoted(f, &self.bytes),
        }
    }
}

/// Whether a text reads as itself without quotes wherever a constant may stand.
fn is_bare(text: &str) -> bool {
    let is_modifier = Modifier::ALL.iter().any(|modifier| modifier.text() == text);
    !text.is_empty()
        && !is_modifier
        && !text.contains(|c: char| {
            matches!(c, '(' | ')' | '\'' | '"' | '=' | ',' | '\\' | '\u{8}')
                || c.is_whitespace()
                || c.is_control()
        })
}

fn bracket(f: &mut Formatter<'_>, argument: Option<&str>) -> fmt::Result {
    let Some(argument) = argument else { return Ok(()) };
    f.write_char('[')?;
    let plain = !argument.is_empty()
        && !argument.contains(|c: char| {
            matches!(c, '[' | ']' | '\'' | '"') || c.is_whitespace() || c.is_control()
        });
    if plain {
        f.write_str(argument)?
    } else {
        quoted(f, argument.as_bytes())?
    }
    f.write_char(']')
}

fn quoted(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_char('"')?;
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' => f.write_str("\\\"")?,
                // Not `\\`: before the closing quote that would read as an escaped quote.
                '\\' => f.write_str("\\x5c")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    f.write_char('"')
}

fn separated<T: Display>(f: &mut Formatter<'_>, items: &[T], between: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}
