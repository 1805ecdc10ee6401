//! Condition text to tree: recursive descent, one function per production.
//!
//! ```text
//! disjunction = conjunction { "or" conjunction }
//! conjunction = negation { "and" negation }
//! negation    = { "not" } check
//! check       = "(" disjunction ")" | operand test | macro
//! operand     = field [argument] | transformer "(" … ")" [argument]
//! test        = "exists" | operator right
//! ```
//!
//! **Bounds:** nesting of parentheses and transformers.

mod operand;

pub(crate) use operand::TRANSFORMERS;

use crate::condition::{Comparison, Condition, Literal, Operand, Right, Span};
use crate::diagnostic::Code;
use crate::lexer::{Cursor, QuoteProblem};
use crate::nearest;
use crate::operators::{Modifier, Operator, RightSide};

/// Deepest nesting: about where Falco gives up, and far above what people write.
const DEPTH_LIMIT: usize = 250;

/// What is wrong with a text, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub code: Code,
    pub span: Span,
    pub message: String,
    pub remark: String,
    pub help: Option<String>,
}

impl Mistake {
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Box<Self> {
        Box::new(Self { code, span, message: message.into(), remark: String::new(), help: None })
    }

    pub fn remark(mut self: Box<Self>, remark: impl Into<String>) -> Box<Self> {
        self.remark = remark.into();
        self
    }

    pub fn help(mut self: Box<Self>, help: impl Into<String>) -> Box<Self> {
        self.help = Some(help.into());
        self
    }
}

type Parsed<T> = Result<T, Box<Mistake>>;

/// Reads a whole condition.
pub(crate) fn parse(text: &str) -> Parsed<Condition> {
    let mut parser = Parser { cursor: Cursor::new(text), depth: 0 };
    parser.cursor.skip_blanks();
    if parser.cursor.is_at_end() {
        return Err(Mistake::new(Code::ConditionSyntax, 0..0, "the condition is empty")
            .help("write a comparison such as `proc.name = curl`"));
    }
    let condition = parser.disjunction()?;
    parser.cursor.skip_blanks();
    if parser.cursor.is_at_end() { Ok(condition) } else { Err(parser.trailing()) }
}

/// Reads an operand that begins at a byte of a text; gives the byte behind it too.
pub(crate) fn parse_operand(text: &str, at: usize) -> Option<(Operand, usize)> {
    let mut parser = Parser { cursor: Cursor::new(text), depth: 0 };
    parser.cursor.go_back(at);
    let operand = parser.operand().ok()??;
    Some((operand, parser.cursor.at()))
}

struct Parser<'text> {
    cursor: Cursor<'text>,
    depth: usize,
}

impl Parser<'_> {
    fn disjunction(&mut self) -> Parsed<Condition> {
        let mut parts = vec![self.conjunction()?];
        while self.connective("or")? {
            parts.push(self.conjunction()?);
        }
        Ok(one_or(parts, Condition::Or))
    }

    fn conjunction(&mut self) -> Parsed<Condition> {
        let mut parts = vec![self.negation()?];
        while self.connective("and")? {
            parts.push(self.negation()?);
        }
        Ok(one_or(parts, Condition::And))
    }

    /// Passes `and` or `or` with what must follow it.
    fn connective(&mut self, word: &str) -> Parsed<bool> {
        self.cursor.skip_blanks();
        let start = self.cursor.at();
        if !self.cursor.skip(word) {
            return Ok(false);
        }
        if self.cursor.is_blank_next() || self.cursor.rest().starts_with('(') {
            return Ok(true);
        }
        let message = format!("expected a blank or `(` behind `{word}`");
        Err(Mistake::new(Code::ConditionSyntax, start..self.cursor.at(), message))
    }

    fn negation(&mut self) -> Parsed<Condition> {
        let mut is_negated = false;
        loop {
            self.cursor.skip_blanks();
            let start = self.cursor.at();
            if !self.cursor.skip("not") {
                break;
            }
            if !self.cursor.is_blank_next() && !self.cursor.rest().starts_with('(') {
                self.cursor.go_back(start);
                break;
            }
            is_negated = !is_negated;
        }
        let part = self.check()?;
        Ok(if is_negated { Condition::Not(Box::new(part)) } else { part })
    }

    fn check(&mut self) -> Parsed<Condition> {
        let start = self.cursor.at();
        if self.cursor.skip("(") {
            return self.group(start);
        }
        if let Some(left) = self.operand()? {
            return self.test(left, start);
        }
        match self.cursor.identifier() {
            Some(span) => Ok(Condition::Macro(self.cursor.text(&span).to_owned(), span)),
            None => Err(self.no_check()),
        }
    }

    fn group(&mut self, start: usize) -> Parsed<Condition> {
        let condition = self.deeper(start, Self::disjunction)?;
        self.cursor.skip_blanks();
        if self.cursor.skip(")") {
            return Ok(condition);
        }
        if !self.cursor.is_at_end() {
            return Err(self.trailing());
        }
        Err(Mistake::new(Code::ConditionSyntax, start..start + 1, "this parenthesis is not closed")
            .remark("no `)` for it"))
    }

    /// Runs a production one level deeper.
    fn deeper<T>(&mut self, start: usize, step: fn(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            let message = format!("more than {DEPTH_LIMIT} parentheses are open here");
            return Err(Mistake::new(Code::ConditionLimit, start..start + 1, message)
                .help("split the condition into macros"));
        }
        let result = step(self);
        self.depth -= 1;
        result
    }

    fn test(&mut self, left: Operand, start: usize) -> Parsed<Condition> {
        self.cursor.skip_blanks();
        let operator_start = self.cursor.at();
        let operator = self.operator().ok_or_else(|| self.no_operator(&left))?;
        let operator_span = operator_start..self.cursor.at();
        self.cursor.skip_blanks();
        let modifier = if operator.right() == RightSide::Word { self.modifier() } else { None };
        let right = match (operator.right(), modifier) {
            (_, Some(_)) => self.list(operator)?,
            (RightSide::Nothing, None) => {
                self.cursor.go_back(operator_span.end);
                Right::Nothing
            }
            (RightSide::Number, None) => self.number(operator)?,
            (RightSide::Word, None) => self.word(operator)?,
            (RightSide::List, None) => self.list(operator)?,
        };
        let span = start..self.cursor.at();
        Ok(Condition::Comparison(Box::new(Comparison {
            left,
            operator,
            operator_span,
            modifier,
            right,
            span,
        })))
    }

    fn operator(&mut self) -> Option<Operator> {
        let start = self.cursor.at();
        Operator::ALL.iter().copied().find(|operator| {
            let found = self.cursor.skip(operator.text())
                && (!operator.needs_blank() || self.cursor.is_blank_next());
            if !found {
                self.cursor.go_back(start);
            }
            found
        })
    }

    /// A modifier is one only before a list; else the word is a value.
    fn modifier(&mut self) -> Option<Modifier> {
        let start = self.cursor.at();
        Modifier::ALL.into_iter().find(|modifier| {
            let found = self.cursor.skip(modifier.text()) && self.is_list_next();
            if !found {
                self.cursor.go_back(start);
            }
            found
        })
    }

    fn is_list_next(&mut self) -> bool {
        let had_blank = self.cursor.skip_blanks();
        let start = self.cursor.at();
        if self.cursor.rest().starts_with('(') {
            return true;
        }
        let Some(span) = self.cursor.identifier() else { return false };
        let word = self.cursor.text(&span).to_owned();
        self.cursor.go_back(start);
        had_blank && !matches!(word.as_str(), "and" | "or" | "not")
    }

    fn number(&mut self, operator: Operator) -> Parsed<Right> {
        if let Some(operand) = self.right_operand()? {
            return Ok(Right::Operand(operand));
        }
        match self.cursor.number() {
            Some(span) => Ok(Right::One(self.literal(span))),
            None => Err(self.no_right(operator, "a number, `val(…)` or a transformer")),
        }
    }

    fn word(&mut self, operator: Operator) -> Parsed<Right> {
        if let Some(operand) = self.right_operand()? {
            return Ok(Right::Operand(operand));
        }
        match self.value()? {
            Some(literal) => Ok(Right::One(literal)),
            None => Err(self.no_right(operator, "a value, `val(…)` or a transformer")),
        }
    }

    fn list(&mut self, operator: Operator) -> Parsed<Right> {
        let start = self.cursor.at();
        if self.cursor.skip("(") {
            return self.values(start).map(Right::List);
        }
        if let Some(operand) = self.right_operand()? {
            return Ok(Right::Operand(operand));
        }
        match self.cursor.identifier() {
            Some(span) => Ok(Right::List(vec![self.literal(span)])),
            None => Err(self.no_right(operator, "a list in parentheses")),
        }
    }

    /// The values of a list, behind its parenthesis.
    fn values(&mut self, start: usize) -> Parsed<Vec<Literal>> {
        let mut values = Vec::new();
        self.cursor.skip_blanks();
        if self.cursor.skip(")") {
            return Ok(values);
        }
        loop {
            self.cursor.skip_blanks();
            let Some(value) = self.value()? else { return Err(self.no_value()) };
            values.push(value);
            self.cursor.skip_blanks();
            if self.cursor.skip(")") {
                return Ok(values);
            }
            if self.cursor.is_at_end() {
                let message = "this list is not closed";
                return Err(Mistake::new(Code::ConditionSyntax, start..start + 1, message)
                    .remark("no `)` for it"));
            }
            if !self.cursor.skip(",") {
                return Err(self.no_comma());
            }
        }
    }

    fn value(&mut self) -> Parsed<Option<Literal>> {
        if let Some(quoted) = self.quoted()? {
            return Ok(Some(quoted));
        }
        Ok(self.cursor.bare().map(|span| self.literal(span)))
    }

    fn quoted(&mut self) -> Parsed<Option<Literal>> {
        match self.cursor.quoted() {
            None => Ok(None),
            Some(Ok((bytes, span))) => Ok(Some(Literal { bytes, span })),
            Some(Err(problem)) => Err(quote_mistake(&problem)),
        }
    }

    fn literal(&self, span: Span) -> Literal {
        Literal { bytes: self.cursor.text(&span).as_bytes().to_owned(), span }
    }

    /// The next word or letter, for the place of a mistake.
    fn next_word(&self) -> Span {
        let rest = self.cursor.rest();
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ','));
        let length = match end {
            Some(0) => rest.chars().next().map_or(0, char::len_utf8),
            Some(length) => length,
            None => rest.len(),
        };
        self.cursor.at()..self.cursor.at() + length
    }

    fn found(&self) -> String {
        let word = self.cursor.text(&self.next_word());
        if word.is_empty() {
            return "the condition ends here".into();
        }
        let mut short: String = word.chars().take(40).collect();
        if short.len() < word.len() {
            short.push('…');
        }
        format!("found `{short}`")
    }

    fn mistake(&self, message: impl Into<String>) -> Box<Mistake> {
        Mistake::new(Code::ConditionSyntax, self.next_word(), message).remark(self.found())
    }

    fn trailing(&self) -> Box<Mistake> {
        let word = self.cursor.text(&self.next_word()).to_owned();
        let mistake = self.mistake("expected `and`, `or` or the end behind a complete condition");
        match word.as_str() {
            ")" => mistake.help("there is one `)` too many, or a `(` is missing before"),
            "AND" | "OR" | "NOT" => {
                mistake.help("`and`, `or` and `not` are written in small letters")
            }
            "&&" => mistake.help("write `and`"),
            "||" => mistake.help("write `or`"),
            _ => mistake,
        }
    }

    fn no_check(&self) -> Box<Mistake> {
        let mistake = self.mistake("expected a field, a macro, `not` or `(`");
        if self.cursor.rest().starts_with('!') { mistake.help("write `not`") } else { mistake }
    }

    fn no_operator(&self, left: &Operand) -> Box<Mistake> {
        let word = self.cursor.text(&self.next_word());
        let texts: Vec<_> = Operator::ALL.iter().map(|operator| operator.text()).collect();
        let mistake = self.mistake(format!("expected an operator behind `{left}`"));
        if let Some(near) = nearest::nearest(word, texts.iter().copied()) {
            return mistake.help(format!("did you mean `{near}`?"));
        }
        if word.is_empty() || matches!(word, ")" | "and" | "or") {
            return mistake
                .help(format!("a field is no condition by itself; write `{left} = true`"));
        }
        mistake.help(format!("the operators are {}", texts.join(" ")))
    }

    fn no_right(&self, operator: Operator, wanted: &str) -> Box<Mistake> {
        let mistake = self.mistake(format!("expected {wanted} behind `{}`", operator.text()));
        let quoted = self.cursor.rest().starts_with(['\'', '"']);
        match operator.right() {
            RightSide::Number if quoted => mistake.help("write the number without quotes"),
            RightSide::List if quoted => mistake.help("put the value into parentheses"),
            _ => mistake,
        }
    }

    fn no_value(&self) -> Box<Mistake> {
        self.mistake("expected a value of the list")
    }

    fn no_comma(&self) -> Box<Mistake> {
        self.mistake("expected `,` or `)` behind a value of the list")
            .help("values with blanks are written in quotes")
    }
}

fn one_or(mut parts: Vec<Condition>, many: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

fn quote_mistake(problem: &QuoteProblem) -> Box<Mistake> {
    match problem {
        QuoteProblem::Open(at) => {
            Mistake::new(Code::ConditionSyntax, *at..at + 1, "this quote is not closed")
                .help("a backslash right before a quote makes it part of the text")
        }
        QuoteProblem::Escape(span) => {
            Mistake::new(Code::ConditionSyntax, span.clone(), "unknown escape in a quoted text")
                .help("known are \\b \\f \\n \\r \\t \\\\ \\/ \\xHH and the quote; a lone backslash is `\\\\`")
        }
    }
}
