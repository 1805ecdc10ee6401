//! `required_engine_version` and `required_plugin_versions`.

use std::fmt::{self, Display, Formatter};

use super::keys::{Keys, number};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Place;
use crate::yaml::Value;

/// The engine version whose language this is.
const ENGINE: Version = Version { major: 0, minor: 63, patch: 0 };

/// The plugins that are built in, with the version that they answer as.
const PLUGINS: [(&str, Version); 1] = [("container", Version { major: 0, minor: 7, patch: 1 })];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u64,
    minor: u64,
    patch: u64,
}

impl Version {
    /// `1.2.3`, with or without more behind a `-` or `+`.
    fn parse(text: &str) -> Option<Self> {
        let numbers = text.split(['-', '+']).next()?;
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        let version = Self { major: parts.next()??, minor: parts.next()??, patch: parts.next()?? };
        parts.next().is_none().then_some(version)
    }

    fn satisfies(self, required: Self) -> bool {
        self.major == required.major && self >= required
    }
}

impl Display for Version {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A plugin that a file needs.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    pub name: String,
    pub version: Version,
}

/// A lone number is the minor version of old files.
pub(super) fn engine_version(keys: &Keys<'_>, found: &mut Vec<Diagnostic>) -> Option<Version> {
    let text = keys.required("required_engine_version", found)?;
    keys.warn_unknown(&["required_engine_version"], found);
    let required = match number(&text.text) {
        Some(minor) => Some(Version { major: 0, minor: minor.into(), patch: 0 }),
        None => Version::parse(&text.text),
    };
    let diagnostic = match required {
        Some(required) if ENGINE.satisfies(required) => return Some(required),
        Some(required) => {
            let message = format!("the file needs engine version {required}; this is {ENGINE}");
            Diagnostic::new(Code::UnmetVersion, text.place(), message)
                .help("use a version of the file for this engine")
        }
        None => {
            let message = "expected a version such as `0.63.0` or a number";
            Diagnostic::new(Code::InvalidValue, text.place(), message)
        }
    };
    found.push(diagnostic);
    None
}

pub(super) fn plugin_versions(
    keys: &Keys<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<Vec<Vec<Plugin>>> {
    keys.warn_unknown(&["required_plugin_versions"], found);
    let node = keys.node("required_plugin_versions")?;
    let Value::Sequence(entries) = &node.value else {
        keys.wrong("required_plugin_versions", "must be a list", found);
        return None;
    };
    let mut plugins = Vec::new();
    for entry in entries {
        let Value::Mapping(pairs) = &entry.value else {
            let place = Place::new(keys.file(), entry.range.clone());
            let message = "expected a plugin with `name` and `version`";
            found.push(Diagnostic::new(Code::WrongShape, place, message));
            continue;
        };
        let entry = Keys::new(keys.file(), &entry.range, pairs, found);
        plugins.extend(plugin(&entry, found));
    }
    Some(plugins)
}

/// The first of the alternatives that is built in decides.
fn plugin(entry: &Keys<'_>, found: &mut Vec<Diagnostic>) -> Option<Vec<Plugin>> {
    let alternatives = alternatives(entry, found)?;
    let mut names: Vec<&str> = alternatives.iter().map(|it| it.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        let message = "the same plugin is named twice";
        found.push(Diagnostic::new(Code::UnmetVersion, entry.place(), message));
    }
    let present = alternatives.iter().find_map(|it| {
        PLUGINS.iter().find(|(name, _)| *name == it.name).map(|(_, version)| (version, it.version))
    });
    let names: Vec<_> = alternatives.iter().map(|it| format!("`{}`", it.name)).collect();
    let message = match present {
        Some((version, required)) if version.satisfies(required) => return Some(alternatives),
        Some((version, required)) => {
            format!("the file needs version {required} of a plugin that is here as {version}")
        }
        None => format!("the file needs a plugin that is not here: {}", names.join(" or ")),
    };
    found.push(
        Diagnostic::new(Code::UnmetVersion, entry.place(), message)
            .help("only `container` is built in; rules of other plugins cannot be used here"),
    );
    None
}

fn alternatives(entry: &Keys<'_>, found: &mut Vec<Diagnostic>) -> Option<Vec<Plugin>> {
    let mut all = vec![name_and_version(entry, found)?];
    let Some(node) = entry.node("alternatives") else { return Some(all) };
    let Value::Sequence(others) = &node.value else {
        entry.wrong("alternatives", "must be a list", found);
        return None;
    };
    for other in others {
        let Value::Mapping(pairs) = &other.value else {
            entry.wrong("alternatives", "must be a list of plugins", found);
            return None;
        };
        let other = Keys::new(entry.file(), &other.range, pairs, found);
        all.push(name_and_version(&other, found)?);
    }
    Some(all)
}

fn name_and_version(entry: &Keys<'_>, found: &mut Vec<Diagnostic>) -> Option<Plugin> {
    let name = entry.required("name", found)?;
    let text = entry.required("version", found)?;
    let version = Version::parse(&text.text);
    if version.is_none() {
        let message = "expected a version such as `0.4.0`";
        found.push(Diagnostic::new(Code::UnmetVersion, text.place(), message));
    }
    Some(Plugin { name: name.text.clone(), version: version? })
}
