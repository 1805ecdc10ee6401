//! Flags of Falco's by which people look something up, as words of the subcommands, and the manual.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::CommandFactory;
use peregrine_rules::{EventKind, EventType, FieldId, Row, Trait};

use crate::{
    check,
    cli::{
        CheckOptions, Cli, ExplainOptions, FieldsOptions, ListOptions, LookOptions,
        RuleFilesOptions,
    },
    explain, fields,
};

impl LookOptions {
    /// Whether something is to be looked up instead of a start.
    pub fn is_asked(&self) -> bool {
        !self.validate.is_empty()
            || self.describe.is_some()
            || self.describe_all
            || self.list.is_some()
            || self.list_events
    }
}

/// Answers what is asked, in the order of the options.
pub fn look(cli: &Cli) -> ExitCode {
    let (look, run) = (&cli.look, &cli.run);
    let files =
        RuleFilesOptions { rules: run.rules.clone(), no_default_rules: run.no_default_rules };
    if !look.validate.is_empty() {
        return check::check(&CheckOptions {
            files: look.validate.clone(),
            no_default_rules: run.no_default_rules,
            json: run.json_output
                || run.changes.iter().any(|change| change.is("json_output", "true")),
        });
    }
    if let Some(rule) = &look.describe {
        let json = run.json_output;
        return explain::explain_rule(&ExplainOptions { rule: rule.clone(), files, json });
    }
    if look.describe_all {
        return explain::list(&ListOptions { files, json: run.json_output });
    }
    let text = match &look.list {
        Some(source) if source != "syscall" => {
            eprintln!("peregrined: --list {source}: there are fields of source syscall only");
            return ExitCode::FAILURE;
        }
        Some(_) if look.names => names(),
        Some(_) => fields::list(&FieldsOptions { markdown: false, json: run.json_output }),
        None => events(),
    };
    print(&text)
}

/// Writes to standard output, where nobody may read to the end.
pub fn print(text: &str) -> ExitCode {
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("peregrined: write to standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn names() -> String {
    FieldId::all()
        .map(FieldId::row)
        .filter(|row: &&Row| !row.is(Trait::Hidden))
        .map(|row| format!("{}\n", row.name))
        .collect()
}

/// Event types with the names of their parameters, as `evt.arg.NAME` takes them.
fn events() -> String {
    EventType::all()
        .filter(|event| event.kind() != EventKind::Retired)
        .map(|event| {
            let names: Vec<_> = event.parameters().iter().map(|parameter| parameter.name).collect();
            format!("{}({})\n", event.name(), names.join(", "))
        })
        .collect()
}

/// The manual page, from the definition of the command line.
pub fn manual() -> ExitCode {
    let mut page = Vec::new();
    match clap_mangen::Man::new(Cli::command()).render(&mut page) {
        Ok(()) => print(&String::from_utf8_lossy(&page)),
        Err(error) => {
            eprintln!("peregrined: draw the manual page: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_events_are_listed_one_a_line() {
        assert!(names().lines().any(|line| line == "proc.name"));
        let events = events();
        assert!(events.lines().any(|line| line.starts_with("openat(fd, dirfd, name")), "{events}");
    }
}
