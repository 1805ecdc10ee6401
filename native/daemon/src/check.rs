//! `peregrined rules check`: loads rule files as a start would, and says what is wrong with them.

use std::process::ExitCode;

use peregrine_rules::LoadOptions;

use crate::{
    cli::CheckOptions,
    doctor,
    rule_files::{self, Defaults},
};

/// Prints every diagnostic, then a line of totals; fails if any is an error.
pub fn check(options: &CheckOptions) -> ExitCode {
    let defaults = if options.no_default_rules { Defaults::Leave } else { Defaults::Load };
    let files = match rule_files::read(defaults, None, &options.files) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("peregrined: {}", doctor::chain(&error));
            return ExitCode::FAILURE;
        }
    };
    let (plan, diagnostics) = peregrine_rules::load(
        &files,
        &LoadOptions { offering: rule_files::built_in_names(), ..LoadOptions::default() },
    );
    for diagnostic in &diagnostics {
        eprintln!("{}", peregrine_rules::render(diagnostic, &files));
    }
    match plan {
        Some(plan) => {
            println!("{} rules in {} files: ok", plan.rules().count(), files.len());
            ExitCode::SUCCESS
        }
        None => {
            let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
            println!("refused: {errors} error{} above", if errors == 1 { "" } else { "s" });
            ExitCode::FAILURE
        }
    }
}
