//! Macros that no rule uses: what they name must be there all the same.

use std::rc::Rc;

use super::{Site, Typing};
use crate::condition::{Condition, Span};
use crate::diagnostic::{Code, Diagnostic};
use crate::items::Kind;

impl Typing<'_> {
    /// Checks the macros that are in no rule, after all rules. What they use counts as used.
    pub fn unused_macros(&mut self, found: &mut Vec<Diagnostic>) {
        let unused: Vec<usize> =
            (0..self.macros.len()).filter(|index| self.macros[*index].checked.is_none()).collect();
        let mut uses = vec![Vec::new(); self.macros.len()];
        for index in &unused {
            uses[*index] = self.unused_macro(*index, found);
        }
        if let Some(index) = in_cycle(&uses) {
            let name = self.macro_name(index);
            let message = format!("macro `{name}` contains itself");
            let place = self.definitions.macros.all()[index].name.place();
            found.push(Diagnostic::new(Code::MacroCycle, place, message).item("macro", name));
        }
    }

    /// Checks the names in a macro; gives the macros that they are.
    fn unused_macro(&mut self, index: usize, found: &mut Vec<Diagnostic>) -> Vec<usize> {
        let Some(read) = self.macros[index].read.as_ref().map(Rc::clone) else { return Vec::new() };
        let (text, condition) = &*read;
        let mut names = Vec::new();
        collect_names(condition, &mut names);
        let mut site = Site::new(text, (Kind::Macro, self.macro_name(index)));
        let mut uses = Vec::new();
        for (name, span) in names {
            if let Some(used) = self.visible_macro(&mut site, Some(index), name, span) {
                self.macro_used[used] = true;
                uses.push(used);
            }
        }
        found.append(&mut site.found);
        uses
    }
}

fn collect_names<'tree>(condition: &'tree Condition, names: &mut Vec<(&'tree str, &'tree Span)>) {
    match condition {
        Condition::And(parts) | Condition::Or(parts) => {
            parts.iter().for_each(|part| collect_names(part, names));
        }
        Condition::Not(part) => collect_names(part, names),
        Condition::Macro(name, span) => names.push((name, span)),
        Condition::Comparison(_) => {}
    }
}

/// Something that uses itself, by way of others or not: what is left when everything that uses
/// nothing is taken away again and again, and then whatever is used by nothing.
fn in_cycle(uses: &[Vec<usize>]) -> Option<usize> {
    let mut users = vec![Vec::new(); uses.len()];
    for (user, used) in uses.iter().enumerate() {
        used.iter().for_each(|used| users[*used].push(user));
    }
    let mut is_left = vec![true; uses.len()];
    peel(uses, &users, &mut is_left);
    peel(&users, uses, &mut is_left);
    is_left.iter().position(|is_left| *is_left)
}

/// Takes away what has no arrow to anything that is left.
fn peel(arrows: &[Vec<usize>], back: &[Vec<usize>], is_left: &mut [bool]) {
    let to_left =
        |from: usize, is_left: &[bool]| arrows[from].iter().filter(|to| is_left[**to]).count();
    let mut counts: Vec<_> = (0..arrows.len()).map(|from| to_left(from, is_left)).collect();
    let mut bare: Vec<_> =
        (0..arrows.len()).filter(|it| is_left[*it] && counts[*it] == 0).collect();
    while let Some(gone) = bare.pop() {
        is_left[gone] = false;
        for from in back[gone].iter().copied().filter(|from| is_left[*from]) {
            counts[from] -= 1;
            if counts[from] == 0 {
                bare.push(from);
            }
        }
    }
}
