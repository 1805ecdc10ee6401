//! Which rules are loaded and how: what a start and each reload do alike.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use peregrine_rules::{LoadOptions, Plan, RuleFile};

use crate::rule_files::{self, Defaults, ReadError};

/// Where rules come from, and how they are loaded.
#[derive(Clone, Debug)]
pub struct RuleSource {
    /// Whether the daemon's own rules come first.
    pub defaults: Defaults,
    /// The folder of the machine's rules, which may be absent.
    pub folder: Option<PathBuf>,
    /// Files and folders that were named.
    pub named: Vec<PathBuf>,
    /// Files that say so: the `falco.yaml` of the start and those that it names.
    pub configuration: Vec<PathBuf>,
    /// How they are loaded.
    pub options: LoadOptions,
}

/// Reads anew what the configuration says of rules.
pub type Renew = Box<dyn Fn() -> anyhow::Result<RuleSource> + Send>;

/// Rules that were read, not yet compiled.
pub struct Texts(Vec<RuleFile>);

/// Rules that may judge, and what there is to say of them.
pub struct Loaded {
    pub plan: Plan,
    /// Drawn for a person.
    pub warnings: Vec<String>,
}

/// Why rules are not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A file or folder cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The configuration cannot be read, or is wrong.
    #[error("{0}")]
    Configuration(String),
    /// There is nothing to judge by.
    #[error("no rules: leave out --no-default-rules, or name a rule file with -r FILE")]
    Empty,
    /// There are errors in them.
    #[error("{n_errors} error{s} in the rule files", s = if *n_errors == 1 { "" } else { "s" })]
    Errors {
        n_errors: usize,
        /// All of them and the warnings, drawn for a person.
        drawn: Vec<String>,
        /// The first one: place and message, in a line.
        first: String,
    },
}

impl RuleSource {
    /// Files and folders that were named, behind the daemon's own rules unless these are left out.
    pub fn named(named: Vec<PathBuf>, defaults: Defaults) -> Self {
        let options =
            LoadOptions { offering: rule_files::built_in_names(), ..LoadOptions::default() };
        Self { defaults, folder: None, named, configuration: Vec::new(), options }
    }

    /// Reads the files as they are now.
    pub fn read(&self) -> Result<Texts, ReadError> {
        rule_files::read(self.defaults, self.folder.as_deref(), &self.named).map(Texts)
    }

    /// Equal if the same texts are loaded in the same way.
    pub fn fingerprint(&self, texts: &Texts) -> u64 {
        let mut hasher = DefaultHasher::new();
        (texts.fingerprint(), format!("{:?}", self.options)).hash(&mut hasher);
        hasher.finish()
    }

    /// Folders in which a change may mean other rules: those named, and those of named files and of
    /// the configuration, by their names and by where links lead.
    pub fn folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = self
            .folder
            .iter()
            .chain(&self.named)
            .chain(&self.configuration)
            .flat_map(|path| [Some(path.clone()), path.canonicalize().ok()])
            .flatten()
            .filter_map(|path| nearest_folder(&path))
            .collect();
        folders.sort();
        folders.dedup();
        folders
    }
}

/// The folder itself, or the first one above that is there, in which it may appear.
fn nearest_folder(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    absolute.ancestors().find(|path| path.is_dir()).map(Path::to_owned)
}

impl Texts {
    /// The files themselves.
    pub fn into_files(self) -> Vec<RuleFile> {
        self.0
    }

    /// Equal for equal texts of equal names.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for file in &self.0 {
            (&file.name, &file.text).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Compiles them.
    pub fn load(&self, options: &LoadOptions) -> Result<Loaded, Refusal> {
        let (plan, found) = peregrine_rules::load(&self.0, options);
        let drawn = found.iter().map(|it| peregrine_rules::render(it, &self.0)).collect();
        match plan {
            Some(plan) if plan.rules().next().is_none() => Err(Refusal::Empty),
            Some(plan) => Ok(Loaded { plan, warnings: drawn }),
            None => {
                let mut errors = found.iter().filter(|it| it.is_error());
                let first = errors.next().map(|it| self.in_a_line(it)).unwrap_or_default();
                Err(Refusal::Errors { n_errors: errors.count() + 1, drawn, first })
            }
        }
    }

    fn in_a_line(&self, diagnostic: &peregrine_rules::Diagnostic) -> String {
        let file = self.0.get(diagnostic.place.file);
        let name = file.map_or("", |file| &file.name);
        let (line, column) = file.map_or((0, 0), |file| {
            peregrine_rules::line_and_column(&file.text, diagnostic.place.range.start)
        });
        format!("{name}:{line}:{column}: {}", diagnostic.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn source(named: &Path) -> RuleSource {
        RuleSource {
            defaults: Defaults::Leave,
            folder: None,
            named: vec![named.to_owned()],
            configuration: Vec::new(),
            options: LoadOptions::default(),
        }
    }

    #[test]
    fn a_refusal_names_the_place_of_the_first_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        fs::write(&path, "- macro: m\n  condition: proc.nam = x\n- list: 7\n").unwrap();
        let source = source(&path);
        let Err(Refusal::Errors { n_errors, first, .. }) =
            source.read().unwrap().load(&source.options)
        else {
            panic!("not refused");
        };
        assert!(n_errors >= 1);
        assert!(first.starts_with(&format!("{}:", path.display())), "{first}");
    }

    #[test]
    fn the_fingerprint_changes_with_the_text_and_with_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        let source = source(folder.path());
        fs::write(&path, "- list: a\n  items: [b]\n").unwrap();
        let before = source.read().unwrap().fingerprint();
        fs::write(folder.path().join("notes.txt"), "no rules").unwrap();
        assert_eq!(source.read().unwrap().fingerprint(), before);
        fs::write(&path, "- list: a\n  items: [c]\n").unwrap();
        assert_ne!(source.read().unwrap().fingerprint(), before);
    }

    #[test]
    fn the_same_texts_loaded_otherwise_are_other_rules() {
        let folder = tempfile::tempdir().unwrap();
        let mut source = source(folder.path());
        let texts = source.read().unwrap();
        let before = source.fingerprint(&texts);
        assert_eq!(source.clone().fingerprint(&texts), before);
        source.options.suggested_output = false;
        assert_ne!(source.fingerprint(&texts), before);
    }

    #[test]
    fn the_folder_behind_a_link_is_watched_and_so_is_that_of_the_link() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("..v1")).unwrap();
        fs::write(root.join("..v1/rules.yaml"), "[]").unwrap();
        std::os::unix::fs::symlink("..v1", root.join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/rules.yaml", root.join("rules.yaml")).unwrap();
        assert_eq!(source(&root.join("rules.yaml")).folders(), [root.clone(), root.join("..v1")]);
        assert_eq!(source(&root.join("none/rules.d")).folders(), [root]);
    }
}
