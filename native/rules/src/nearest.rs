//! The known word nearest to a word that is not known, for "did you mean".

/// Longest word that is compared: the distance takes the product of both lengths in steps.
const LIMIT: usize = 64;

/// The nearest of the known words, if one is near enough to be meant.
pub fn nearest<'known>(
    word: &str,
    known: impl IntoIterator<Item = &'known str>,
) -> Option<&'known str> {
    // What is shorter is near to anything short.
    if word.len() > LIMIT || word.len() < 3 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let known: Vec<_> = known.into_iter().collect();
    // A third of the word may be wrong, and one letter always.
    let tolerance = (word.len() / 3).max(1);
    let close = known
        .iter()
        .filter(|other| other.len().abs_diff(word.len()) <= tolerance)
        .map(|other| (distance(word.as_bytes(), other.to_ascii_lowercase().as_bytes()), *other))
        .filter(|(distance, _)| *distance <= tolerance)
        .min();
    let begun = || {
        known.iter().copied().find(|other| other.to_ascii_lowercase().starts_with(word.as_str()))
    };
    close.map(|(_, other)| other).or_else(begun)
}

/// Edit distance where a swap of neighbours counts once.
fn distance(left: &[u8], right: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(letter != other);
            let mut best = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *letter == right[column - 1] && left[row - 1] == *other {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let known = ["proc.name", "proc.pname", "fd.name"];
        assert_eq!(nearest("proc.nmae", known), Some("proc.name"));
        assert_eq!(nearest("fd.nam", known), Some("fd.name"));
        assert_eq!(nearest("container.id", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("WARN", ["Error", "Warning"]), Some("Warning"));
    }
}
