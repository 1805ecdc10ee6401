//! The command line: every option of the daemon, its default and its meaning, in one place.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use peregrine_alerts::Priority;

use crate::{rule_files::Defaults, rule_set::RuleSource};

/// Captures kernel events with eBPF, matches Falco-language rules against them, and serves the
/// alerts over Falco's gRPC output interface.
#[derive(Debug, Parser)]
#[command(
    name = "peregrined",
    version,
    disable_version_flag = true,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to do; without one, `run`.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub run: RunOptions,
    #[command(flatten)]
    pub look: LookOptions,
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// Flags by which people look something up instead of starting, as they are used to from Falco.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = true)]
pub struct LookOptions {
    /// Load these rule files as a start would, say what is wrong with them, and end (as `rules check`)
    #[arg(
        short = 'V',
        long = "validate",
        value_name = "FILE|DIR",
        help_heading = "Look something up"
    )]
    pub validate: Vec<PathBuf>,
    /// Describe a rule and end (as `rules explain`)
    #[arg(short = 'l', value_name = "RULE", help_heading = "Look something up")]
    pub describe: Option<String>,
    /// List the rules and end (as `rules list`)
    #[arg(short = 'L', help_heading = "Look something up")]
    pub describe_all: bool,
    /// List the fields of a source by their classes and end; `fields` has more
    #[arg(
        long,
        value_name = "SOURCE",
        num_args = 0..=1,
        default_missing_value = "syscall",
        help_heading = "Look something up"
    )]
    pub list: Option<String>,
    /// With --list: only the names
    #[arg(short = 'N', requires = "list", help_heading = "Look something up")]
    pub names: bool,
    /// List the event types with the types and names of their parameters and end
    #[arg(long, help_heading = "Look something up")]
    pub list_events: bool,
}

/// What the daemon can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Capture, match and serve until told to stop (the default)
    Run(Box<RunOptions>),
    /// Say what this kernel offers, what would be chosen, what is missing and how to get it
    Doctor,
    /// List the fields that rules can read
    Fields(FieldsOptions),
    /// Record what happens, with the values of all fields, for `rules test`
    Record(RecordOptions),
    /// Print completions for a shell
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, for man -l -
    Manual(ManualOptions),
    /// Look into rule files without capturing anything
    #[command(subcommand)]
    Rules(RulesCommand),
}

/// What can be done with rule files alone.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Load rule files as a start would, and say what is wrong with them
    Check(CheckOptions),
    /// Judge a recording: which rules fire, and why others do not
    Test(TestOptions),
    /// List rules: which are on, from which file, their tags and event types
    List(ListOptions),
    /// Show a rule with its condition as a tree, its event types, fields and cost
    Explain(ExplainOptions),
}

/// See [`Command::Manual`].
#[derive(Debug, Args)]
pub struct ManualOptions {
    /// As a page of documentation
    #[arg(long)]
    pub markdown: bool,
}

/// See [`Command::Record`].
#[derive(Debug, Args)]
pub struct RecordOptions {
    /// The file to make
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How long, such as 30s; until Ctrl-C or the end of the command otherwise
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub duration: Option<std::time::Duration>,
    /// Largest size of the file in bytes; the recording ends there
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub limit_bytes: u64,
    /// With a command: what all of the machine does meanwhile, not only the command
    #[arg(long)]
    pub all: bool,
    /// A command to run; what it and what it starts do is recorded
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

/// See [`RulesCommand::Test`].
#[derive(Debug, Args)]
pub struct TestOptions {
    /// Rule files or folders, in the order of loading
    #[arg(required = true, value_name = "FILE|DIR")]
    pub files: Vec<PathBuf>,
    /// The recording, as `peregrined record` makes it
    #[arg(long, value_name = "FILE")]
    pub recording: PathBuf,
    /// For each rule that is silent, the first part of its condition that was false, and the values
    #[arg(long)]
    pub explain: bool,
    /// Load the rules of the daemon itself first
    #[arg(long)]
    pub with_default_rules: bool,
}

/// Which rules are looked at.
#[derive(Debug, Args)]
pub struct RuleFilesOptions {
    /// Rule file, or folder of .yaml files, loaded behind the daemon's own; may be given more than once
    #[arg(short = 'r', long = "rules", value_name = "FILE|DIR")]
    pub rules: Vec<PathBuf>,
    /// Do not load the rules of the daemon itself first
    #[arg(long)]
    pub no_default_rules: bool,
}

impl RuleFilesOptions {
    /// What is to be loaded.
    pub fn source(&self) -> RuleSource {
        let defaults = if self.no_default_rules { Defaults::Leave } else { Defaults::Load };
        RuleSource::named(self.rules.clone(), defaults)
    }
}

/// See [`RulesCommand::List`].
#[derive(Debug, Args)]
pub struct ListOptions {
    #[command(flatten)]
    pub files: RuleFilesOptions,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

/// See [`RulesCommand::Explain`].
#[derive(Debug, Args)]
pub struct ExplainOptions {
    /// The name of the rule
    #[arg(value_name = "RULE")]
    pub rule: String,
    #[command(flatten)]
    pub files: RuleFilesOptions,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

/// See [`RulesCommand::Check`].
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// Rule files or folders, in the order of loading
    #[arg(required = true, value_name = "FILE|DIR")]
    pub files: Vec<PathBuf>,
    /// Judge the files by themselves, also where they use the rules of the daemon itself
    #[arg(long)]
    pub no_default_rules: bool,
    /// For programs, in the form of Falco's validation
    #[arg(long)]
    pub json: bool,
}

/// See [`Command::Fields`].
#[derive(Debug, Args)]
pub struct FieldsOptions {
    /// As a page of documentation
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

/// See [`Command::Run`].
#[derive(Clone, Debug, Args)]
pub struct RunOptions {
    /// A `falco.yaml`; options given here go before what it says
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Change a key of the configuration, such as json_output=true; may be given more than once
    #[arg(short = 'o', value_name = "KEY=VALUE")]
    pub changes: Vec<peregrine_config::Change>,
    /// Disable rules whose names contain this
    #[arg(short = 'D', value_name = "TEXT")]
    pub disable_rules: Vec<String>,
    /// Disable rules with this tag
    #[arg(short = 'T', value_name = "TAG", conflicts_with = "only_tags")]
    pub disable_tags: Vec<String>,
    /// Enable only rules with this tag
    #[arg(short = 't', value_name = "TAG")]
    pub only_tags: Vec<String>,
    /// Append this to each output; container and pod fields are in it anyway
    #[arg(short = 'p', value_name = "TEXT")]
    pub print: Vec<String>,
    /// Accepted: lines are always written at once
    #[arg(short = 'U', long)]
    pub unbuffered: bool,
    /// Write bytes of events, such as `evt.buffer`, as base64
    #[arg(short = 'b')]
    pub print_base64: bool,
    /// Do all of a start but capturing, and end
    #[arg(long)]
    pub dry_run: bool,
    /// Let rules of this source rest; syscall is the only one that is captured
    #[arg(long, value_name = "SOURCE", conflicts_with = "enable_source")]
    pub disable_source: Vec<String>,
    /// Judge events of this source; syscall is the only one that is captured
    #[arg(long, value_name = "SOURCE")]
    pub enable_source: Vec<String>,
    /// Rule file, or folder of .yaml files, loaded behind the others; may be given more than once
    #[arg(short = 'r', long = "rules", value_name = "FILE|DIR")]
    pub rules: Vec<PathBuf>,
    /// Do not load the rules of the daemon itself
    #[arg(long)]
    pub no_default_rules: bool,
    /// Folder of your own rules, loaded behind the daemon's; may be absent
    #[arg(long, value_name = "DIR", default_value = "/etc/peregrine/rules.d")]
    pub rules_dir: PathBuf,
    /// Load rules anew when their files change, or what `falco.yaml` says of them, as by SIGHUP
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub watch_rules: bool,
    /// Least severe priority that still makes an alert
    #[arg(long, default_value = "debug", value_parser = parse_priority)]
    pub priority: Priority,
    /// Which of the rules that match an event make an alert
    #[arg(long, value_enum, default_value_t = RuleMatching::First)]
    pub rule_matching: RuleMatching,
    /// Where system calls are hooked
    #[arg(long, value_enum, default_value_t = HooksChoice::Auto)]
    pub hooks: HooksChoice,
    /// Capture also what only moves data and a rule asks for: read, write, send, recv and their
    /// like, of which a machine makes very many
    #[arg(short = 'A', long)]
    pub all_events: bool,

    /// Which tests of a file's name also hold for the path that the kernel resolved, links followed
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = ResolvedNamesChoice::BuiltIn)]
    pub resolved_names: ResolvedNamesChoice,

    /// Let every open leave the kernel, also those that no rule can match
    #[arg(long)]
    pub no_filter: bool,

    /// Judge one in so many of the opens that the filter in the kernel leaves out, to check it; 0
    /// for none
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub filter_audit: u32,
    /// Socket of a container runtime, or `off`: docker=, podman=, containerd= or cri= and a path;
    /// may be given more than once, and stands for all of the usual places
    #[arg(
        long,
        value_name = "KIND=PATH",
        env = "PEREGRINED_RUNTIME_SOCKET",
        value_delimiter = ',',
        value_parser = parse_runtime_socket
    )]
    pub runtime_socket: Vec<RuntimeSocket>,
    /// How long an alert may wait for the name of its container, such as 2s or 500ms
    #[arg(
        long,
        value_name = "DURATION",
        env = "PEREGRINED_IDENTITY_WAIT",
        default_value = "2s",
        value_parser = parse_wait
    )]
    pub identity_wait: std::time::Duration,
    /// Folder of the journal of alerts
    #[arg(long, value_name = "DIR", default_value = "/var/lib/peregrine")]
    pub state_dir: PathBuf,
    /// Largest size of the journal in bytes; the oldest alerts go first
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20)]
    pub journal_limit_bytes: u64,
    /// Age after which alerts leave the journal, such as 12h or 7d
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = parse_duration)]
    pub journal_age: std::time::Duration,
    /// Unix socket of the gRPC service, or `off`
    #[arg(
        long,
        value_name = "PATH",
        env = "PEREGRINED_GRPC_SOCKET",
        default_value = "unix:///run/peregrine/peregrine.sock"
    )]
    pub grpc_socket: String,
    /// Group that may use the unix socket (mode 0660)
    #[arg(long, value_name = "GROUP")]
    pub grpc_socket_group: Option<String>,
    /// Serve gRPC over TCP too, with mutual TLS
    #[arg(long, value_name = "HOST:PORT", requires_all = ["tls_cert", "tls_key", "tls_client_ca"])]
    pub grpc_listen: Option<String>,
    /// Certificate chain of the server, PEM
    #[arg(long, value_name = "FILE", requires = "grpc_listen")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the server, PEM
    #[arg(long, value_name = "FILE", requires = "grpc_listen")]
    pub tls_key: Option<PathBuf>,
    /// Certificates of the authorities whose clients are let in, PEM
    #[arg(long, value_name = "FILE", requires = "grpc_listen")]
    pub tls_client_ca: Option<PathBuf>,
    /// How alerts are written to standard output
    #[arg(long, value_enum, default_value_t = LineFormat::Text)]
    pub stdout: LineFormat,
    /// Append each alert to this file as well
    #[arg(long, value_name = "PATH")]
    pub file_output: Option<PathBuf>,
    /// Post each alert as JSON to this address as well; more of it is set with -o http_output.…
    #[arg(long, value_name = "URL")]
    pub http_output: Option<String>,
    /// Write alerts as JSON to the file, and into the `output` text of the gRPC service
    #[arg(long)]
    pub json_output: bool,
    /// Keep all privileges while running; for debugging only
    #[arg(long)]
    pub no_lockdown: bool,
    /// What the daemon says of itself on standard error
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "info",
        env = "PEREGRINED_LOG_LEVEL",
        value_parser = parse_level
    )]
    pub log_level: Level,
}

/// See [`RunOptions::rule_matching`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum RuleMatching {
    /// Only the first, in the order in which rules were first defined
    First,
    /// Each of them
    All,
}

/// See [`peregrine_rules::ResolvedNames`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ResolvedNamesChoice {
    /// None: a rule sees the name that was asked for
    Off,
    /// Whole names (`=`, `in`) in the built-in rules
    BuiltIn,
    /// All of them; rules on how names begin then take every open out of the kernel
    All,
}

/// See [`RunOptions::hooks`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum HooksChoice {
    /// The cheaper way that sees every entry into this kernel
    Auto,
    /// A tracepoint per system call: blind to 32-bit calls
    SyscallTracepoints,
    /// One program on every system call's exit
    SysExit,
}

/// See [`RunOptions::stdout`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LineFormat {
    /// Not at all
    Off,
    /// Time, priority and text
    Text,
    /// One JSON object per line
    Json,
}

/// One of off, error, warn, info, debug, trace.
fn parse_level(text: &str) -> Result<Level, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let wanted = |_| format!("{text:?} is no level: write off, error, warn, info, debug or trace");
    text.parse().map(Some).map_err(wanted)
}

/// Nothing for `off`; a name of its own, lest clap takes it for an option that may be left out.
type Level = Option<tracing::Level>;

/// A runtime's socket, or none for `off`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuntimeSocket(pub Option<peregrine_identity::Socket>);

fn parse_runtime_socket(text: &str) -> Result<RuntimeSocket, String> {
    if text == "off" {
        return Ok(RuntimeSocket(None));
    }
    let socket = text.parse::<peregrine_identity::Socket>();
    socket.map(|it| RuntimeSocket(Some(it))).map_err(|error| error.to_string())
}

/// As a duration, and milliseconds too; bounded, since what waits takes memory.
fn parse_wait(text: &str) -> Result<std::time::Duration, String> {
    let longest = std::time::Duration::from_secs(60);
    let milliseconds = text.strip_suffix("ms").and_then(|number| number.parse().ok());
    let wait = match milliseconds {
        Some(number) => std::time::Duration::from_millis(number),
        None => parse_duration(text)?,
    };
    if wait <= longest { Ok(wait) } else { Err(format!("{text:?} is longer than 60s")) }
}

fn parse_priority(text: &str) -> Result<Priority, String> {
    text.parse().map_err(|error: peregrine_alerts::UnknownPriority| error.to_string())
}

/// A whole number and one of s, m, h, d.
fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let wanted =
        || format!("{text:?} is no duration: write a number and s, m, h or d, such as 12h");
    let split = text.len() - text.chars().last().map_or(0, char::len_utf8);
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return Err(wanted()),
    };
    let number: u64 = number.parse().map_err(|_| wanted())?;
    number.checked_mul(seconds).map(std::time::Duration::from_secs).ok_or_else(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let hours = |h: u64| Ok(std::time::Duration::from_secs(h * 3600));
        assert_eq!(parse_duration("12h"), hours(12));
        assert_eq!(parse_duration("7d"), hours(168));
        for bad in ["", "h", "12", "-1h", "1.5h", "12 h", "12w", "99999999999999999999d", "1é"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn waits_are_bounded_and_may_be_short() {
        assert_eq!(parse_wait("500ms"), Ok(std::time::Duration::from_millis(500)));
        assert_eq!(parse_wait("2s"), Ok(std::time::Duration::from_secs(2)));
        assert!(parse_wait("1h").is_err() && parse_wait("ms").is_err());
    }

    #[test]
    fn tcp_without_certificates_is_refused() {
        let parse = |arguments: &[&str]| Cli::try_parse_from(arguments).map(|_| ());
        assert!(parse(&["peregrined", "--grpc-listen", "0.0.0.0:5060"]).is_err());
    }

    #[test]
    fn options_work_with_and_without_the_subcommand() {
        let with = Cli::try_parse_from(["peregrined", "run", "-r", "a.yaml", "-r", "b"]).unwrap();
        assert!(matches!(with.command, Some(Command::Run(options)) if options.rules.len() == 2));
        let without = Cli::try_parse_from(["peregrined", "-r", "a.yaml"]).unwrap();
        assert_eq!(without.run.rules, [PathBuf::from("a.yaml")]);
    }
}
