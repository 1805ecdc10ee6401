//! Sets of texts and patterns that one text is tried against at once.

use aho_corasick::AhoCorasick;
use hashbrown::HashSet;
use memchr::memmem;

use crate::glob::Glob;

/// Up to here trying one after the other is as fast as hashing or searching for all at once.
const FEW: usize = 4;

/// Texts of one automaton: what it takes to build one grows with their square.
const AUTOMATON_LIMIT: usize = 2048;

/// Texts that are looked for as a whole.
#[derive(Debug)]
pub(crate) struct TextSet {
    /// A bit for each length that some text has: most texts are told apart by that alone.
    lengths: u64,
    texts: Texts,
}

#[derive(Debug)]
enum Texts {
    Few(Box<[Box<[u8]>]>),
    Many(HashSet<Box<[u8]>>),
}

impl TextSet {
    pub fn new(texts: &[Vec<u8>]) -> Self {
        let boxed = texts.iter().map(|text| text.as_slice().into());
        Self {
            lengths: texts.iter().fold(0, |lengths, text| lengths | length_bit(text)),
            texts: if texts.len() <= FEW {
                Texts::Few(boxed.collect())
            } else {
                Texts::Many(boxed.collect())
            },
        }
    }

    #[inline]
    pub fn contains(&self, text: &[u8]) -> bool {
        self.lengths & length_bit(text) != 0 && self.has(text)
    }

    #[inline(never)]
    fn has(&self, text: &[u8]) -> bool {
        match &self.texts {
            Texts::Few(texts) => texts.iter().any(|own| **own == *text),
            Texts::Many(texts) => texts.contains(text),
        }
    }
}

/// All lengths from 63 on share a bit.
pub(crate) fn length_bit(text: &[u8]) -> u64 {
    1 << text.len().min(63)
}

/// Texts that are looked for anywhere in another.
#[derive(Debug)]
pub(crate) enum Substrings {
    Few(Box<[memmem::Finder<'static>]>),
    Many(Box<[AhoCorasick]>),
    /// More than an automaton takes.
    Plain(Box<[Box<[u8]>]>),
}

impl Substrings {
    pub fn new(texts: &[Vec<u8>]) -> Self {
        if texts.len() <= FEW {
            let finder = |text: &Vec<u8>| memmem::Finder::new(text).into_owned();
            return Self::Few(texts.iter().map(finder).collect());
        }
        Self::many(texts, false)
    }

    /// Texts that are found in either letter case.
    pub fn caseless(texts: &[Vec<u8>]) -> Self {
        Self::many(texts, true)
    }

    fn many(texts: &[Vec<u8>], is_caseless: bool) -> Self {
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(is_caseless);
        let automata = texts.chunks(AUTOMATON_LIMIT).map(|some| builder.build(some));
        match automata.collect::<Result<_, _>>() {
            Ok(automata) => Self::Many(automata),
            Err(_) => Self::Plain(texts.iter().map(|text| text.as_slice().into()).collect()),
        }
    }

    pub fn any_in(&self, text: &[u8]) -> bool {
        match self {
            Self::Few(finders) => finders.iter().any(|finder| finder.find(text).is_some()),
            Self::Many(automata) => automata.iter().any(|it| it.is_match(text)),
            Self::Plain(texts) => texts.iter().any(|own| memmem::find(text, own).is_some()),
        }
    }
}

/// Texts of which one may be the beginning of another; sorted, and none begins with another of them.
#[derive(Debug)]
pub(crate) struct Prefixes(Box<[Box<[u8]>]>);

impl Prefixes {
    pub fn new(texts: &[Vec<u8>]) -> Self {
        Self(prefix_free(texts.iter().map(|text| text.as_slice().into()).collect()))
    }

    pub fn any_begins(&self, text: &[u8]) -> bool {
        if self.0.len() <= FEW {
            return self.0.iter().any(|own| text.starts_with(own));
        }
        // Only the last one that is not above the text can begin it: anything between the two
        // would begin with it as well.
        let above = self.0.partition_point(|own| **own <= *text);
        above > 0 && text.starts_with(&self.0[above - 1])
    }
}

/// The same for the end; texts are kept backwards.
#[derive(Debug)]
pub(crate) struct Suffixes(Box<[Box<[u8]>]>);

impl Suffixes {
    pub fn new(texts: &[Vec<u8>]) -> Self {
        Self(prefix_free(texts.iter().map(|text| text.iter().rev().copied().collect()).collect()))
    }

    pub fn any_ends(&self, text: &[u8]) -> bool {
        if self.0.len() <= FEW {
            return self.0.iter().any(|own| is_backwards_end(own, text));
        }
        let above = self.0.partition_point(|own| own.iter().le(text.iter().rev()));
        above > 0 && is_backwards_end(&self.0[above - 1], text)
    }
}

fn is_backwards_end(own: &[u8], text: &[u8]) -> bool {
    own.len() <= text.len() && own.iter().eq(text.iter().rev().take(own.len()))
}

fn prefix_free(mut texts: Vec<Box<[u8]>>) -> Box<[Box<[u8]>]> {
    texts.sort_unstable();
    texts.dedup_by(|later, kept| later.starts_with(kept));
    texts.into()
}

/// Paths that are looked for as the first components of another.
#[derive(Debug)]
pub(crate) struct PathPrefixes {
    /// Components joined by `/`, without one at the beginning.
    plain: HashSet<Box<[u8]>>,
    /// Paths with a pattern in some component.
    patterns: Box<[Box<[Glob]>]>,
}

impl PathPrefixes {
    pub fn new(paths: &[Vec<u8>]) -> Self {
        let is_pattern =
            |path: &&Vec<u8>| path.iter().any(|byte| matches!(byte, b'?' | b'*' | b'['));
        let plain = paths.iter().filter(|path| !is_pattern(path));
        let patterns = paths.iter().filter(is_pattern);
        Self {
            plain: plain.map(|path| joined(path).into()).collect(),
            patterns: patterns
                .map(|path| components(path).map(|part| Glob::new(part, false)).collect())
                .collect(),
        }
    }

    pub fn any_begins(&self, path: &[u8], arena: &bumpalo::Bump) -> bool {
        let normal = normal(path, arena);
        self.plain.contains(&[][..])
            || self.plain.contains(normal)
            || memchr::memchr_iter(b'/', normal).any(|end| self.plain.contains(&normal[..end]))
            || self.patterns.iter().any(|pattern| begins(pattern, normal))
    }
}

fn begins(pattern: &[Glob], path: &[u8]) -> bool {
    let mut parts = components(path);
    pattern.iter().all(|glob| parts.next().is_some_and(|part| glob.matches(part)))
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty())
}

fn joined(path: &[u8]) -> Vec<u8> {
    components(path).collect::<Vec<_>>().join(&b'/')
}

/// The path without slashes at its ends and without doubled ones.
fn normal<'a>(path: &'a [u8], arena: &'a bumpalo::Bump) -> &'a [u8] {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let is_normal =
        !path.starts_with(b"/") && !path.ends_with(b"/") && memmem::find(path, b"//").is_none();
    if is_normal {
        return path;
    }
    let mut normal = bumpalo::collections::Vec::new_in(arena);
    for part in components(path) {
        if !normal.is_empty() {
            normal.push(b'/');
        }
        normal.extend_from_slice_copy(part);
    }
    normal.into_bump_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(texts: &[&str]) -> Vec<Vec<u8>> {
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    }

    #[test]
    fn prefixes_and_suffixes_find_what_trying_each_finds() {
        let texts = owned(&["/etc", "/etc/ssh", "", "a", "ab", "b", "/e"]);
        for skip in 0..texts.len() {
            let some = &texts[skip..];
            let (prefixes, suffixes) = (Prefixes::new(some), Suffixes::new(some));
            for text in ["/etc/x", "ab", "ba", "b", "", "/e", "x", "x/etc", "/"] {
                let text = text.as_bytes();
                let begins = some.iter().any(|own| text.starts_with(own));
                let ends = some.iter().any(|own| text.ends_with(own));
                assert_eq!(prefixes.any_begins(text), begins, "{some:?} {text:?}");
                assert_eq!(suffixes.any_ends(text), ends, "{some:?} {text:?}");
            }
        }
    }

    #[test]
    fn paths_begin_by_whole_components() {
        let arena = bumpalo::Bump::new();
        let cases = [
            ("/var/run", "/var/run", true),
            ("/var/run", "/var/run/x", true),
            ("/var/run", "/var/runner", false),
            ("/var/run", "/var", false),
            ("/var/run/", "var//run///x/", true),
            ("/", "/any", true),
            ("/", "", true),
            ("/home/*/.ssh", "/home/me/.ssh/id", true),
            ("/home/*/.ssh", "/home/me/x/.ssh", false),
        ];
        for (path, text, expected) in cases {
            let set = PathPrefixes::new(&owned(&[path, "/nowhere"]));
            assert_eq!(set.any_begins(text.as_bytes(), &arena), expected, "{path} {text}");
        }
    }
}
