//! Regular expressions as rules write them, which is the POSIX way of RE2, to those of the `regex`
//! crate.
//!
//! The two differ in what stands for itself: in a bracket `[`, `&&`, `~~` and `--` are ordinary
//! letters in rules, and so is a `{` that begins no repetition.

use regex::{Regex, RegexBuilder};

/// Most memory that a regular expression may take when compiled.
const REGEX_LIMIT: usize = 1 << 20;

/// Compiles an expression that must match a whole text.
pub(crate) fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!(r"\A(?:{})\z", translated(pattern)))
        .size_limit(REGEX_LIMIT)
        .dfa_size_limit(REGEX_LIMIT)
        .nest_limit(100)
        .octal(true)
        .build()
}

/// The first thing in an expression that the `regex` crate knows and rules do not: classes, assertions
/// and groups of Perl's.
pub(crate) fn foreign(pattern: &str) -> Option<&str> {
    let mut at = 0;
    while let Some(letter) = pattern[at..].chars().next() {
        let rest = &pattern[at..];
        at += match letter {
            '\\' => {
                let length = escape_length(rest);
                if rest[1..].starts_with(PERL_ESCAPES) {
                    return Some(&rest[..length]);
                }
                length
            }
            '[' => {
                let (_, length) = bracket(rest);
                let escape = escapes(&rest[..length]).find(|it| it[1..].starts_with(PERL_ESCAPES));
                if escape.is_some() {
                    return escape;
                }
                length
            }
            '(' if rest.starts_with("(?") => return Some(&rest[..2]),
            letter => letter.len_utf8(),
        };
    }
    None
}

/// Letters that mean something behind a backslash for Perl and nothing in rules.
const PERL_ESCAPES: [char; 14] =
    ['d', 'D', 'w', 'W', 's', 'S', 'b', 'B', 'A', 'z', 'Z', 'p', 'P', 'Q'];

fn translated(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            // Ends of words for the crate, and the letters themselves for rules.
            '\\' if rest[1..].starts_with(['<', '>']) => {
                rest = &rest[1..];
                continue;
            }
            '\\' => escape_length(rest),
            '[' => {
                let (class, length) = bracket(rest);
                text.push_str(&class);
                rest = &rest[length..];
                continue;
            }
            '{' if !is_repetition(rest) => {
                text.push('\\');
                1
            }
            letter => letter.len_utf8(),
        };
        text.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    text
}

/// Each backslash with the letter behind it.
fn escapes(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let escape = &rest[rest.find('\\')?..];
        let length = escape_length(escape);
        rest = &escape[length..];
        Some(&escape[..length])
    })
}

/// A backslash with the letter behind it.
fn escape_length(text: &str) -> usize {
    1 + text[1..].chars().next().map_or(0, char::len_utf8)
}

/// `{2}`, `{2,}` or `{2,5}`.
fn is_repetition(text: &str) -> bool {
    let Some((inner, _)) = text[1..].split_once('}') else { return false };
    let (low, high) = inner.split_once(',').unwrap_or((inner, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !low.is_empty() && is_number(low) && is_number(high)
}

/// A bracket expression with its letters escaped, and how long it was.
fn bracket(text: &str) -> (String, usize) {
    let mut class = "[".to_owned();
    let mut at = 1;
    if text[at..].starts_with('^') {
        class.push('^');
        at += 1;
    }
    let first = at;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = match letter {
            ']' if at > first => {
                class.push(']');
                return (class, at + 1);
            }
            '\\' => escape_length(rest),
            '[' if rest.starts_with("[:") && rest.contains(":]") => {
                rest.find(":]").map_or(1, |end| end + 2)
            }
            ']' | '[' | '&' | '~' => {
                class.push('\\');
                1
            }
            '-' if rest.starts_with("--") => {
                class.push('\\');
                1
            }
            letter => letter.len_utf8(),
        };
        class.push_str(&rest[..length]);
        at += length;
    }
    (class, at)
}

#[cfg(test)]
mod tests {
    use super::{foreign, whole};

    #[test]
    fn what_rules_do_not_know_is_found_where_it_means_something() {
        let cases = [
            ("\\d+", Some("\\d")),
            ("[a\\w]", Some("\\w")),
            ("\\Aa\\z", Some("\\A")),
            ("\\pL", Some("\\p")),
            ("(?:a)", Some("(?")),
            ("\\(?a", None),
            ("[(?]", None),
            ("\\\\d", None),
            ("[[]\\.d", None),
            ("a*?", None),
        ];
        for (pattern, expected) in cases {
            assert_eq!(foreign(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn what_stands_for_itself_in_rules_does_so_here() {
        let cases = [
            ("a|b", "a", true),
            ("a|b", "ab", false),
            ("[[]x", "[x", true),
            ("[^[]x", "[x", false),
            ("[]]x", "]x", true),
            ("[^]]x", "]x", false),
            ("[a&&b]+", "a&b", true),
            ("[~~]", "~", true),
            ("[[:digit:]]+", "123", true),
            ("[[:alpha:]_-]+", "a_b-c", true),
            ("a{2,3}", "aaa", true),
            ("a{2,3}", "a", false),
            ("a{b}", "a{b}", true),
            ("{x", "{x", true),
            ("\\[x\\]", "[x]", true),
            ("\\{2\\}", "{2}", true),
            ("\\101", "A", true),
            ("\\x41", "A", true),
            ("é+", "éé", true),
            ("\\<b\\>", "<b>", true),
            ("a\\(?b", "ab", true),
            ("[(?]+", "?(", true),
        ];
        for (pattern, text, expected) in cases {
            let regex = whole(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(regex.is_match(text), expected, "{pattern} {text}");
        }
        for broken in ["(", "*a", "[a", "a{3,2}", "\\"] {
            assert!(whole(broken).is_err(), "{broken}");
        }
    }
}
