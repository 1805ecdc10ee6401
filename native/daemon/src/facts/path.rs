//! Paths as rules see them: absolute, and cleaned up as text, without asking the file system.

use bumpalo::{Bump, collections::Vec};
use peregrine_capture::event::KernelPath;

/// What stands for a directory that could not be found out.
const UNKNOWN: &[u8] = b"<UNKNOWN>";

/// The kernel's path as text; empty when there is none.
pub fn kernel_path<'a>(path: &KernelPath<'_>, arena: &'a Bump) -> &'a [u8] {
    let mut text = Vec::with_capacity_in(path.length_bound(), arena);
    path.for_each_part(|part| text.extend_from_slice_copy(part));
    text.into_bump_slice()
}

/// What the caller asked for, joined with what it is relative to, and cleaned up.
pub fn absolute<'a>(requested: &'a [u8], base: &KernelPath<'_>, arena: &'a Bump) -> &'a [u8] {
    if requested.first() == Some(&b'/') {
        return clean(requested, arena);
    }
    if base.is_empty() {
        return concat(&[UNKNOWN, requested], arena);
    }
    clean(concat(&[kernel_path(base, arena), b"/", requested], arena), arena)
}

/// Joins texts in the arena.
pub fn concat<'a>(parts: &[&[u8]], arena: &'a Bump) -> &'a [u8] {
    let mut text = Vec::with_capacity_in(parts.iter().map(|part| part.len()).sum(), arena);
    for part in parts {
        text.extend_from_slice_copy(part);
    }
    text.into_bump_slice()
}

/// An absolute path without empty, `.` and `..` names, and without a slash at its end.
pub fn clean<'a>(path: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    if is_clean(path) {
        return path;
    }
    let mut text = Vec::with_capacity_in(path.len(), arena);
    for name in path.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                let parent = text.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                text.truncate(parent);
            }
            name => {
                text.push(b'/');
                text.extend_from_slice_copy(name);
            }
        }
    }
    if text.is_empty() {
        text.push(b'/');
    }
    text.into_bump_slice()
}

fn is_clean(path: &[u8]) -> bool {
    if path.first() != Some(&b'/') || path.len() > 1 && path.last() == Some(&b'/') {
        return path == b"/";
    }
    // Most paths have nothing that would have to be looked at name by name. All pairs are looked at,
    // which takes less time than to stop at the first.
    let is_odd = |(&left, &right): (&u8, &u8)| (left == b'/') & ((right == b'/') | (right == b'.'));
    let may_be_odd = path.iter().zip(&path[1..]).fold(false, |odd, pair| odd | is_odd(pair));
    !may_be_odd
        || path[1..].split(|&byte| byte == b'/').all(|name| !matches!(name, b"" | b"." | b".."))
}

/// Text before the last slash; `/` for what stands in the root.
pub fn directory(path: &[u8]) -> &[u8] {
    match memchr::memrchr(b'/', path) {
        None | Some(0) => b"/",
        Some(slash) => &path[..slash],
    }
}

/// Text behind the last slash.
pub fn filename(path: &[u8]) -> &[u8] {
    memchr::memrchr(b'/', path).map_or(path, |slash| &path[slash + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_text() {
        let arena = Bump::new();
        for (given, wanted) in [
            ("/", "/"),
            ("/etc/shadow", "/etc/shadow"),
            ("//etc///shadow", "/etc/shadow"),
            ("/etc/./shadow", "/etc/shadow"),
            ("/etc/../etc/shadow", "/etc/shadow"),
            ("/../../etc", "/etc"),
            ("/etc/", "/etc"),
            ("/a/b/../../..", "/"),
            ("/.hidden/..file", "/.hidden/..file"),
            ("/.hidden/..", "/"),
            ("/a/.", "/a"),
            ("//", "/"),
            ("/..", "/"),
        ] {
            assert_eq!(clean(given.as_bytes(), &arena), wanted.as_bytes(), "{given}");
        }
    }

    #[test]
    fn directory_and_filename_split_at_the_last_slash() {
        assert_eq!(
            (directory(b"/etc/shadow"), filename(b"/etc/shadow")),
            (&b"/etc"[..], &b"shadow"[..])
        );
        assert_eq!((directory(b"/etc"), filename(b"/etc")), (&b"/"[..], &b"etc"[..]));
        assert_eq!((directory(b"etc"), filename(b"etc")), (&b"/"[..], &b"etc"[..]));
    }
}
