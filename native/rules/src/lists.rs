//! Lists put into condition texts, before these are read.
//!
//! A list's name that stands between blanks, parentheses, commas, `=` or the ends of the text is
//! replaced by its items. What a list brings in may name lists that are defined later.
//!
//! **Bounds:** the size of a text with its lists.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use crate::merge::Definitions;
use crate::text::Text;

/// Longest condition with its lists: some hundred thousand items.
const TEXT_LIMIT: usize = 16 << 20;

/// Most text that the lists of a load may become, over all conditions.
const TOTAL_LIMIT: usize = 256 << 20;

/// The lists of a load, ready to be put in.
pub(crate) struct Lists<'load> {
    definitions: &'load Definitions,
    /// Items by list, with the lists that they name put in one level deep.
    items: Vec<Vec<&'load str>>,
    /// Lists that something has used.
    used: RefCell<Vec<bool>>,
    /// What lists become, kept since lists may name one another.
    written: RefCell<HashMap<usize, Rc<str>>>,
    total: Cell<usize>,
}

/// A text that grows beyond its bound.
pub(crate) struct TooLong {
    /// Where the list stands that makes it so.
    pub range: Range<usize>,
}

impl<'load> Lists<'load> {
    pub fn new(definitions: &'load Definitions) -> Self {
        let all = definitions.lists.all();
        let mut used = vec![false; all.len()];
        let items = all
            .iter()
            .map(|list| {
                let mut items = Vec::with_capacity(list.items.len());
                for item in &list.items {
                    let inner = definitions.lists.position(&item.text);
                    match inner.filter(|inner| list.seen.sees(all[*inner].seen)) {
                        Some(inner) if !std::ptr::eq(&all[inner], list) => {
                            used[inner] = true;
                            items.extend(all[inner].items.iter().map(|item| item.text.as_str()));
                        }
                        _ => items.push(item.text.as_str()),
                    }
                }
                items
            })
            .collect();
        Self {
            definitions,
            items,
            used: RefCell::new(used),
            written: RefCell::default(),
            total: Cell::new(0),
        }
    }

    /// The items of a list, with the lists that they name put in.
    pub fn items(&self, list: usize) -> &[&'load str] {
        &self.items[list]
    }

    /// Which lists something has used so far.
    pub fn is_used(&self, list: usize) -> bool {
        self.used.borrow()[list]
    }

    /// The text with all lists put in.
    pub fn expand(&self, text: &Text) -> Result<Text, TooLong> {
        let words = Words::of(text.as_str());
        let mut expanded = Text::default();
        let mut done = 0;
        for word in words {
            let name = &text.as_str()[word.clone()];
            let Some(list) = self.definitions.lists.position(name) else { continue };
            expanded.push_part(text, done..word.start);
            let items = self.written(list).map_err(|()| TooLong { range: word.clone() })?;
            if items.is_empty() {
                done = skip_comma(text.as_str(), &mut expanded, word.end);
            } else {
                expanded.push_instead(&items, text, word.clone());
                done = word.end;
            }
            self.total.set(self.total.get() + items.len());
            if expanded.len() > TEXT_LIMIT || self.total.get() > TOTAL_LIMIT {
                return Err(TooLong { range: word });
            }
        }
        expanded.push_part(text, done..text.len());
        Ok(expanded)
    }

    /// The items of a list as a text; names of later lists in it are put in as well.
    fn written(&self, list: usize) -> Result<Rc<str>, ()> {
        if let Some(written) = self.written.borrow().get(&list) {
            return Ok(Rc::clone(written));
        }
        self.used.borrow_mut()[list] = true;
        let mut written = String::new();
        for item in &self.items[list] {
            if !written.is_empty() {
                written.push_str(", ");
            }
            if item.is_empty() || needs_quotes(item) {
                written.push('"');
                written.push_str(item);
                written.push('"');
            } else {
                self.write_item(list, item, &mut written)?;
            }
        }
        self.total.set(self.total.get() + written.len());
        if written.len() > TEXT_LIMIT || self.total.get() > TOTAL_LIMIT {
            return Err(());
        }
        let written: Rc<str> = written.into();
        self.written.borrow_mut().insert(list, Rc::clone(&written));
        Ok(written)
    }

    fn write_item(&self, list: usize, item: &str, written: &mut String) -> Result<(), ()> {
        let mut done = 0;
        for word in Words::of(item) {
            let inner = self.definitions.lists.position(&item[word.clone()]);
            let Some(inner) = inner.filter(|inner| *inner > list) else { continue };
            written.push_str(&item[done..word.start]);
            written.push_str(&self.written(inner)?);
            done = word.end;
            if written.len() > TEXT_LIMIT {
                return Err(());
            }
        }
        written.push_str(&item[done..]);
        Ok(())
    }
}

/// An item with a blank is one value; quotes say so unless the author wrote some.
pub(crate) fn needs_quotes(item: &str) -> bool {
    item.contains(' ') && !item.starts_with(['"', '\''])
}

/// An empty list takes a comma with it: the one before, or else the one behind.
fn skip_comma(text: &str, expanded: &mut Text, end: usize) -> usize {
    if expanded.drop_trailing_comma() {
        return end;
    }
    let behind = text[end..].trim_start();
    if behind.starts_with(',') { text.len() - behind.len() + 1 } else { end }
}

/// Words between delimiters, outside quotes.
struct Words<'text> {
    text: &'text str,
    at: usize,
}

impl<'text> Words<'text> {
    fn of(text: &'text str) -> Self {
        Self { text, at: 0 }
    }
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')' | b',' | b'=')
}

impl Iterator for Words<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() {
            let start = self.at;
            let byte = bytes[start];
            if matches!(byte, b'"' | b'\'') {
                let mut end = start + 1;
                while end < bytes.len() && (bytes[end] != byte || bytes[end - 1] == b'\\') {
                    end += 1;
                }
                self.at = end + 1;
            } else if is_delimiter(byte) {
                self.at += 1;
            } else {
                let ends = |byte: &u8| is_delimiter(*byte) || matches!(byte, b'"' | b'\'');
                let length = bytes[start..].iter().position(ends).unwrap_or(bytes.len() - start);
                self.at = start + length;
                let before_quote = matches!(bytes.get(self.at), Some(b'"' | b'\''));
                let after_quote = start > 0 && matches!(bytes[start - 1], b'"' | b'\'');
                if !before_quote && !after_quote {
                    return Some(start..self.at);
                }
            }
        }
        None
    }
}
