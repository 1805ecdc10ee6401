//! Rule files as texts, and places in them.

use std::ops::Range;

/// A rule file that the caller has read.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// What to call it in diagnostics, such as its path.
    pub name: String,
    /// Its text. Bytes that are no UTF-8 are refused if the caller replaced them by U+FFFD.
    pub text: String,
}

impl RuleFile {
    /// A rule file from the bytes that were read; what is no UTF-8 is replaced, and refused later.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Self {
        Self { name: name.into(), text: String::from_utf8_lossy(bytes).into_owned() }
    }
}

/// A part of a file: which of the files, and which bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index of the file.
    pub file: usize,
    /// The bytes.
    pub range: Range<usize>,
}

impl Place {
    pub(crate) fn new(file: usize, range: Range<usize>) -> Self {
        Self { file, range }
    }
}

/// Line and column of a byte, both from 1; the column counts characters.
pub fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let byte = floor_boundary(text, byte);
    let before = &text[..byte];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// The nearest start of a character at or before a byte.
pub(crate) fn floor_boundary(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}
