//! Numbers as text.

use bumpalo::{Bump, collections::String};
use peregrine_rules::numbers;
use std::fmt::Write;

/// `ENOENT` for 2; the number where it has no name.
pub fn errno(number: i64, arena: &Bump) -> &[u8] {
    numbers::error_name(number).map_or_else(|| decimal(number, arena), str::as_bytes)
}

/// A number in decimal.
pub fn decimal(number: impl std::fmt::Display, arena: &Bump) -> &[u8] {
    let mut text = String::new_in(arena);
    push(&mut text, format_args!("{number}"));
    text.into_bump_str().as_bytes()
}

/// Formatted text.
pub fn text<'a>(arguments: std::fmt::Arguments<'_>, arena: &'a Bump) -> &'a [u8] {
    let mut text = String::new_in(arena);
    push(&mut text, arguments);
    text.into_bump_str().as_bytes()
}

fn push(text: &mut String<'_>, arguments: std::fmt::Arguments<'_>) {
    // Only a Display that fails by itself could make this fail, and none of ours does.
    text.write_fmt(arguments).unwrap_or_default();
}

/// Names of the capabilities of a set, joined by spaces.
pub fn capabilities(set: u64, arena: &Bump) -> &[u8] {
    let mut names = String::new_in(arena);
    for name in numbers::capability_names(set) {
        if !names.is_empty() {
            names.push(' ');
        }
        names.push_str(name);
    }
    names.into_bump_str().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_capabilities_have_names() {
        let arena = Bump::new();
        assert_eq!(errno(2, &arena), b"ENOENT");
        assert_eq!(errno(13, &arena), b"EACCES");
        assert_eq!(errno(100_000, &arena), b"100000");
        assert_eq!(capabilities(0b10_0001, &arena), b"CAP_CHOWN CAP_KILL");
        assert_eq!(capabilities(0, &arena), b"");
    }
}
