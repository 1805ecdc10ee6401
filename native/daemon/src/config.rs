//! What the daemon is told: the command line over `-o` over `falco.yaml` over the defaults.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::{ArgMatches, parser::ValueSource};
use peregrine_alerts::{Format, HttpConfig, LineOptions};
use peregrine_config::{Engine, FalcoYaml, Http, Log, Tree};
use peregrine_rules::{
    BytesForm, Choice, LoadOptions, OutputAddition, ResolvedNames, RulePattern, Selection,
};

use crate::{
    cli::{LineFormat, ResolvedNamesChoice, RuleMatching, RunOptions, RuntimeSocket},
    rule_files::{self, Defaults},
    rule_set::{Renew, RuleSource},
};

/// A configuration larger than this was not written by a person.
const LIMIT_BYTES: u64 = 4 << 20;

/// All that a start needs to be told.
pub struct Config {
    /// Options of the command line, with what `falco.yaml` says where they were not given.
    pub options: RunOptions,
    /// Where rules come from, and how they are loaded.
    pub rules: RuleSource,
    /// The same from the file as it will be then; nothing without a file.
    pub renew: Option<Renew>,
    /// What lines look like.
    pub line: LineOptions,
    /// Where alerts are posted.
    pub http: Option<HttpConfig>,
    /// What goes to the machine's log.
    pub syslog: Format,
    /// What `falco.yaml` asks for and does not get, drawn for a person.
    pub warnings: Vec<String>,
}

/// Which options were given on the command line or in the environment.
pub struct Given<'a>(pub &'a ArgMatches);

impl Given<'_> {
    fn is_given(&self, id: &str) -> bool {
        self.0.value_source(id).is_some_and(|source| source != ValueSource::DefaultValue)
    }
}

/// As [`resolve`], with a way to do so again for the rules.
pub fn resolve_renewably(options: &RunOptions, given: &Given<'_>) -> anyhow::Result<Config> {
    let mut config = resolve(options, given)?;
    let (options, matches) = (options.clone(), given.0.clone());
    if options.config.is_some() {
        config.renew = Some(Box::new(move || Ok(resolve(&options, &Given(&matches))?.rules)));
    }
    Ok(config)
}

/// Puts all sources together.
pub fn resolve(options: &RunOptions, given: &Given<'_>) -> anyhow::Result<Config> {
    let mut options = options.clone();
    let (yaml, mut warnings, files) = falco_yaml(&options)?;
    let set = |id: &str| !given.is_given(id);
    if let Some(priority) = yaml.priority.filter(|_| set("priority")) {
        options.priority = peregrine_alerts::Priority::ALL[priority as usize];
    }
    if let Some(matching) = yaml.rule_matching.filter(|_| set("rule_matching")) {
        options.rule_matching = match matching {
            peregrine_rules::RuleMatching::First => RuleMatching::First,
            peregrine_rules::RuleMatching::All => RuleMatching::All,
        };
    }
    if let Some(watch) = yaml.watch_config_files.filter(|_| set("watch_rules")) {
        options.watch_rules = watch;
    }
    if let Some(json) = yaml.json_output.filter(|_| set("json_output")) {
        options.json_output = json;
    }
    if set("stdout") {
        options.stdout = match (yaml.stdout_output, options.json_output, yaml.json_output) {
            (Some(false), ..) => LineFormat::Off,
            (_, true, Some(true)) => LineFormat::Json,
            _ => options.stdout,
        };
    }
    if let Some(file) = yaml.file_output.clone().filter(|_| set("file_output")) {
        options.file_output = file.map(PathBuf::from);
    }
    options.print_base64 |= yaml.buffer_format_base64;
    options.all_events |= yaml.all_syscalls;
    if let Some(log) = yaml.log.filter(|_| set("log_level")) {
        options.log_level = log_level(log);
    }
    if let Some(Some(grpc)) = &yaml.grpc {
        set_grpc(&mut options, grpc, &set)?;
    }
    if set("runtime_socket") {
        options.runtime_socket = runtime_sockets(&yaml.engines)?;
    }
    let http = http(&options, yaml.http_output.clone().flatten());
    let syslog = match (yaml.syslog_output, options.json_output) {
        (false, _) => Format::Off,
        (true, true) => Format::Json,
        (true, false) => Format::Text,
    };
    let line = line(&yaml);
    warnings.extend(flag_warnings(&options));
    let rules = RuleSource { configuration: files, ..rule_source(&options, yaml) };
    Ok(Config { options, rules, renew: None, line, http, syslog, warnings })
}

/// What it says, what is to be said of it, and the files that it was read from.
fn falco_yaml(options: &RunOptions) -> anyhow::Result<(FalcoYaml, Vec<String>, Vec<PathBuf>)> {
    let mut files: Vec<PathBuf> = options.config.iter().cloned().collect();
    let mut tree = match &options.config {
        Some(path) => {
            let mut tree = read(path)?;
            for (other, strategy) in tree.config_files()? {
                let other = Path::new(&other);
                files.push(other.to_owned());
                if other.exists() {
                    for path in rule_files::expand(other)? {
                        tree.merge(read(&path)?, strategy);
                    }
                }
            }
            tree
        }
        None => Tree::read("-o", "")?,
    };
    for change in &options.changes {
        change.apply(&mut tree)?;
    }
    match FalcoYaml::from_tree(&tree) {
        Ok((yaml, warnings)) => {
            Ok((yaml, warnings.iter().map(ToString::to_string).collect(), files))
        }
        Err(errors) => {
            errors.iter().for_each(|error| eprintln!("peregrined: {error}"));
            let first = errors.first().map(ToString::to_string).unwrap_or_default();
            bail!("configuration refused: correct the errors above; the first: {first}")
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Tree> {
    let text = fs::metadata(path)
        .and_then(|found| match found.len() {
            0..=LIMIT_BYTES => fs::read_to_string(path),
            _ => Err(io::Error::from(io::ErrorKind::FileTooLarge)),
        })
        .with_context(|| format!("read the configuration {} (-c)", path.display()))?;
    let mut tree = Tree::read(&path.display().to_string(), &text)?;
    tree.expand(&|name| std::env::var(name).ok());
    Ok(tree)
}

fn log_level(log: Log) -> Option<tracing::Level> {
    match log {
        Log::Off => None,
        Log::Error => Some(tracing::Level::ERROR),
        Log::Warn => Some(tracing::Level::WARN),
        Log::Info => Some(tracing::Level::INFO),
        Log::Debug => Some(tracing::Level::DEBUG),
    }
}

fn set_grpc(
    options: &mut RunOptions,
    grpc: &peregrine_config::Grpc,
    set: &dyn Fn(&str) -> bool,
) -> anyhow::Result<()> {
    let Some(address) = &grpc.bind_address else { return Ok(()) };
    if address.starts_with("unix://") {
        if set("grpc_socket") {
            options.grpc_socket = address.clone();
        }
        return Ok(());
    }
    if !set("grpc_listen") {
        return Ok(());
    }
    let (Some(key), Some(chain), Some(roots)) =
        (&grpc.private_key, &grpc.cert_chain, &grpc.root_certs)
    else {
        bail!(
            "grpc.bind_address {address}: TCP needs private_key, cert_chain and root_certs beside \
             it; or give a unix:// address"
        );
    };
    options.grpc_listen = Some(address.clone());
    options.tls_key = Some(key.into());
    options.tls_cert = Some(chain.into());
    options.tls_client_ca = Some(roots.into());
    Ok(())
}

/// The sockets of the runtimes of which the file speaks, and the usual ones of the others.
fn runtime_sockets(engines: &[Engine]) -> anyhow::Result<Vec<RuntimeSocket>> {
    if engines.is_empty() {
        return Ok(Vec::new());
    }
    let settled = |kind: &str| engines.iter().find(|it| it.kind == kind);
    let mut sockets: Vec<_> = peregrine_identity::usual_sockets()
        .into_iter()
        .filter(|it| {
            settled(it.kind.as_str()).is_none_or(|it| it.is_enabled && it.sockets.is_empty())
        })
        .map(|it| RuntimeSocket(Some(it)))
        .collect();
    for engine in engines.iter().filter(|it| it.is_enabled) {
        for path in &engine.sockets {
            let socket = format!("{}={path}", engine.kind).parse();
            sockets.push(RuntimeSocket(Some(socket.context("container_engines: sockets")?)));
        }
    }
    // None at all is something else than those that are found.
    Ok(if sockets.is_empty() { vec![RuntimeSocket(None)] } else { sockets })
}

fn http(options: &RunOptions, yaml: Option<Http>) -> Option<HttpConfig> {
    let flag = options.http_output.clone().map(|url| Http {
        url,
        keep_alive: true,
        ..yaml.clone().unwrap_or_default()
    });
    let http = flag.or(yaml)?;
    Some(HttpConfig {
        url: http.url,
        format: if options.json_output || options.http_output.is_some() {
            Format::Json
        } else {
            Format::Text
        },
        user_agent: http
            .user_agent
            .unwrap_or_else(|| concat!("peregrined/", env!("CARGO_PKG_VERSION")).to_owned()),
        headers: http.headers,
        insecure: http.insecure,
        ca: http.ca.into_iter().map(PathBuf::from).collect(),
        client: http.client.map(|(chain, key)| (chain.into(), key.into())),
        compress: http.compress_uploads,
        keep_alive: http.keep_alive,
        echo: http.echo,
    })
}

fn line(yaml: &FalcoYaml) -> LineOptions {
    let usual = LineOptions::default();
    LineOptions {
        json_output: yaml.json_include_output_property.unwrap_or(usual.json_output),
        json_message: yaml.json_include_message_property.unwrap_or(usual.json_message),
        json_fields: yaml.json_include_output_fields_property.unwrap_or(usual.json_fields),
        json_tags: yaml.json_include_tags_property.unwrap_or(usual.json_tags),
        iso_8601: yaml.time_format_iso_8601.unwrap_or(usual.iso_8601),
    }
}

/// Flags of Falco's that are known and have no work here.
fn flag_warnings(options: &RunOptions) -> Vec<String> {
    let mut warnings = Vec::new();
    for source in options.enable_source.iter().filter(|source| *source != "syscall") {
        warnings
            .push(format!("--enable-source {source}: only events of source syscall are captured"));
    }
    for print in options.print.iter().filter(|print| is_old_print(print)) {
        warnings.push(format!("-p{print}: the fields it stood for are in every output"));
    }
    warnings
}

fn is_old_print(print: &str) -> bool {
    ["c", "container", "k", "kubernetes"].contains(&print)
}

/// `rules_files` and `-r` over it say all that is loaded, as with Falco; without a configuration that
/// speaks of rules, `-r` adds to what the daemon has.
fn rule_source(options: &RunOptions, yaml: FalcoYaml) -> RuleSource {
    let is_listed = yaml.rules_files.is_some();
    let listed = yaml.rules_files.unwrap_or_default().into_iter().map(PathBuf::from);
    let is_from_yaml = is_listed && options.rules.is_empty();
    let named = if is_from_yaml {
        // An entry that is not there is passed over.
        listed.filter(|path| path.exists()).collect()
    } else {
        options.rules.clone()
    };
    let mut selection = yaml.rules;
    let choose = |choice, rules| Selection { choice, rules };
    for part in &options.disable_rules {
        selection.push(choose(Choice::Disable, RulePattern::Part(part.clone())));
    }
    for tag in &options.disable_tags {
        selection.push(choose(Choice::Disable, RulePattern::Tag(tag.clone())));
    }
    if !options.only_tags.is_empty() {
        selection.push(choose(Choice::Disable, RulePattern::Name("*".to_owned())));
    }
    for tag in &options.only_tags {
        selection.push(choose(Choice::Enable, RulePattern::Tag(tag.clone())));
    }
    if options.disable_source.iter().any(|source| source == "syscall") {
        selection.push(choose(Choice::Disable, RulePattern::Name("*".to_owned())));
    }
    let suggested_output = yaml.append_output.is_none();
    let mut append_output = yaml.append_output.unwrap_or_default();
    for print in options.print.iter().filter(|print| !is_old_print(print)) {
        append_output
            .push(OutputAddition { text: Some(print.clone()), ..OutputAddition::default() });
    }
    RuleSource {
        defaults: if options.no_default_rules || is_listed {
            Defaults::Leave
        } else {
            Defaults::Load
        },
        folder: (!is_listed).then(|| options.rules_dir.clone()),
        named,
        configuration: Vec::new(),
        options: LoadOptions {
            minimum_priority: peregrine_rules::Priority::ALL[options.priority as usize],
            matching: match options.rule_matching {
                RuleMatching::First => peregrine_rules::RuleMatching::First,
                RuleMatching::All => peregrine_rules::RuleMatching::All,
            },
            suggested_output,
            append_output,
            selection,
            static_fields: yaml.static_fields,
            bytes: if options.print_base64 { BytesForm::Base64 } else { BytesForm::Printable },
            offering: rule_files::built_in_names(),
            has_plain_io: options.all_events,
            resolved_names: match options.resolved_names {
                ResolvedNamesChoice::Off => ResolvedNames::Off,
                ResolvedNamesChoice::BuiltIn => ResolvedNames::BuiltIn,
                ResolvedNamesChoice::All => ResolvedNames::All,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::{CommandFactory, FromArgMatches};

    fn resolved(arguments: &[&str]) -> anyhow::Result<Config> {
        let all = ["peregrined"].iter().chain(arguments);
        let matches = Cli::command().try_get_matches_from(all)?;
        let cli = Cli::from_arg_matches(&matches)?;
        resolve(&cli.run, &Given(&matches))
    }

    fn yaml(text: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("falco.yaml");
        fs::write(&path, text).unwrap();
        (folder, path.display().to_string())
    }

    #[test]
    fn the_command_line_goes_before_o_and_o_before_the_file() {
        let (_folder, path) =
            yaml("priority: warning\njson_output: true\nrule_matching: all\nlog_level: error\n");
        let config = resolved(&[
            "-c",
            &path,
            "-o",
            "rule_matching=first",
            "--priority",
            "notice",
            "-o",
            "priority=error",
        ])
        .unwrap();
        assert_eq!(config.options.priority.name(), "Notice");
        assert_eq!(config.options.rule_matching, RuleMatching::First);
        assert_eq!(config.options.stdout, LineFormat::Json);
        assert_eq!(config.options.log_level, Some(tracing::Level::ERROR));
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }

    #[test]
    fn files_that_the_configuration_lists_are_all_that_is_loaded() {
        let (folder, path) = yaml("rules_files: [/nowhere/a.yaml]\n");
        let rules = folder.path().join("r.yaml").display().to_string();
        let config = resolved(&["-c", &path]).unwrap();
        assert_eq!(config.rules.defaults, Defaults::Leave);
        assert!(config.rules.named.is_empty() && config.rules.folder.is_none());
        let config = resolved(&["-c", &path, "-r", &rules]).unwrap();
        assert_eq!(config.rules.named, [PathBuf::from(&rules)]);
        let config = resolved(&["-r", &rules]).unwrap();
        assert_eq!(config.rules.defaults, Defaults::Load);
        assert!(config.rules.folder.is_some());
    }

    #[test]
    fn other_files_of_the_configuration_are_put_over_it() {
        let (folder, path) = yaml("");
        let other = folder.path().join("other.yaml");
        fs::write(&other, "priority: error\n").unwrap();
        let folder = folder.path().display();
        fs::write(
            &path,
            format!("priority: debug\nconfig_files: ['{folder}/none', '{}']\n", other.display()),
        )
        .unwrap();
        assert_eq!(resolved(&["-c", &path]).unwrap().options.priority.name(), "Error");
    }

    #[test]
    fn calls_that_only_move_data_are_asked_for_by_flag_or_file() {
        let is_asked = |arguments: &[&str]| resolved(arguments).unwrap().options.all_events;
        let (_folder, path) = yaml("base_syscalls: {all: true, custom_set: [], repair: false}\n");
        assert!(is_asked(&["-c", &path]) && is_asked(&["-A"]));
        assert!(!is_asked(&[]) && !is_asked(&["-c", &path, "-o", "base_syscalls.all=false"]));
    }

    #[test]
    fn rules_are_chosen_as_the_old_flags_choose_them() {
        let selection =
            resolved(&["-D", "shell", "-T", "network"]).unwrap().rules.options.selection;
        assert_eq!(selection.len(), 2);
        let selection = resolved(&["-t", "network"]).unwrap().rules.options.selection;
        assert_eq!(selection[0].rules, RulePattern::Name("*".to_owned()));
        assert_eq!(selection[1].choice, Choice::Enable);
    }

    #[test]
    fn runtimes_are_asked_where_the_configuration_says() {
        let sockets = |text: &str| -> Vec<String> {
            let (_folder, path) = yaml(text);
            let options = resolved(&["-c", &path]).unwrap().options;
            let shown = |it: &RuntimeSocket| {
                it.0.as_ref().map(|it| format!("{}={}", it.kind.as_str(), it.path.display()))
            };
            options.runtime_socket.iter().filter_map(shown).collect()
        };
        let found = sockets(
            "container_engines: {docker: {enabled: true, sockets: [/run/d.sock]}, podman: {enabled: false}}",
        );
        assert!(found.contains(&"docker=/run/d.sock".to_owned()), "{found:?}");
        assert!(
            !found.iter().any(|it| it.starts_with("podman") || it == "docker=/run/docker.sock")
        );
        assert!(found.contains(&"cri=/run/crio/crio.sock".to_owned()), "{found:?}");
        assert!(sockets("").is_empty());
    }

    #[test]
    fn variables_of_the_environment_stand_in_the_configuration() {
        let (_folder, path) = yaml("file_output: {enabled: true, filename: '${PATH}/alerts'}\n");
        let file = resolved(&["-c", &path]).unwrap().options.file_output.unwrap();
        assert_eq!(file, PathBuf::from(format!("{}/alerts", std::env::var("PATH").unwrap())));
    }

    #[test]
    fn grpc_over_tcp_needs_its_certificates() {
        let (_folder, path) = yaml("grpc: {enabled: true, bind_address: '0.0.0.0:5060'}\n");
        assert!(resolved(&["-c", &path]).err().unwrap().to_string().contains("cert_chain"));
        let (_folder, path) = yaml("grpc: {enabled: true, bind_address: 'unix:///run/f.sock'}\n");
        assert_eq!(resolved(&["-c", &path]).unwrap().options.grpc_socket, "unix:///run/f.sock");
    }
}
