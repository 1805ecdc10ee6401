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
mod doctor;
mod facts;
mod fields;
mod interest;
mod judge;
mod lockdown;
mod losses;
mod metrics;
mod reload;
mod rule_files;
mod rule_set;
mod run;

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use tracing_subscriber::{EnvFilter, fmt};

use cli::{Cli, Command, RulesCommand};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        None => run(&cli.run),
        Some(Command::Run(options)) => run(&options),
        Some(Command::Doctor) => {
            let (report, is_fit) = doctor::report();
            print!("{report}");
            if is_fit { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Some(Command::Fields(options)) => {
            print!("{}", fields::list(&options));
            ExitCode::SUCCESS
        }
        Some(Command::Rules(RulesCommand::Check(options))) => check::check(&options),
    }
}

fn run(options: &cli::RunOptions) -> ExitCode {
    // Only our own rooms: what libraries say of themselves is for developers.
    let filter = EnvFilter::new(format!(
        "off,peregrined={level},peregrine_alerts={level},peregrine_capture={level},\
         peregrine_world={level},peregrine_rules={level}",
        level = options.log_level
    ));
    fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    match run::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peregrined: {}", doctor::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
