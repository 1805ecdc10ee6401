//! Shell patterns on bytes, as POSIX `fnmatch` reads them without flags: `*` and `?` match `/` too.
//!
//! **Bounds:** time is at most the product of both lengths.

/// Whether a pattern matches a whole text.
pub fn matches_glob(pattern: &[u8], text: &[u8]) -> bool {
    Glob::new(pattern, false).matches(text)
}

/// A pattern that was read once.
#[derive(Clone, Debug)]
pub(crate) struct Glob {
    parts: Vec<Part>,
    fold: bool,
}

#[derive(Clone, Debug)]
enum Part {
    Byte(u8),
    One,
    Many,
    Class(Box<[bool; 256]>),
}

impl Glob {
    /// Reads a pattern; one that folds matches letters of either case.
    pub fn new(pattern: &[u8], fold: bool) -> Self {
        let mut parts = Vec::with_capacity(pattern.len());
        let mut at = 0;
        while let Some(byte) = pattern.get(at) {
            let (part, length) = match byte {
                b'*' => (Part::Many, 1),
                b'?' => (Part::One, 1),
                b'[' => class(&pattern[at..], fold).unwrap_or((Part::Byte(b'['), 1)),
                b'\\' if at + 1 < pattern.len() => (folded(pattern[at + 1], fold), 2),
                byte => (folded(*byte, fold), 1),
            };
            if !(matches!(part, Part::Many) && matches!(parts.last(), Some(Part::Many))) {
                parts.push(part);
            }
            at += length;
        }
        Self { parts, fold }
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        let (mut part, mut at) = (0, 0);
        // Where to go on if what follows the last `*` does not match: one byte further.
        let mut retry: Option<(usize, usize)> = None;
        while at < text.len() {
            let byte = if self.fold { text[at].to_ascii_lowercase() } else { text[at] };
            match self.parts.get(part) {
                Some(Part::Many) => {
                    retry = Some((part + 1, at));
                    part += 1;
                    continue;
                }
                Some(found) if found.takes(byte) => {
                    part += 1;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            let Some((after_star, from)) = retry else { return false };
            retry = Some((after_star, from + 1));
            (part, at) = (after_star, from + 1);
        }
        self.parts[part..].iter().all(|part| matches!(part, Part::Many))
    }
}

impl Part {
    fn takes(&self, byte: u8) -> bool {
        match self {
            Self::Byte(own) => *own == byte,
            Self::One => true,
            Self::Many => false,
            Self::Class(members) => members[usize::from(byte)],
        }
    }
}

fn folded(byte: u8, fold: bool) -> Part {
    Part::Byte(if fold { byte.to_ascii_lowercase() } else { byte })
}

/// Reads `[…]` with its length; nothing if it has no end.
fn class(pattern: &[u8], fold: bool) -> Option<(Part, usize)> {
    let mut members = [false; 256];
    let mut at = 1;
    let is_negated = matches!(pattern.get(at), Some(b'!' | b'^'));
    at += usize::from(is_negated);
    let first = at;
    loop {
        match *pattern.get(at)? {
            b']' if at > first => break,
            b'[' if pattern.get(at + 1) == Some(&b':') => {
                let end = at + 2 + memchr::memmem::find(&pattern[at + 2..], b":]")?;
                let contains = named_class(&pattern[at + 2..end]);
                (0..=255u8).for_each(|byte| members[usize::from(byte)] |= contains(&byte));
                at = end + 2;
            }
            _ => {
                let (low, length) = class_byte(&pattern[at..])?;
                at += length;
                let is_range = pattern.get(at) == Some(&b'-')
                    && pattern.get(at + 1).is_some_and(|byte| *byte != b']');
                let mut high = low;
                if is_range {
                    let (byte, length) = class_byte(&pattern[at + 1..])?;
                    high = byte;
                    at += 1 + length;
                }
                (low..=high).for_each(|byte| members[usize::from(byte)] = true);
            }
        }
    }
    if fold {
        for lower in b'a'..=b'z' {
            let upper = usize::from(lower.to_ascii_uppercase());
            members[usize::from(lower)] |= members[upper];
        }
    }
    if is_negated {
        members.iter_mut().for_each(|member| *member = !*member);
    }
    Some((Part::Class(Box::new(members)), at + 1))
}

fn class_byte(pattern: &[u8]) -> Option<(u8, usize)> {
    match *pattern {
        [b'\\', byte, ..] => Some((byte, 2)),
        [byte, ..] => Some((byte, 1)),
        [] => None,
    }
}

fn named_class(name: &[u8]) -> fn(&u8) -> bool {
    match name {
        b"alpha" => u8::is_ascii_alphabetic,
        b"digit" => u8::is_ascii_digit,
        b"alnum" => u8::is_ascii_alphanumeric,
        b"lower" => u8::is_ascii_lowercase,
        b"upper" => u8::is_ascii_uppercase,
        b"space" => u8::is_ascii_whitespace,
        b"punct" => u8::is_ascii_punctuation,
        b"xdigit" => u8::is_ascii_hexdigit,
        b"cntrl" => u8::is_ascii_control,
        b"graph" => u8::is_ascii_graphic,
        b"print" => |byte| byte.is_ascii_graphic() || *byte == b' ',
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        _ => |_| false,
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn patterns_match_whole_texts() {
        let cases = [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("/etc/*", "/etc/ssh/sshd_config", true),
            ("/etc/*.conf", "/etc/a/b.conf", true),
            ("/etc/*.conf", "/etc/a/b.conf.bak", false),
            ("?at", "cat", true),
            ("?at", "at", false),
            ("[bc]at", "bat", true),
            ("[!bc]at", "bat", false),
            ("[a-c]*[0-9]", "b x 7", true),
            ("[[:digit:]]x", "7x", true),
            ("[]]x", "]x", true),
            ("[abc", "[abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ];
        for (pattern, text, expected) in cases {
            let found = Glob::new(pattern.as_bytes(), false).matches(text.as_bytes());
            assert_eq!(found, expected, "{pattern} {text}");
        }
        assert!(Glob::new(b"/ETC/[A-C]*", true).matches(b"/etc/Bx"));
    }
}
