//! YAML text to a tree in which every node knows its place. The only module that knows the YAML
//! crate.
//!
//! **Bounds:** nesting, and the number of nodes with aliases followed, so that a small file cannot
//! become a large tree. Aliases share their node.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

pub use granit_parser::ScalarStyle;
use granit_parser::{Event, Parser, Span};

/// Deepest nesting; an exception's values need six levels.
const DEPTH_LIMIT: usize = 32;

/// Most nodes of a file, aliases followed: lists of some hundred thousand items fit.
const NODE_LIMIT: usize = 2_000_000;

/// A node of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// The bytes of the file that it is written in.
    pub range: Range<usize>,
    /// What it holds.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing, or one of the words for it.
    Null,
    /// A text with how it was written.
    Scalar(String, ScalarStyle),
    /// A list.
    Sequence(Vec<Rc<Node>>),
    /// Keys and values in the order of the file; keys that are no texts are left as nodes.
    Mapping(Vec<(Rc<Node>, Rc<Node>)>),
}

/// Why a file is no tree.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// The parser's words, and where.
    Syntax(String, usize),
    /// Nested too deep, there.
    TooDeep(usize),
    /// Too many nodes, there.
    TooMany(usize),
}

/// The documents of a text: those before the first problem, and the problem.
pub fn documents(text: &str) -> (Vec<Rc<Node>>, Option<Problem>) {
    let mut builder = Builder::new(text);
    let problem = builder.read().err();
    (builder.documents, problem)
}

/// A collection that is not finished.
struct Open {
    start: usize,
    anchor: usize,
    is_mapping: bool,
    /// For mappings keys and values alternate.
    children: Vec<Rc<Node>>,
    weight: usize,
}

struct Builder<'text> {
    text: &'text str,
    offsets: Offsets,
    open: Vec<Open>,
    /// Node and weight by anchor.
    anchors: HashMap<usize, (Rc<Node>, usize)>,
    n_nodes: usize,
    documents: Vec<Rc<Node>>,
}

impl<'text> Builder<'text> {
    fn new(text: &'text str) -> Self {
        Self {
            text,
            offsets: Offsets::new(text),
            open: Vec::new(),
            anchors: HashMap::new(),
            n_nodes: 0,
            documents: Vec::new(),
        }
    }

    fn read(&mut self) -> Result<(), Problem> {
        let options = granit_parser::options! { emit_comments: false };
        for step in Parser::new_from_str_with_options(self.text, options) {
            let (event, span) = step.map_err(|error| {
                let at = self.offsets.byte(self.text, error.marker().index());
                Problem::Syntax(error.info(), at)
            })?;
            self.take(event, span)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let start = self.offsets.byte(self.text, span.start.index());
        let end = self.offsets.byte(self.text, span.end.index());
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let value = scalar(text.into_owned(), style);
                self.add(Rc::new(Node { range: start..end, value }), 1, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(start, anchor, false),
            Event::MappingStart(_, anchor, _) => self.begin(start, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(end),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some((node, weight)) => {
                    let (node, weight) = (Rc::clone(node), *weight);
                    self.add(node, weight, 0)
                }
                None => Err(Problem::Syntax("an alias inside its own anchor".into(), start)),
            },
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            // Beginnings and ends, and what is only asked for by options.
            _ => Ok(()),
        }
    }

    fn begin(&mut self, start: usize, anchor: usize, is_mapping: bool) -> Result<(), Problem> {
        if self.open.len() >= DEPTH_LIMIT {
            return Err(Problem::TooDeep(start));
        }
        self.open.push(Open { start, anchor, is_mapping, children: Vec::new(), weight: 1 });
        Ok(())
    }

    fn end(&mut self, end: usize) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let last = open.children.last().map_or(end, |child| child.range.end);
        // A block collection's end is reported at the next token; its last child ends it.
        let end = if end > last && self.text[last..end].trim().is_empty() { last } else { end };
        let value =
            if open.is_mapping { mapping(open.children) } else { Value::Sequence(open.children) };
        let range = open.start..end.max(open.start);
        self.add(Rc::new(Node { range, value }), open.weight, open.anchor)
    }

    fn add(&mut self, node: Rc<Node>, weight: usize, anchor: usize) -> Result<(), Problem> {
        self.n_nodes += weight;
        if self.n_nodes > NODE_LIMIT {
            return Err(Problem::TooMany(node.range.start));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (Rc::clone(&node), weight));
        }
        match self.open.last_mut() {
            Some(open) => {
                open.weight += weight;
                open.children.push(node);
            }
            None => self.documents.push(node),
        }
        Ok(())
    }
}

fn mapping(children: Vec<Rc<Node>>) -> Value {
    let mut pairs = Vec::with_capacity(children.len() / 2);
    let mut children = children.into_iter();
    while let (Some(key), Some(value)) = (children.next(), children.next()) {
        pairs.push((key, value));
    }
    Value::Mapping(pairs)
}

fn scalar(text: String, style: ScalarStyle) -> Value {
    let is_null =
        style == ScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    if is_null { Value::Null } else { Value::Scalar(text, style) }
}

/// The byte behind so many characters; the parser counts characters.
struct Offsets {
    /// Byte of every 64th character; empty if each character is one byte.
    marks: Vec<usize>,
}

const STRIDE: usize = 64;

impl Offsets {
    fn new(text: &str) -> Self {
        if text.is_ascii() {
            return Self { marks: Vec::new() };
        }
        Self { marks: text.char_indices().step_by(STRIDE).map(|(byte, _)| byte).collect() }
    }

    fn byte(&self, text: &str, character: usize) -> usize {
        if self.marks.is_empty() {
            return character.min(text.len());
        }
        let Some(mark) = self.marks.get(character / STRIDE) else { return text.len() };
        text[*mark..]
            .char_indices()
            .nth(character % STRIDE)
            .map_or(text.len(), |(byte, _)| mark + byte)
    }
}

/// The byte of the file at which a byte of a scalar's text stands, found by walking both at once:
/// what is no blank follows in the same order in both.
pub(crate) fn byte_in_file(
    file: &str,
    range: &Range<usize>,
    text: &str,
    style: ScalarStyle,
    byte: usize,
) -> usize {
    let source = file.get(range.clone()).unwrap_or_default();
    let mut at = content_start(source, style);
    for (index, letter) in text.char_indices() {
        if !letter.is_whitespace() {
            at += blanks_length(&source[at..], style);
        }
        if index >= byte {
            break;
        }
        at += written_length(&source[at..], style, letter);
    }
    if byte >= text.len() {
        // Behind the text: right after its last letter, not after blanks and line ends.
        at = at.min(source.trim_end().len().max(content_start(source, style)));
    }
    range.start + at.min(source.len())
}

/// The length of blanks and line ends, those behind a backslash too.
fn blanks_length(source: &str, style: ScalarStyle) -> usize {
    let mut length = 0;
    loop {
        let rest = &source[length..];
        let blanks = rest.len() - rest.trim_start().len();
        let is_joined = style == ScalarStyle::DoubleQuoted
            && (rest[blanks..].starts_with("\\\n") || rest[blanks..].starts_with("\\\r"));
        length += blanks;
        if !is_joined {
            // Blanks at the end belong to nothing that follows.
            return if length == source.len() { 0 } else { length };
        }
        length += 1;
    }
}

/// Where the text begins: behind the quote, or behind the line of a block's indicator.
fn content_start(source: &str, style: ScalarStyle) -> usize {
    match style {
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => usize::from(!source.is_empty()),
        ScalarStyle::Literal | ScalarStyle::Folded if source.starts_with(['|', '>']) => {
            source.find('\n').map_or(source.len(), |newline| newline + 1)
        }
        _ => 0,
    }
}

/// How many bytes of the file stand for one letter of the text.
fn written_length(source: &str, style: ScalarStyle, letter: char) -> usize {
    let next = source.chars().next();
    if letter.is_whitespace() && !next.is_some_and(char::is_whitespace) {
        // A blank that the folding made out of a line end already passed, or an escape.
        return if style == ScalarStyle::DoubleQuoted { escape_length(source) } else { 0 };
    }
    match style {
        ScalarStyle::SingleQuoted if source.starts_with("''") => 2,
        ScalarStyle::DoubleQuoted if source.starts_with('\\') => escape_length(source),
        _ => next.map_or(0, char::len_utf8),
    }
}

fn escape_length(source: &str) -> usize {
    let length = match source.as_bytes() {
        [b'\\', b'x', ..] => 4,
        [b'\\', b'u', ..] => 6,
        [b'\\', b'U', ..] => 10,
        [b'\\', _, ..] => 2,
        _ => 0,
    };
    crate::source::floor_boundary(source, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_scalar(text: &str) -> Rc<Node> {
        let (documents, problem) = documents(text);
        assert_eq!(problem, None);
        let Value::Mapping(pairs) = &documents[0].value else { panic!("no mapping") };
        Rc::clone(&pairs[0].1)
    }

    #[test]
    fn letters_of_scalars_are_found_in_the_file() {
        let cases = [
            "k: one two X three",
            "k: >\n  one\n  two\n    X three\n",
            "k: >-\n    one\n\n    two X three\n",
            "k: |\n  one\n  two X\n  three\n",
            "k: 'one ''two'' X three'",
            "k: \"one \\\"two\\\" \\x41 \\u00e9 X three\"",
            "k: \"one \\\n    two \\\n   X three\"",
            "k: one\n   two\n   X three",
            "k: é ü X three",
        ];
        for case in cases {
            let node = first_scalar(case);
            let Value::Scalar(text, style) = &node.value else { panic!("no scalar") };
            let byte = text.find('X').expect("every case has an X");
            let found = byte_in_file(case, &node.range, text, *style, byte);
            assert_eq!(&case[found..=found], "X", "{case:?} {:?}", node.range);
            let end = byte_in_file(case, &node.range, text, *style, text.trim_end().len());
            assert!(case[..end].ends_with("three"), "{case:?} ends at {end}");
        }
    }

    #[test]
    fn repetition_and_nesting_are_bounded() {
        let mut bomb = String::from("- &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let item = format!("*a{}, ", level - 1).repeat(10);
            bomb += &format!("- &a{level} [{}]\n", item.trim_end_matches(", "));
        }
        assert!(matches!(documents(&bomb).1, Some(Problem::TooMany(_))));
        let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert!(matches!(documents(&nested).1, Some(Problem::TooDeep(_))));
        assert!(documents(&"[".repeat(100_000)).1.is_some());
        assert!(matches!(documents("a: [").1, Some(Problem::Syntax(..))));
    }
}
