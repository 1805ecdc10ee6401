//! `peregrined`: captures, matches, serves. This crate only wires the rooms together.
//!
//! ```text
//! main ─► cli ─► run ─► capture ─► judge (world, facts, rules) ─► alerts
//!                 └─► doctor, rules check, fields
//! ```

#![forbid(unsafe_code)]

mod attach;
mod check;
mod cli;
mod clock;
mod config;
mod containers;
mod describe;
mod doctor;
mod explain;
mod facts;
mod field_classes;
mod fields;
mod floods;
mod host_names;
mod interest;
mod judge;
mod lockdown;
mod look;
mod losses;
mod metrics;
mod record;
mod reload;
mod replay;
mod rule_files;
mod rule_set;
mod run;
mod schema;
mod waiting;

use std::{io::IsTerminal, process::ExitCode};

use clap::{CommandFactory, FromArgMatches};
use tracing_subscriber::{EnvFilter, fmt};

use cli::{Cli, Command, RulesCommand};
use config::Given;

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match cli.command {
        None if cli.look.is_asked() => look::look(&cli, &Given(&matches)),
        None => run(&cli.run, &Given(&matches)),
        Some(Command::Run(options)) => {
            let given = matches.subcommand_matches("run").unwrap_or(&matches);
            run(&options, &Given(given))
        }
        Some(Command::Doctor) => {
            let (report, is_fit) = doctor::report();
            print!("{report}");
            if is_fit { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Some(Command::Fields(options)) => look::print(&fields::list(&options)),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "peregrined", &mut script);
            look::print(&String::from_utf8_lossy(&script))
        }
        Some(Command::Record(options)) => record::record(&options),
        Some(Command::Manual(options)) => look::manual(&options),
        Some(Command::Rules(RulesCommand::Check(options))) => check::check(&options),
        Some(Command::Rules(RulesCommand::Test(options))) => replay::test(&options),
        Some(Command::Rules(RulesCommand::List(options))) => explain::list(&options),
        Some(Command::Rules(RulesCommand::Explain(options))) => explain::explain_rule(&options),
    }
}

fn run(options: &cli::RunOptions, given: &Given<'_>) -> ExitCode {
    let config = match config::resolve_renewably(options, given) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("peregrined: {}", doctor::chain(error.as_ref()));
            return ExitCode::FAILURE;
        }
    };
    start_log(config.options.log_level);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    match run::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peregrined: {}", doctor::chain(error.as_ref()));
            eprint!("{}", doctor::reasons(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn start_log(level: Option<tracing::Level>) {
    let level = level.map_or("off".to_owned(), |level| level.to_string());
    // Only our own rooms: what libraries say of themselves is for developers.
    let filter = EnvFilter::new(format!(
        "off,peregrined={level},peregrine_alerts={level},peregrine_capture={level},\
         peregrine_identity={level},peregrine_world={level},peregrine_rules={level}",
        level = level
    ));
    fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
