//! What can be wrong with rule files: the table of codes, and a diagnostic as data.
//!
//! **Invariant:** stages make diagnostics and never format them; `render` is the only place that
//! draws.

use crate::source::Place;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The rules are refused as a whole.
    Error,
    /// The rules load.
    Warning,
}

/// A problem found in a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of problem.
    pub code: Code,
    /// What was found and what was expected.
    pub message: String,
    /// Where.
    pub place: Place,
    /// What stands at the place, in a few words.
    pub remark: String,
    /// Which item it belongs to, such as `rule "Terminal shell in container"`.
    pub item: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(code: Code, place: Place, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place, remark: String::new(), item: None, help: None }
    }

    pub(crate) fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remark = remark.into();
        self
    }

    pub(crate) fn item(mut self, kind: &str, name: &str) -> Self {
        self.item = Some(format!("{kind} \"{name}\""));
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn suggest(self, nearest: Option<&str>) -> Self {
        match nearest {
            Some(nearest) => self.help(format!("did you mean `{nearest}`?")),
            None => self,
        }
    }

    /// Whether the rules are refused because of this.
    pub fn is_error(&self) -> bool {
        self.code.severity() == Severity::Error
    }

    /// What to do about it: of this very problem, or of all of its kind.
    pub fn remedy(&self) -> Option<&str> {
        self.help.as_deref().or_else(|| self.code.remedy())
    }
}

/// Whether a list of diagnostics refuses the rules.
pub(crate) fn has_error(found: &[Diagnostic]) -> bool {
    found.iter().any(Diagnostic::is_error)
}

/// Writes the enum of codes and its table from one list.
macro_rules! codes {
    ($($id:ident $name:literal $falco:literal $severity:ident $doc:literal;)*) => {
        /// The kind of a problem. The name is stable; tools may compare it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $doc] $id,)*
        }

        impl Code {
            /// All codes.
            pub fn all() -> impl Iterator<Item = Self> {
                [$(Self::$id,)*].into_iter()
            }

            /// The stable name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$id => $name,)* }
            }

            /// The code that Falco gives such a problem.
            pub fn falco(self) -> &'static str {
                match self { $(Self::$id => $falco,)* }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$id => Severity::$severity,)* }
            }

            /// What it means, in a sentence.
            pub fn doc(self) -> &'static str {
                match self { $(Self::$id => $doc,)* }
            }
        }
    };
}

codes! {
    FileTooLarge "file-too-large" "LOAD_ERR_FILE_READ" Error
        "The file is larger than a rule file may be.";
    NotUtf8 "not-utf8" "LOAD_ERR_YAML_PARSE" Error
        "The file has bytes that are no UTF-8.";
    YamlSyntax "yaml-syntax" "LOAD_ERR_YAML_PARSE" Error
        "The file is not YAML.";
    YamlLimit "yaml-limit" "LOAD_ERR_YAML_PARSE" Error
        "The file nests or repeats more than a rule file may.";
    WrongShape "wrong-shape" "LOAD_ERR_YAML_VALIDATE" Error
        "A list stands where a text should, or the other way round.";
    MissingKey "missing-key" "LOAD_ERR_YAML_VALIDATE" Error
        "An item lacks a key that it needs.";
    InvalidValue "invalid-value" "LOAD_ERR_YAML_VALIDATE" Error
        "The value of a key is not one of those that it takes.";
    InvalidOverride "invalid-override" "LOAD_ERR_YAML_VALIDATE" Error
        "An override does not fit the keys of its item.";
    UnmetVersion "unmet-version" "LOAD_ERR_VALIDATE" Error
        "The file needs another version of the engine, or a plugin that is not here.";
    UnknownTarget "unknown-target" "LOAD_ERR_VALIDATE" Error
        "An item changes another one that does not exist.";
    InvalidException "invalid-exception" "LOAD_ERR_VALIDATE" Error
        "An exception does not fit together.";
    SourceChanged "source-changed" "LOAD_ERR_VALIDATE" Error
        "A rule is defined again with another source.";
    UndefinedMacro "undefined-macro" "LOAD_ERR_VALIDATE" Error
        "A condition uses a macro that does not exist where it stands.";
    MacroCycle "macro-cycle" "LOAD_ERR_VALIDATE" Error
        "A macro contains itself.";
    ConditionSyntax "condition-syntax" "LOAD_ERR_COMPILE_CONDITION" Error
        "A condition cannot be read.";
    ConditionLimit "condition-limit" "LOAD_ERR_COMPILE_CONDITION" Error
        "A condition nests or grows more than it may.";
    UnknownField "unknown-field" "LOAD_ERR_COMPILE_CONDITION" Error
        "No field has this name or takes this argument.";
    UnknownEventType "unknown-event-type" "LOAD_ERR_COMPILE_CONDITION" Error
        "No event type has this name.";
    UnfitOperator "unfit-operator" "LOAD_ERR_COMPILE_CONDITION" Error
        "The operator does not go with the type of its left side.";
    UnfitValue "unfit-value" "LOAD_ERR_COMPILE_CONDITION" Error
        "The value does not go with the type of its left side.";
    UnfitTransformer "unfit-transformer" "LOAD_ERR_COMPILE_CONDITION" Error
        "A transformer does not take what it is given.";
    InvalidPattern "invalid-pattern" "LOAD_ERR_COMPILE_CONDITION" Error
        "A regular expression or glob cannot be read.";
    OutputSyntax "output-syntax" "LOAD_ERR_COMPILE_OUTPUT" Error
        "An output text has a percent sign that no field follows.";
    UnknownItem "unknown-item" "LOAD_UNKNOWN_ITEM" Warning
        "An item is neither a rule, a macro, a list nor a requirement; it is ignored.";
    UnknownKey "unknown-key" "LOAD_UNKNOWN_KEY" Warning
        "An item has a key that means nothing; it is ignored.";
    RepeatedKey "repeated-key" "LOAD_UNKNOWN_KEY" Warning
        "A key stands twice; the first one counts.";
    UnknownSource "unknown-source" "LOAD_UNKNOWN_SOURCE" Warning
        "The rule is for events of a plugin; it rests.";
    SkippedRule "skipped-rule" "LOAD_UNKNOWN_FILTER" Warning
        "The rule uses what is unknown here and asked to be skipped then.";
    DeprecatedItem "deprecated-item" "LOAD_DEPRECATED_ITEM" Warning
        "Something still works and has a better way by now.";
    UnusedMacro "unused-macro" "LOAD_UNUSED_MACRO" Warning
        "No condition uses the macro.";
    UnusedList "unused-list" "LOAD_UNUSED_LIST" Warning
        "No condition uses the list.";
    NoEventType "no-event-type" "LOAD_NO_EVTTYPE" Warning
        "The rule looks at nearly every event, which costs.";
    NoExceptionValues "no-exception-values" "LOAD_APPEND_NO_VALUES" Warning
        "An exception is appended without values.";
    RepeatedException "repeated-exception" "LOAD_EXCEPTION_NAME_NOT_UNIQUE" Warning
        "Two exceptions of an item have one name.";
    InvalidMacroName "invalid-macro-name" "LOAD_INVALID_MACRO_NAME" Warning
        "No condition can use a macro of this name.";
    InvalidListName "invalid-list-name" "LOAD_INVALID_LIST_NAME" Warning
        "No condition can use a list of this name.";
    SuspiciousValue "suspicious-value" "LOAD_COMPILE_CONDITION" Warning
        "A value looks as if something else was meant.";
    CorrectedComparison "corrected-comparison" "LOAD_COMPILE_CONDITION" Warning
        "The comparison does here what it says; Falco does something else.";
    DefinedLater "defined-later" "LOAD_COMPILE_CONDITION" Warning
        "A rule uses a macro of a later file, which Falco refuses.";
    NeverKnownField "never-known-field" "LOAD_COMPILE_CONDITION" Warning
        "The field is known by name only and never has a value here.";
    NotCaptured "not-captured" "LOAD_COMPILE_CONDITION" Warning
        "Events of this type are not captured, since there are too many.";
}

impl Code {
    /// What to do about errors of the kind that say nothing themselves; warnings need not be mended.
    fn remedy(self) -> Option<&'static str> {
        Some(match self {
            Self::FileTooLarge => "split it into several files",
            Self::NotUtf8 => "save the file as UTF-8",
            Self::YamlSyntax => {
                "put texts with `: `, ` #`, `%`, `{` or `[` into quotes, and indent by blanks"
            }
            Self::YamlLimit => "write out what aliases repeat, or split the file",
            Self::WrongShape => {
                "write a text, a list (`[a, b]`, or lines with `- `) or keys with values, as said"
            }
            Self::MissingKey => {
                "a rule needs `desc`, `condition`, `output` and `priority`, a macro `condition`, and \
                 a list `items`"
            }
            Self::InvalidValue => "write such a value",
            Self::InvalidOverride => {
                "texts, tags, exceptions and items can be appended to; all keys but `source` can be \
                 replaced"
            }
            Self::UnmetVersion => "use a version of the file for this engine",
            Self::UnknownTarget => "define it before, in this file or an earlier one",
            Self::InvalidException => {
                "give each field an operator in `comps`, and each of `values` a value for each field"
            }
            Self::SourceChanged => "leave `source` as it was, or give the rule another name",
            Self::UndefinedMacro => "define it before, in this file or an earlier one",
            Self::MacroCycle => "take the macro out of its own condition",
            Self::ConditionSyntax => {
                "write comparisons such as `proc.name = curl`, joined by `and`, `or` and `not`"
            }
            Self::ConditionLimit => "split the rule, or put values into a list behind `in`",
            Self::UnknownField => "`peregrined fields` lists all fields with their arguments",
            Self::UnknownEventType => "`peregrined --list-events` lists all event types",
            Self::UnfitOperator | Self::UnfitValue => {
                "`peregrined fields` shows the type of each field and an example"
            }
            Self::UnfitTransformer => {
                "`tolower`, `toupper`, `basename` and `concat` take texts, `b64` and `len` bytes, too"
            }
            Self::InvalidPattern => {
                "the whole text has to match, in the POSIX manner, without groups of Perl's"
            }
            Self::OutputSyntax => "`peregrined fields` lists what may stand behind `%`",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable_words_and_unique() {
        let mut names: Vec<_> = Code::all().map(Code::name).collect();
        assert!(names.iter().all(|name| {
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        }));
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_error_says_what_to_do() {
        for code in Code::all() {
            let is_error = code.severity() == Severity::Error;
            assert_eq!(code.remedy().is_some(), is_error, "{}", code.name());
        }
        let place = Place::new(0, 0..0);
        let diagnostic = Diagnostic::new(Code::UnknownField, place, "there is no field");
        assert!(diagnostic.remedy().unwrap().contains("peregrined fields"));
        assert_eq!(diagnostic.help("mend it").remedy(), Some("mend it"));
    }

    #[test]
    fn errors_have_error_codes() {
        for code in Code::all() {
            let falco_error = code.falco().starts_with("LOAD_ERR_");
            assert_eq!(code.severity() == Severity::Error, falco_error, "{}", code.name());
        }
    }
}
