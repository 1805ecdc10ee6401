//! Condition trees to expressions: macros put in, fields looked up, operators and values checked
//! against types, constants converted once.

mod comparison;
mod constant;
mod explained;
mod operand;
mod services;
mod unused;

use std::rc::Rc;

pub(crate) use operand::lookup_mistake;

use crate::condition::{Condition, Span};
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::{ExprId, Expressions};
use crate::items::Kind;
use crate::lists::Lists;
use crate::merge::Definitions;
use crate::nearest;
use crate::parser::{self, Mistake};
use crate::source::RuleFile;
use crate::text::Text;

/// Deepest nesting of macros and of the expressions that they make.
const DEPTH_LIMIT: u32 = 200;

/// Most errors, and most warnings, that one condition or output gives; nobody reads more, and finding
/// a place takes time.
const REPORT_LIMIT: usize = 50;

/// Checks the conditions of one load.
pub(crate) struct Typing<'load> {
    pub files: &'load [RuleFile],
    pub definitions: &'load Definitions,
    pub lists: &'load Lists<'load>,
    static_fields: &'load [(String, String)],
    pub expressions: Expressions,
    macros: Vec<MacroState>,
    /// Macros that are being put in, from the outermost on.
    open: Vec<usize>,
    macro_used: Vec<bool>,
    /// Regular expressions so far.
    n_regexes: usize,
}

/// How far a macro is.
struct MacroState {
    /// Its text with lists and the tree of it, if it can be read.
    read: Option<Rc<(Text, Condition)>>,
    /// Once it is checked: its expression, and the diagnostics for whoever uses it first.
    checked: Option<(Option<ExprId>, Vec<Diagnostic>)>,
}

/// What is said of one condition or output.
const MISTAKES_LIMIT: usize = 100;

/// The text under judgement and what was found in it.
pub(crate) struct Site<'site> {
    pub text: &'site Text,
    pub found: Vec<Diagnostic>,
    item: (Kind, &'site str),
}

impl<'site> Site<'site> {
    pub fn new(text: &'site Text, item: (Kind, &'site str)) -> Self {
        Self { text, found: Vec::new(), item }
    }

    /// More of it would help nobody, and each takes a search for what was meant.
    pub fn is_full_of_mistakes(&self) -> bool {
        self.found.len() >= MISTAKES_LIMIT && self.found.iter().any(Diagnostic::is_error)
    }
}

impl<'load> Typing<'load> {
    /// Reads all macros, since each must be readable by itself.
    pub fn new(
        files: &'load [RuleFile],
        definitions: &'load Definitions,
        lists: &'load Lists<'load>,
        static_fields: &'load [(String, String)],
        found: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut typing = Self {
            files,
            definitions,
            lists,
            static_fields,
            expressions: Expressions::default(),
            macros: Vec::new(),
            open: Vec::new(),
            macro_used: vec![false; definitions.macros.all().len()],
            n_regexes: 0,
        };
        for it in definitions.macros.all() {
            let read = typing.read(&it.condition, (Kind::Macro, &it.name.text), found);
            typing.macros.push(MacroState { read: read.map(Rc::new), checked: None });
        }
        typing
    }

    pub fn is_macro_used(&self, index: usize) -> bool {
        self.macro_used[index]
    }

    /// Checks the condition of a rule, its exceptions included.
    pub fn rule(&mut self, name: &str, text: &Text, found: &mut Vec<Diagnostic>) -> Option<ExprId> {
        let item = (Kind::Rule, name);
        let (text, condition) = self.read(text, item, found)?;
        let mut site = Site { text: &text, found: Vec::new(), item };
        let id = self.condition(&mut site, &condition);
        let depth = id.map_or(0, |id| self.expressions.depth(id));
        if depth > DEPTH_LIMIT {
            site.report(
                self.files,
                Code::ConditionLimit,
                0..text.len(),
                "the condition nests too deep with its macros",
                "",
            );
            found.append(&mut site.found);
            return None;
        }
        found.append(&mut site.found);
        id
    }

    /// Puts lists in and reads the text.
    pub fn read(
        &self,
        text: &Text,
        item: (Kind, &str),
        found: &mut Vec<Diagnostic>,
    ) -> Option<(Text, Condition)> {
        let mut site = Site { text, found: Vec::new(), item };
        match self.lists.expand(text) {
            Err(too_long) => {
                let message = "the condition becomes too long with its lists";
                site.report(self.files, Code::ConditionLimit, too_long.range, message, "");
                found.append(&mut site.found);
                None
            }
            Ok(expanded) => match parser::parse(expanded.as_str()) {
                Ok(condition) => Some((expanded, condition)),
                Err(mistake) => {
                    let mut site = Site { text: &expanded, found: Vec::new(), item };
                    site.mistake(self.files, *mistake);
                    found.append(&mut site.found);
                    None
                }
            },
        }
    }

    pub fn condition(&mut self, site: &mut Site<'_>, condition: &Condition) -> Option<ExprId> {
        match condition {
            Condition::And(parts) => {
                let parts = self.all(site, parts)?;
                Some(self.expressions.and(parts))
            }
            Condition::Or(parts) => {
                let parts = self.all(site, parts)?;
                Some(self.expressions.or(parts))
            }
            Condition::Not(part) => {
                let part = self.condition(site, part)?;
                Some(self.expressions.not(part))
            }
            Condition::Macro(name, span) => self.macro_use(site, name, span),
            Condition::Comparison(comparison) => self.comparison(site, comparison),
        }
    }

    /// Goes on after a mistake, so that each one is found.
    fn all(&mut self, site: &mut Site<'_>, parts: &[Condition]) -> Option<Vec<ExprId>> {
        let parts: Vec<_> = parts.iter().map(|part| self.condition(site, part)).collect();
        parts.into_iter().collect()
    }

    fn macro_use(&mut self, site: &mut Site<'_>, name: &str, span: &Span) -> Option<ExprId> {
        let files = self.files;
        let index = self.visible_macro(site, self.open.last().copied(), name, span)?;
        if let Some(begin) = self.open.iter().position(|open| *open == index) {
            let mut chain: Vec<_> =
                self.open[begin..].iter().map(|it| self.macro_name(*it)).collect();
            chain.push(name);
            let message = format!("macro `{name}` contains itself: {}", chain.join(" → "));
            site.report(files, Code::MacroCycle, span.clone(), message, "");
            return None;
        }
        if self.open.len() >= DEPTH_LIMIT as usize {
            let message = format!("more than {DEPTH_LIMIT} macros stand in one another");
            site.report(files, Code::ConditionLimit, span.clone(), message, "");
            return None;
        }
        self.macro_used[index] = true;
        self.warn_defined_later(site, index, span);
        self.checked_macro(site, index)
    }

    /// Rules see macros of all files; Falco, which reads one file after the other, refuses the earlier
    /// one.
    fn warn_defined_later(&self, site: &mut Site<'_>, index: usize, span: &Span) {
        let defined = self.definitions.macros.all()[index].seen.file;
        if site.text.place(self.files, span.clone()).file < defined {
            let name = self.macro_name(index);
            let message = format!("macro `{name}` is defined in a later file; Falco refuses this");
            let help = format!("load `{}` before this file", self.files[defined].name);
            site.report(self.files, Code::DefinedLater, span.clone(), message, &help);
        }
    }

    /// The macro of a name, if it is there and the macro that it stands in sees it.
    fn visible_macro(
        &self,
        site: &mut Site<'_>,
        outer: Option<usize>,
        name: &str,
        span: &Span,
    ) -> Option<usize> {
        let Some(index) = self.definitions.macros.position(name) else {
            if !self.definitions.broken.contains(&(Kind::Macro, name.to_owned())) {
                self.undefined(site, name, span);
            }
            return None;
        };
        let macros = self.definitions.macros.all();
        if outer.is_some_and(|outer| outer != index && !macros[outer].seen.sees(macros[index].seen))
        {
            let message = format!("macro `{name}` is defined only after this macro");
            let help = format!("define `{name}` first");
            site.report(self.files, Code::UndefinedMacro, span.clone(), message, &help);
            return None;
        }
        Some(index)
    }

    fn checked_macro(&mut self, site: &mut Site<'_>, index: usize) -> Option<ExprId> {
        if let Some((id, found)) = &self.macros[index].checked {
            site.found.extend(found.iter().cloned());
            return *id;
        }
        let read = self.macros[index].read.clone()?;
        let (text, condition) = &*read;
        let name = self.macro_name(index).to_owned();
        let mut inner = Site { text, found: Vec::new(), item: (Kind::Macro, &name) };
        self.open.push(index);
        let id = self.condition(&mut inner, condition);
        self.open.pop();
        site.found.extend(inner.found.iter().cloned());
        self.macros[index].checked = Some((id, inner.found));
        id
    }

    fn macro_name(&self, index: usize) -> &'load str {
        &self.definitions.macros.all()[index].name.text
    }

    fn undefined(&self, site: &mut Site<'_>, name: &str, span: &Span) {
        let near = nearest::nearest(name, self.definitions.macros.names());
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.definitions.lists.get(name).is_some() => {
                "this is a list; it stands behind `in`".to_owned()
            }
            None => "a comparison needs a field, an operator and a value".to_owned(),
        };
        let message = format!("there is no macro `{name}`");
        site.report(self.files, Code::UndefinedMacro, span.clone(), message, &help);
    }
}

impl Site<'_> {
    pub fn report(
        &mut self,
        files: &[RuleFile],
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: &str,
    ) {
        let is_more = |it: &&Diagnostic| it.code.severity() == code.severity();
        if self.found.iter().filter(is_more).count() >= REPORT_LIMIT {
            return;
        }
        let place = self.text.place(files, span);
        let (kind, name) = self.item;
        let mut diagnostic = Diagnostic::new(code, place, message).item(kind.word(), name);
        if !help.is_empty() {
            diagnostic = diagnostic.help(help);
        }
        self.found.push(diagnostic);
    }

    pub fn mistake(&mut self, files: &[RuleFile], mistake: Mistake) {
        let Mistake { code, span, message, remark, help } = mistake;
        let count = self.found.len();
        self.report(files, code, span, message, help.as_deref().unwrap_or_default());
        self.found[count..].iter_mut().for_each(|it| it.remark.clone_from(&remark));
    }
}
