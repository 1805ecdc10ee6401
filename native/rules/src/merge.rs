//! Items in load order to one definition per name: definition, append, override, enable.
//!
//! A name keeps the place of its first definition, which decides the order of rules and what a macro
//! can see; each change moves what the changed item can see to the end.

mod exceptions;
mod rules;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

pub(crate) use exceptions::RuleException;

use crate::diagnostic::{Code, Diagnostic};
use crate::items::{Change, Item, Kind, ListItem, MacroItem, Operation, Plugin, Version};
use crate::nearest;
use crate::priority::Priority;
use crate::source::Place;
use crate::text::{Scalar, Text};

/// All lists, macros and rules, each in the order of first definition.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    pub lists: Named<List>,
    pub macros: Named<Macro>,
    pub rules: Named<Rule>,
    /// The newest engine version that a file needs.
    pub engine: Option<Version>,
    /// Plugins that files need, each with its alternatives.
    pub plugins: Vec<Vec<Plugin>>,
    /// Items that were left out because of a mistake.
    pub broken: HashSet<(Kind, String)>,
    operations: usize,
}

#[derive(Debug)]
pub(crate) struct List {
    pub name: Rc<Scalar>,
    pub items: Vec<Rc<Scalar>>,
    pub seen: Seen,
}

#[derive(Debug)]
pub(crate) struct Macro {
    pub name: Rc<Scalar>,
    pub condition: Text,
    pub seen: Seen,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub name: Rc<Scalar>,
    pub place: Place,
    pub condition: Text,
    pub output: Text,
    pub desc: String,
    pub priority: Priority,
    pub source: String,
    pub source_place: Place,
    pub enabled: bool,
    pub tags: BTreeSet<String>,
    pub exceptions: Vec<RuleException>,
    pub warn_evttypes: bool,
    pub skip_if_unknown: bool,
    pub capture: bool,
    pub capture_duration: u32,
}

/// Which numbers of the count of all definitions and changes belong to an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// When it was first defined.
    pub index: usize,
    /// When it was last changed: it sees what was defined before.
    pub visibility: usize,
    /// The file of the first definition.
    pub file: usize,
}

impl Seen {
    pub fn sees(self, other: Self) -> bool {
        other.index < self.visibility
    }
}

/// Things in order, found by name.
#[derive(Debug)]
pub(crate) struct Named<T> {
    all: Vec<T>,
    by_name: HashMap<String, usize>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { all: Vec::new(), by_name: HashMap::new() }
    }
}

impl<T> Named<T> {
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub fn get(&self, name: &str) -> Option<&T> {
        self.position(name).map(|position| &self.all[position])
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.position(name).map(|position| &mut self.all[position])
    }

    pub fn all(&self) -> &[T] {
        &self.all
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    fn put(&mut self, name: &str, value: T) {
        match self.position(name) {
            Some(position) => self.all[position] = value,
            None => {
                self.by_name.insert(name.to_owned(), self.all.len());
                self.all.push(value);
            }
        }
    }
}

/// Applies the items one after the other.
pub(crate) fn in_order(items: Vec<Item>, found: &mut Vec<Diagnostic>) -> Definitions {
    let mut definitions = Definitions::default();
    for item in items {
        match item {
            Item::List(item) => definitions.list(item, found),
            Item::Macro(item) => definitions.macro_item(item, found),
            Item::Rule(item) => definitions.rule(*item, found),
            Item::Engine(version) => definitions.engine = definitions.engine.max(Some(version)),
            Item::Plugins(plugins) => definitions.plugins.extend(plugins),
            Item::Broken(kind, name, rest) => {
                definitions.broken.insert((kind, name));
                // Mistakes in the rest are told at once, too.
                if let Some(rest) = rest.filter(|it| it.defines()) {
                    definitions.rule(*rest, found);
                }
            }
        }
    }
    definitions
}

impl Definitions {
    /// The number of the next definition or change.
    fn next_operation(&mut self) -> usize {
        self.operations += 1;
        self.operations
    }

    fn list(&mut self, item: ListItem, found: &mut Vec<Diagnostic>) {
        let name = Rc::clone(&item.name);
        if !appends(&item.change, "items") {
            let earlier = self.lists.get(&name.text).map(|list| list.seen);
            let seen = self.seen(earlier, name.file);
            self.lists.put(&name.text, List { name: item.name, items: item.items, seen });
            return;
        }
        let visibility = self.next_operation();
        match self.lists.get_mut(&name.text) {
            Some(list) => {
                list.items.extend(item.items);
                list.seen.visibility = visibility;
            }
            None => self.no_target(Kind::List, &name, found),
        }
    }

    fn macro_item(&mut self, item: MacroItem, found: &mut Vec<Diagnostic>) {
        let name = Rc::clone(&item.name);
        if !appends(&item.change, "condition") {
            let earlier = self.macros.get(&name.text).map(|it| it.seen);
            let seen = self.seen(earlier, name.file);
            let condition = Text::from_scalar(&item.condition);
            self.macros.put(&name.text, Macro { name: item.name, condition, seen });
            return;
        }
        let visibility = self.next_operation();
        match self.macros.get_mut(&name.text) {
            Some(it) => {
                append_text(&mut it.condition, &item.condition);
                it.seen.visibility = visibility;
            }
            None => self.no_target(Kind::Macro, &name, found),
        }
    }

    fn seen(&mut self, earlier: Option<Seen>, file: usize) -> Seen {
        let visibility = self.next_operation();
        match earlier {
            Some(earlier) => Seen { visibility, ..earlier },
            None => Seen { index: visibility, visibility, file },
        }
    }

    /// Something changes an item that is not there.
    fn no_target(&self, kind: Kind, name: &Rc<Scalar>, found: &mut Vec<Diagnostic>) {
        if self.broken.contains(&(kind, name.text.clone())) {
            return;
        }
        let near = match kind {
            Kind::List => nearest::nearest(&name.text, self.lists.names()),
            Kind::Macro => nearest::nearest(&name.text, self.macros.names()),
            Kind::Rule => nearest::nearest(&name.text, self.rules.names()),
        };
        let message = format!("there is no {} \"{}\" to change", kind.word(), name.text);
        found.push(
            Diagnostic::new(Code::UnknownTarget, name.place(), message)
                .item(kind.word(), &name.text)
                .help("it must be defined before, in this file or an earlier one")
                .suggest(near),
        );
    }
}

/// Whether a list or macro item appends; replacing one that is not there defines it.
fn appends(change: &Change, key: &str) -> bool {
    *change == Change::Append || change.operation(key) == Some(Operation::Append)
}

/// Texts are joined by a blank before anything is read in them.
fn append_text(text: &mut Text, scalar: &Rc<Scalar>) {
    text.push_joint(" ");
    text.push_scalar(scalar, 0..scalar.text.len());
}
