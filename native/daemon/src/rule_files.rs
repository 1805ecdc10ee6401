//! Which rule files are loaded, in which order, and reading them.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use peregrine_rules::{RuleFile, line_and_column, yaml};

/// The rules that come with the daemon; the second file uses the macros of the first.
const DEFAULT_RULES: [(&str, &str); 2] = [
    ("peregrine_rules.yaml", include_str!("../../rulesets/peregrine_rules.yaml")),
    (
        "peregrine_incubating_rules.yaml",
        include_str!("../../rulesets/peregrine_incubating_rules.yaml"),
    ),
];

/// No rule file that a person wrote is larger; what is larger would fill the memory.
const LIMIT_BYTES: u64 = 16 << 20;

/// A rule file or folder that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("read rules from {}", path.display())]
pub struct ReadError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl ReadError {
    /// What could not be read.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether the daemon's own rules are loaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Defaults {
    /// First of all.
    Load,
    /// Not at all.
    Leave,
}

/// Stands for the place of the daemon's own rules, which are in no file.
const BUILT_IN: &str = "<built-in>/";

/// Names of the daemon's own files, whose macros stand there for users to use.
pub fn built_in_names() -> Vec<String> {
    DEFAULT_RULES.map(|(name, _)| format!("{BUILT_IN}{name}")).into()
}

/// Reads, in this order: the daemon's own rules, the folder of the machine's rules if it is there,
/// and what was named on the command line, which must be there.
pub fn read(
    defaults: Defaults,
    folder: Option<&Path>,
    named: &[PathBuf],
) -> Result<Vec<RuleFile>, ReadError> {
    let mut files = Vec::new();
    if defaults == Defaults::Load {
        files.extend(DEFAULT_RULES.map(|(name, text)| RuleFile {
            name: format!("{BUILT_IN}{name}"),
            text: text.to_owned(),
        }));
    }
    let mut paths = Vec::new();
    if let Some(folder) = folder.filter(|folder| folder.exists()) {
        paths.extend(expand(folder)?);
    }
    for path in named {
        paths.extend(expand(path)?);
    }
    for path in paths {
        let file = read_file(&path)?;
        match helm_values(&file) {
            Some(rules) => files.extend(rules),
            None => files.push(file),
        }
    }
    Ok(files)
}

/// The rule files in the values of a Helm chart (`customRules:`, a text by name), in the order of
/// their names, as the chart mounts them. Nothing for a rule file.
fn helm_values(file: &RuleFile) -> Option<Vec<RuleFile>> {
    if !file.text.contains("customRules:") {
        return None;
    }
    let (documents, _) = yaml::documents(&file.text);
    let yaml::Value::Mapping(values) = &documents.first()?.value else { return None };
    let (_, rules) = values.iter().find(|(key, _)| scalar(key) == Some("customRules"))?;
    let yaml::Value::Mapping(rules) = &rules.value else { return Some(Vec::new()) };
    let mut found: Vec<RuleFile> = rules
        .iter()
        .filter_map(|(name, text)| {
            let first = line_of_text(file, text);
            Some(RuleFile {
                name: format!("{} (customRules: {})", file.name, scalar(name)?),
                // With as many lines before it as there are in the file, so that lines are those of
                // the file.
                text: "\n".repeat(first) + scalar(text)?,
            })
        })
        .collect();
    found.sort_by(|left, right| left.name.cmp(&right.name));
    Some(found)
}

fn scalar(node: &yaml::Node) -> Option<&str> {
    match &node.value {
        yaml::Value::Scalar(text, _) => Some(text),
        _ => None,
    }
}

/// How many lines stand before the first one of a text; that of a block is behind its indicator.
fn line_of_text(file: &RuleFile, text: &yaml::Node) -> usize {
    let (line, _) = line_and_column(&file.text, text.range.start);
    let source = file.text.get(text.range.clone()).unwrap_or_default();
    if source.starts_with(['|', '>']) { line } else { line - 1 }
}

/// A folder's .yaml and .yml files by name, not those of folders in it; a file as it is.
pub fn expand(path: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let error = |source| ReadError { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(error)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(error)? {
        let path = entry.map_err(error)?.path();
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if is_yaml && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read_file(path: &Path) -> Result<RuleFile, ReadError> {
    let error = |source| ReadError { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(error)?;
    file.take(LIMIT_BYTES + 1).read_to_end(&mut bytes).map_err(error)?;
    if bytes.len() as u64 > LIMIT_BYTES {
        let text = format!("larger than {} MiB, which no rule file needs", LIMIT_BYTES >> 20);
        return Err(error(io::Error::new(io::ErrorKind::FileTooLarge, text)));
    }
    let text = String::from_utf8(bytes).map_err(|not_text| {
        let line = 1 + not_text.as_bytes()[..not_text.utf8_error().valid_up_to()]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        let text = format!("line {line} is not UTF-8: save the file in that encoding");
        error(io::Error::new(io::ErrorKind::InvalidData, text))
    })?;
    Ok(RuleFile { name: path.display().to_string(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[RuleFile]) -> Vec<&str> {
        files.iter().map(|file| file.name.rsplit('/').next().unwrap_or_default()).collect()
    }

    #[test]
    fn the_machines_folder_comes_behind_the_defaults_and_before_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.yml", "notes.txt", "named.yaml"] {
            fs::write(folder.path().join(name), "[]").unwrap();
        }
        let rules_d = folder.path().join("rules.d");
        fs::create_dir(&rules_d).unwrap();
        fs::write(rules_d.join("local.yaml"), "[]").unwrap();
        let named = [folder.path().join("named.yaml"), folder.path().to_owned()];
        let files = read(Defaults::Load, Some(&rules_d), &named).unwrap();
        let wanted = [
            "peregrine_rules.yaml",
            "peregrine_incubating_rules.yaml",
            "local.yaml",
            "named.yaml",
            "a.yml",
            "b.yaml",
            "named.yaml",
        ];
        assert_eq!(names(&files), wanted);
    }

    #[test]
    fn a_missing_folder_of_the_machine_is_no_error_but_a_missing_named_file_is() {
        let absent = Path::new("/nowhere/rules.d");
        assert!(read(Defaults::Leave, Some(absent), &[]).unwrap().is_empty());
        let error = read(Defaults::Leave, None, &[absent.to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "read rules from /nowhere/rules.d");
    }

    #[test]
    fn rules_in_the_values_of_a_chart_are_files_with_the_lines_of_the_values() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("values.yaml");
        let values = "driver:\n  kind: modern_ebpf\ncustomRules:\n  b.yaml: |-\n    - list: b\n      \
                      items: [x]\n  a.yaml: |\n    - rule: R\n      condition: proc.nam = x\n";
        fs::write(&path, values).unwrap();
        let files = read(Defaults::Leave, None, &[path]).unwrap();
        assert!(files[0].name.ends_with("values.yaml (customRules: a.yaml)"), "{}", files[0].name);
        assert!(files[1].name.ends_with("(customRules: b.yaml)"));
        for (file, marker) in [(&files[0], "proc.nam"), (&files[1], "list: b")] {
            let line = |text: &str| line_and_column(text, text.find(marker).unwrap()).0;
            assert_eq!(line(&file.text), line(values), "{marker}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("binary.yaml");
        fs::write(&path, b"- list: a\n  items: [\xff]\n").unwrap();
        let error = read(Defaults::Leave, None, &[path]).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "line 2 is not UTF-8: save the file in that encoding");
    }
}
