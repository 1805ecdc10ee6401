//! Texts of conditions that remember where each part of them stands in the files, however they were
//! put together from appended parts, exceptions and lists.

use std::ops::Range;
use std::rc::Rc;

use granit_parser::ScalarStyle;

use crate::source::{Place, RuleFile};
use crate::yaml;

/// A text of a rule file.
#[derive(Debug)]
pub(crate) struct Scalar {
    pub file: usize,
    pub range: Range<usize>,
    pub text: String,
    pub style: ScalarStyle,
}

impl Scalar {
    pub fn place(&self) -> Place {
        Place::new(self.file, self.range.clone())
    }
}

/// A part of a [`Text`] that is all from one place, from this byte on.
#[derive(Clone, Debug)]
struct Piece {
    start: usize,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    /// Letter by letter from a scalar, from this byte of its text on.
    Scalar(Rc<Scalar>, usize),
    /// Stands for this part of a scalar's text.
    Instead(Rc<Scalar>, Range<usize>),
    /// Stands for something at this place.
    Fixed(Place),
}

/// A text made of pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    text: String,
    pieces: Vec<Piece>,
}

impl Text {
    pub fn from_scalar(scalar: &Rc<Scalar>) -> Self {
        let mut text = Self::default();
        text.push_scalar(scalar, 0..scalar.text.len());
        text
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Appends a part of a scalar.
    pub fn push_scalar(&mut self, scalar: &Rc<Scalar>, range: Range<usize>) {
        self.begin(Origin::Scalar(Rc::clone(scalar), range.start));
        self.text.push_str(&scalar.text[range]);
    }

    /// Appends a text that stands for what is at a place.
    pub fn push_fixed(&mut self, text: &str, place: &Place) {
        self.begin(Origin::Fixed(place.clone()));
        self.text.push_str(text);
    }

    /// Appends a text that stands for a part of another text.
    pub fn push_instead(&mut self, text: &str, other: &Self, part: Range<usize>) {
        let Some(piece) = other.pieces.get(other.piece_at(part.start)) else { return };
        let origin = match &piece.origin {
            Origin::Scalar(scalar, offset) => {
                let start = offset + (part.start - piece.start);
                let end = (start + part.len()).min(scalar.text.len());
                Origin::Instead(Rc::clone(scalar), start..end)
            }
            origin => origin.clone(),
        };
        self.begin(origin);
        self.text.push_str(text);
    }

    /// Appends a text that belongs to what is before it.
    pub fn push_joint(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends a part of another text with its places.
    pub fn push_part(&mut self, other: &Self, range: Range<usize>) {
        let first = other.piece_at(range.start);
        for piece in &other.pieces[first..] {
            if piece.start >= range.end {
                break;
            }
            let from = piece.start.max(range.start);
            let origin = match &piece.origin {
                Origin::Scalar(scalar, start) => {
                    Origin::Scalar(Rc::clone(scalar), start + (from - piece.start))
                }
                origin => origin.clone(),
            };
            let start = self.text.len() + (from - range.start);
            self.pieces.push(Piece { start, origin });
        }
        self.text.push_str(&other.text[range]);
    }

    /// Appends a whole text.
    pub fn push_text(&mut self, other: &Self) {
        self.push_part(other, 0..other.len());
    }

    /// Takes a comma and the blanks around it from the end, and says whether there was one.
    pub fn drop_trailing_comma(&mut self) -> bool {
        let Some(kept) = self.text.trim_end().strip_suffix(',') else { return false };
        let length = kept.len();
        self.text.truncate(length);
        self.pieces.retain(|piece| piece.start < length);
        true
    }

    /// Where a part of the text stands in the files.
    pub fn place(&self, files: &[RuleFile], range: Range<usize>) -> Place {
        let end = range.end.max(range.start);
        let Some(piece) = self.pieces.get(self.piece_at(range.start)) else {
            return Place::new(0, 0..0);
        };
        match &piece.origin {
            Origin::Fixed(place) => place.clone(),
            Origin::Instead(scalar, part) => scalar_place(files, scalar, part.clone()),
            Origin::Scalar(scalar, offset) => {
                let within = |byte: usize| (offset + (byte - piece.start)).min(scalar.text.len());
                let last_piece = self.piece_at(end.saturating_sub(1).max(range.start));
                let is_whole = last_piece == self.piece_at(range.start);
                let start = within(range.start);
                let end = if is_whole { within(end) } else { start };
                scalar_place(files, scalar, start..end)
            }
        }
    }

    fn begin(&mut self, origin: Origin) {
        self.pieces.push(Piece { start: self.text.len(), origin });
    }

    /// The last piece that begins at or before a byte.
    fn piece_at(&self, byte: usize) -> usize {
        self.pieces.partition_point(|piece| piece.start <= byte).saturating_sub(1)
    }
}

/// Where a part of a scalar's text stands in its file.
fn scalar_place(files: &[RuleFile], scalar: &Scalar, part: Range<usize>) -> Place {
    let in_file = |byte: usize| {
        let file = &files[scalar.file].text;
        yaml::byte_in_file(file, &scalar.range, &scalar.text, scalar.style, byte)
    };
    let start = in_file(part.start);
    if part.is_empty() {
        return Place::new(scalar.file, start..start);
    }
    // Its last letter and one more: blanks behind the part are not of it.
    let last = crate::source::floor_boundary(&scalar.text, part.end - 1);
    let width = scalar.text[last..].chars().next().map_or(0, char::len_utf8);
    Place::new(scalar.file, start..(in_file(last) + width).max(start))
}
