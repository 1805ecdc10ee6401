//! Which rules are on: enabling and disabling by name, tag or part of a name, applied in order after
//! all files are read.
//!
//! A rule that is enabled while it was off goes to the end of the order in which rules are tried;
//! one that is on stays where it is.

/// A step that turns rules on or off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// What happens to the rules.
    pub choice: Choice,
    /// Which rules.
    pub rules: RulePattern,
}

/// What happens to rules of a [`Selection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// They may match.
    Enable,
    /// They rest.
    Disable,
}

/// Rules by what they are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulePattern {
    /// The whole name, in which `*` stands for anything.
    Name(String),
    /// A part of the name; the empty text is part of every name.
    Part(String),
    /// A tag of the rule.
    Tag(String),
}

impl RulePattern {
    /// Whether a rule of this name and these tags is meant.
    pub fn matches<'tag>(&self, name: &str, mut tags: impl Iterator<Item = &'tag str>) -> bool {
        match self {
            Self::Name(pattern) => matches_wildcards(pattern, name),
            Self::Part(part) => name.contains(part.as_str()),
            Self::Tag(wanted) => tags.any(|tag| tag == wanted),
        }
    }
}

fn matches_wildcards(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    left.ends_with(last)
}

/// Applies the steps to rules that are on or off; gives those that are on in the order in which they
/// are tried.
pub(crate) fn order(
    is_on: &[bool],
    selections: &[Selection],
    matches: impl Fn(usize, &RulePattern) -> bool,
) -> Vec<usize> {
    let mut order: Vec<usize> = (0..is_on.len()).filter(|rule| is_on[*rule]).collect();
    for Selection { choice, rules } in selections {
        match choice {
            Choice::Disable => order.retain(|rule| !matches(*rule, rules)),
            Choice::Enable => {
                let on: std::collections::HashSet<usize> = order.iter().copied().collect();
                let more = (0..is_on.len()).filter(|rule| !on.contains(rule));
                order.extend(more.filter(|rule| matches(*rule, rules)));
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        let cases = [
            ("*", "", true),
            ("*", "any", true),
            ("Terminal*", "Terminal shell in container", true),
            ("*container", "Terminal shell in container", true),
            ("*shell*", "Terminal shell in container", true),
            ("T*sh*er", "Terminal shell in container", true),
            ("T*er*er", "Ter", false),
            ("*ab", "abab", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("Terminal", "Terminal shell", false),
            ("terminal*", "Terminal shell", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches_wildcards(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn later_steps_win_and_what_is_enabled_anew_goes_to_the_end() {
        let names = ["a one", "b two", "c one"];
        let tags = [vec!["x"], vec!["y"], vec!["x", "y"]];
        let step = |choice, rules| Selection { choice, rules };
        let ordered = |is_on: [bool; 3], steps: &[Selection]| {
            order(&is_on, steps, |rule, pattern| {
                pattern.matches(names[rule], tags[rule].iter().copied())
            })
        };
        let name = |text: &str| RulePattern::Name(text.to_owned());
        let tag = |text: &str| RulePattern::Tag(text.to_owned());
        assert_eq!(ordered([true, false, true], &[]), [0, 2]);
        assert_eq!(ordered([true; 3], &[step(Choice::Disable, name("*one"))]), [1]);
        assert_eq!(ordered([true; 3], &[step(Choice::Disable, tag("x"))]), [1]);
        assert_eq!(
            ordered(
                [true; 3],
                &[
                    step(Choice::Disable, name("*")),
                    step(Choice::Enable, tag("y")),
                    step(Choice::Enable, name("a*")),
                ]
            ),
            [1, 2, 0]
        );
        assert_eq!(
            ordered([false, true, true], &[step(Choice::Enable, RulePattern::Part("one".into()))]),
            [1, 2, 0]
        );
    }
}
