//! The tokens of conditions. There is no token stream: what a letter means depends on where it
//! stands, so the parser asks for the token that it wants at the current place.

use crate::condition::Span;

/// A place in a text that moves on over what it reads.
pub(crate) struct Cursor<'text> {
    text: &'text str,
    at: usize,
}

/// Why a quoted text cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum QuoteProblem {
    /// It has no end; where it begins.
    Open(usize),
    /// A backslash that begins nothing known; where, and what follows.
    Escape(Span),
}

impl<'text> Cursor<'text> {
    pub fn new(text: &'text str) -> Self {
        Self { text, at: 0 }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn rest(&self) -> &'text str {
        &self.text[self.at..]
    }

    pub fn text(&self, span: &Span) -> &'text str {
        &self.text[span.clone()]
    }

    pub fn go_back(&mut self, at: usize) {
        self.at = at;
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Passes blanks, and says whether there were any.
    pub fn skip_blanks(&mut self) -> bool {
        let length = self.rest().len() - self.rest().trim_start_matches(is_blank).len();
        self.at += length;
        length > 0
    }

    /// Passes a text if it is next.
    pub fn skip(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    pub fn is_blank_next(&self) -> bool {
        self.rest().starts_with(is_blank)
    }

    /// A letter, then letters, digits and underscores.
    pub fn identifier(&mut self) -> Option<Span> {
        let length = identifier_length(self.rest());
        (length > 0).then(|| self.pass(length))
    }

    /// Identifiers with dots between them, at least two.
    pub fn field(&mut self) -> Option<Span> {
        let rest = self.rest();
        let mut length = identifier_length(rest);
        let first = length;
        while length > 0 && rest[length..].starts_with('.') {
            let next = identifier_length(&rest[length + 1..]);
            if next == 0 {
                break;
            }
            length += 1 + next;
        }
        (length > first).then(|| self.pass(length))
    }

    /// Anything but parentheses, quotes, blanks, `=` and `,`.
    pub fn bare(&mut self) -> Option<Span> {
        let rest = self.rest();
        let length = rest.find(ends_bare).unwrap_or(rest.len());
        (length > 0).then(|| self.pass(length))
    }

    /// Anything but brackets, quotes and blanks.
    pub fn bare_argument(&mut self) -> Option<Span> {
        let rest = self.rest();
        let ends = |c: char| matches!(c, '[' | ']' | '\'' | '"') || c.is_ascii_whitespace();
        let length = rest.find(ends).unwrap_or(rest.len());
        (length > 0).then(|| self.pass(length))
    }

    /// `0x1f`, or a decimal number with sign, fraction and signed exponent.
    pub fn number(&mut self) -> Option<Span> {
        let length = hexadecimal_length(self.rest()).or_else(|| decimal_length(self.rest()))?;
        Some(self.pass(length))
    }

    /// A text in quotes, with its escapes decoded; nothing if no quote is next.
    pub fn quoted(&mut self) -> Option<Result<(Vec<u8>, Span), QuoteProblem>> {
        let quote = self.rest().chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let start = self.at;
        let Some(length) = closing_quote(&self.rest()[1..], quote) else {
            return Some(Err(QuoteProblem::Open(start)));
        };
        self.at += length + 2;
        let inner = start + 1..start + 1 + length;
        Some(match unescape(&self.text[inner], quote) {
            Ok(bytes) => Ok((bytes, start..self.at)),
            Err(at) => {
                let at = start + 1 + at;
                let end = self.text[at + 1..].chars().next().map_or(1, |c| 1 + c.len_utf8());
                Err(QuoteProblem::Escape(at..at + end))
            }
        })
    }

    fn pass(&mut self, length: usize) -> Span {
        let start = self.at;
        self.at += length;
        start..self.at
    }
}

pub(crate) fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\u{8}' | '\r' | '\n')
}

fn ends_bare(letter: char) -> bool {
    matches!(letter, '(' | ')' | '\'' | '"' | '=' | ',' | '\u{8}' | '\u{b}')
        || letter.is_ascii_whitespace()
}

/// The length of the identifier that a text begins with, or 0.
pub(crate) fn identifier_length(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

fn hexadecimal_length(text: &str) -> Option<usize> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    match digits_length(digits, |c| c.is_ascii_hexdigit()) {
        0 => None,
        length => Some(2 + length),
    }
}

fn decimal_length(text: &str) -> Option<usize> {
    let sign = usize::from(text.starts_with(['+', '-']));
    let digits = digits_length(&text[sign..], |c| c.is_ascii_digit());
    if digits == 0 {
        return None;
    }
    let mut length = sign + digits;
    if let Some(fraction) = text[length..].strip_prefix('.') {
        match digits_length(fraction, |c| c.is_ascii_digit()) {
            0 => {}
            digits => length += 1 + digits,
        }
    }
    let exponent = &text[length..];
    if exponent.starts_with(['e', 'E']) && exponent[1..].starts_with(['+', '-']) {
        match digits_length(&exponent[2..], |c| c.is_ascii_digit()) {
            0 => {}
            digits => length += 2 + digits,
        }
    }
    Some(length)
}

fn digits_length(text: &str, is_digit: fn(char) -> bool) -> usize {
    text.find(|c| !is_digit(c)).unwrap_or(text.len())
}

/// The first quote that no backslash stands before. Only one letter is looked at, as rule files
/// expect: a quoted text cannot end in an escaped backslash.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    text.match_indices(quote).map(|(at, _)| at).find(|at| !text[..*at].ends_with('\\'))
}

/// The bytes that a text between quotes means, or where an unknown escape stands.
fn unescape(text: &str, quote: char) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        bytes.extend_from_slice(&text.as_bytes()[at..at + found]);
        at += found;
        let (byte, length) = escape(&text[at + 1..], quote).ok_or(at)?;
        bytes.push(byte);
        at += 1 + length;
    }
    bytes.extend_from_slice(&text.as_bytes()[at..]);
    Ok(bytes)
}

/// The byte that the letters behind a backslash mean, and how many letters they are.
fn escape(text: &str, quote: char) -> Option<(u8, usize)> {
    let byte = match *text.as_bytes().first()? {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        byte @ (b'\\' | b'/') => byte,
        // Old rules write a lone backslash so.
        b' ' => b'\\',
        byte if char::from(byte) == quote => byte,
        b'x' => {
            let digits = text.get(1..3).filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()))?;
            return Some((u8::from_str_radix(digits, 16).ok()?, 3));
        }
        _ => return None,
    };
    Some((byte, 1))
}
