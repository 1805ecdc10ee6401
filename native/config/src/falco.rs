//! What a `falco.yaml` asks for, in types.

use peregrine_rules::{
    Choice, OutputAddition, OutputMatch, Priority, RuleMatching, RulePattern, Selection,
};

use crate::tree::{Error, Tree, Value};
use crate::{Warning, keys};

/// A configuration; what the file does not say is empty.
#[derive(Clone, Debug, Default)]
pub struct FalcoYaml {
    /// The files and folders of rules, of which some may be absent.
    pub rules_files: Option<Vec<String>>,
    /// Rules that are turned on and off, in order.
    pub rules: Vec<Selection>,
    /// Whether changed files are loaded by themselves.
    pub watch_config_files: Option<bool>,
    /// The least severe priority that makes an alert.
    pub priority: Option<Priority>,
    /// Which of several matching rules count.
    pub rule_matching: Option<RuleMatching>,
    /// Whether calls that only move data are captured, too.
    pub all_syscalls: bool,
    /// Whether lines are JSON.
    pub json_output: Option<bool>,
    /// Whether JSON lines hold the text with its time and priority.
    pub json_include_output_property: Option<bool>,
    /// Whether JSON lines hold the text alone.
    pub json_include_message_property: Option<bool>,
    /// Whether JSON lines hold the fields.
    pub json_include_output_fields_property: Option<bool>,
    /// Whether JSON lines hold the tags.
    pub json_include_tags_property: Option<bool>,
    /// Whether bytes are written as base64.
    pub buffer_format_base64: bool,
    /// Whether times of texts are in the form of ISO 8601.
    pub time_format_iso_8601: Option<bool>,
    /// What outputs get besides; none if the file does not speak of it.
    pub append_output: Option<Vec<OutputAddition>>,
    /// Fields with the same text for every event.
    pub static_fields: Vec<(String, String)>,
    /// Whether alerts go to standard output.
    pub stdout_output: Option<bool>,
    /// Whether alerts go to the machine's log.
    pub syslog_output: bool,
    /// The file that alerts are appended to; the inner option is empty if it is turned off.
    pub file_output: Option<Option<String>>,
    /// Where alerts are posted; the inner option is empty if it is turned off.
    pub http_output: Option<Option<Http>>,
    /// The gRPC service; the inner option is empty if it is turned off.
    pub grpc: Option<Option<Grpc>>,
    /// Container runtimes of which the file speaks.
    pub engines: Vec<Engine>,
    /// How much the daemon says of itself.
    pub log: Option<Log>,
}

/// A container runtime of which the file speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// `docker`, `podman`, `containerd` or `cri`.
    pub kind: &'static str,
    /// Whether it is asked at all.
    pub is_enabled: bool,
    /// Where it is asked; empty for the usual places.
    pub sockets: Vec<String>,
}

/// How much the daemon says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// Nothing.
    Off,
    /// Errors.
    Error,
    /// Warnings, too.
    Warn,
    /// What happens, too.
    Info,
    /// All.
    Debug,
}

/// Where alerts are posted, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the keys are")]
pub struct Http {
    pub url: String,
    pub user_agent: Option<String>,
    pub insecure: bool,
    /// Files and folders of certificates of authorities.
    pub ca: Vec<String>,
    /// Certificate and key that the client shows.
    pub client: Option<(String, String)>,
    pub compress_uploads: bool,
    pub keep_alive: bool,
    pub echo: bool,
    /// Name and value.
    pub headers: Vec<(String, String)>,
}

/// Where the gRPC service listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the keys are")]
pub struct Grpc {
    pub bind_address: Option<String>,
    pub private_key: Option<String>,
    pub cert_chain: Option<String>,
    pub root_certs: Option<String>,
}

impl FalcoYaml {
    /// Reads what a tree asks for; the warnings are for the user.
    pub fn from_tree(tree: &Tree) -> Result<(Self, Vec<Warning>), Vec<Error>> {
        let mut warnings = keys::check(tree)?;
        warnings.extend(plugins(tree));
        let one = |error| vec![error];
        let bool = |path| tree.at(path).and_then(Tree::bool);
        let grpc = grpc(tree);
        Ok((
            Self {
                rules_files: rules_files(tree)?,
                rules: selections(tree).map_err(one)?,
                watch_config_files: bool("watch_config_files"),
                priority: word(tree, "priority").and_then(Priority::from_text),
                rule_matching: word(tree, "rule_matching").map(|word| {
                    let is_all = word.eq_ignore_ascii_case("all");
                    if is_all { RuleMatching::All } else { RuleMatching::First }
                }),
                all_syscalls: bool("base_syscalls.all") == Some(true),
                json_output: bool("json_output"),
                json_include_output_property: bool("json_include_output_property"),
                json_include_message_property: bool("json_include_message_property"),
                json_include_output_fields_property: bool("json_include_output_fields_property"),
                json_include_tags_property: bool("json_include_tags_property"),
                buffer_format_base64: bool("buffer_format_base64") == Some(true),
                time_format_iso_8601: bool("time_format_iso_8601"),
                append_output: additions(tree).map_err(one)?,
                static_fields: static_fields(tree).map_err(one)?,
                stdout_output: bool("stdout_output.enabled"),
                syslog_output: bool("syslog_output.enabled") == Some(true),
                file_output: file(tree).map_err(one)?,
                http_output: http(tree).map_err(one)?,
                grpc,
                engines: engines(tree),
                log: log(tree),
            },
            warnings,
        ))
    }
}

fn word<'tree>(tree: &'tree Tree, path: &str) -> Option<&'tree str> {
    tree.at(path).and_then(Tree::text).filter(|text| !text.is_empty())
}

fn texts(tree: &Tree) -> Vec<String> {
    match tree.text() {
        Some(text) => vec![text.to_owned()],
        None => tree.list().iter().filter_map(|it| it.text().map(str::to_owned)).collect(),
    }
}

fn rules_files(tree: &Tree) -> Result<Option<Vec<String>>, Vec<Error>> {
    match (tree.get("rules_files"), tree.get("rules_file")) {
        (Some(new), Some(_)) => Err(vec![
            new.error("rules_files: `rules_file` stands there, too; keep only one of them"),
        ]),
        (Some(files), None) | (None, Some(files)) => Ok(Some(texts(files))),
        (None, None) => Ok(None),
    }
}

/// `rules: [{enable: {rule: …, tag: …}}, {disable: …}]`: each of rule and tag is a step of its own.
fn selections(tree: &Tree) -> Result<Vec<Selection>, Error> {
    let Some(rules) = tree.get("rules") else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in rules.list() {
        for (choice, what) in entry.pairs() {
            let choice = match choice.as_str() {
                "enable" => Choice::Enable,
                "disable" => Choice::Disable,
                other => {
                    return Err(
                        what.error(format!("rules: `{other}` is neither enable nor disable"))
                    );
                }
            };
            for (by, text) in what.pairs() {
                let text_of = text.text().unwrap_or_default().to_owned();
                let rules = match by.as_str() {
                    "rule" => RulePattern::Name(text_of),
                    "tag" => RulePattern::Tag(text_of),
                    other => {
                        return Err(text.error(format!("rules: `{other}` is neither rule nor tag")));
                    }
                };
                found.push(Selection { choice, rules });
            }
        }
    }
    Ok(found)
}

fn static_fields(tree: &Tree) -> Result<Vec<(String, String)>, Error> {
    let fields = tree.get("static_fields").map(Tree::pairs).unwrap_or_default();
    fields
        .iter()
        .map(|(name, value)| match value.text() {
            Some(text) => Ok((name.clone(), text.to_owned())),
            None => Err(value.error(format!("static_fields.{name}: write a text"))),
        })
        .collect()
}

fn additions(tree: &Tree) -> Result<Option<Vec<OutputAddition>>, Error> {
    let Some(entries) = tree.get("append_output") else { return Ok(None) };
    let mut found = Vec::new();
    for entry in entries.list() {
        found.push(addition(entry)?);
    }
    Ok(Some(found))
}

fn addition(entry: &Tree) -> Result<OutputAddition, Error> {
    let text = |path: &str| entry.at(path).and_then(Tree::text).map(str::to_owned);
    for (name, value) in entry.pairs() {
        if !["match", "extra_output", "extra_fields", "suggested_output"].contains(&name.as_str()) {
            return Err(value.error(format!(
                "append_output: `{name}` is none of match, extra_output, extra_fields, suggested_output"
            )));
        }
    }
    let mut fields = Vec::new();
    for field in entry.get("extra_fields").map(Tree::list).unwrap_or_default() {
        match &field.value {
            Value::Scalar(name) => fields.push((name.clone(), None)),
            Value::Map(pairs) => {
                for (name, format) in pairs {
                    fields.push((name.clone(), format.text().map(str::to_owned)));
                }
            }
            Value::Null | Value::List(_) => {
                return Err(field.error("append_output: a field is a name, or `name: format`"));
            }
        }
    }
    Ok(OutputAddition {
        rules: OutputMatch {
            source: text("match.source"),
            tags: entry.at("match.tags").map(texts).unwrap_or_default(),
            rule: text("match.rule"),
        },
        text: text("extra_output"),
        suggested_output: entry.get("suggested_output").and_then(Tree::bool).unwrap_or(false),
        fields,
    })
}

fn file(tree: &Tree) -> Result<Option<Option<String>>, Error> {
    let Some(section) = tree.get("file_output") else { return Ok(None) };
    if section.get("enabled").and_then(Tree::bool) != Some(true) {
        return Ok(Some(None));
    }
    match word(tree, "file_output.filename") {
        Some(path) => Ok(Some(Some(path.to_owned()))),
        None => Err(section.error("file_output: it is on, so give its `filename`")),
    }
}

fn http(tree: &Tree) -> Result<Option<Option<Http>>, Error> {
    let Some(section) = tree.get("http_output") else { return Ok(None) };
    let bool = |key: &str| section.get(key).and_then(Tree::bool);
    let text = |key: &str| {
        section.get(key).and_then(Tree::text).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    if bool("enabled") != Some(true) {
        return Ok(Some(None));
    }
    let url =
        text("url").ok_or_else(|| section.error("http_output: it is on, so give its `url`"))?;
    let client = match (bool("mtls"), text("client_cert"), text("client_key")) {
        (Some(true), Some(certificate), Some(key)) => Some((certificate, key)),
        (Some(true), ..) => {
            return Err(
                section.error("http_output: mtls is on, so give client_cert and client_key")
            );
        }
        _ => None,
    };
    let mut headers = Vec::new();
    for header in section.get("headers").map(texts).unwrap_or_default() {
        let (name, value) = header.split_once(':').ok_or_else(|| {
            section.error(format!("http_output: header `{header}`: write `Name: value`"))
        })?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(Some(Some(Http {
        url,
        user_agent: text("user_agent"),
        insecure: bool("insecure").unwrap_or(false),
        ca: ["ca_cert", "ca_bundle", "ca_path"].into_iter().filter_map(text).collect(),
        client,
        compress_uploads: bool("compress_uploads").unwrap_or(false),
        keep_alive: bool("keep_alive").unwrap_or(false),
        echo: bool("echo").unwrap_or(false),
        headers,
    })))
}

/// Both sections have to be on, as they had in Falco.
fn grpc(tree: &Tree) -> Option<Option<Grpc>> {
    let section = tree.get("grpc")?;
    let is_on = |path| tree.at(path).and_then(Tree::bool);
    if is_on("grpc.enabled") != Some(true) || is_on("grpc_output.enabled") == Some(false) {
        return Some(None);
    }
    let text = |key: &str| {
        section.get(key).and_then(Tree::text).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Some(Some(Grpc {
        bind_address: text("bind_address"),
        private_key: text("private_key"),
        cert_chain: text("cert_chain"),
        root_certs: text("root_certs"),
    }))
}

/// From a section of their own, or from the settings of the plugin that looks for containers.
fn engines(tree: &Tree) -> Vec<Engine> {
    const KINDS: [&str; 4] = ["docker", "podman", "containerd", "cri"];
    let plugins = tree.get("plugins").map(Tree::list).unwrap_or_default();
    let is_container = |it: &&Tree| it.get("name").and_then(Tree::text) == Some("container");
    let of_plugin = || plugins.iter().find(is_container)?.at("init_config.engines");
    let Some(section) = tree.get("container_engines").or_else(of_plugin) else {
        return Vec::new();
    };
    let engine = |kind| {
        let engine = section.get(kind)?;
        Some(Engine {
            kind,
            is_enabled: engine.get("enabled").and_then(Tree::bool).unwrap_or(true),
            sockets: engine.get("sockets").map(texts).unwrap_or_default(),
        })
    };
    KINDS.into_iter().filter_map(engine).collect()
}

fn log(tree: &Tree) -> Option<Log> {
    if tree.get("log_stderr").and_then(Tree::bool) == Some(false) {
        return Some(Log::Off);
    }
    Some(match word(tree, "log_level")?.to_ascii_lowercase().as_str() {
        "emergency" | "alert" | "critical" | "error" => Log::Error,
        "warning" => Log::Warn,
        "debug" => Log::Debug,
        _ => Log::Info,
    })
}

/// The plugin for containers is built in; others are not loaded.
fn plugins(tree: &Tree) -> Vec<Warning> {
    const BUILT_IN: &str = "container";
    let names: Vec<(&Tree, &str)> = match tree.get("load_plugins") {
        Some(wanted) => wanted.list().iter().filter_map(|it| Some((it, it.text()?))).collect(),
        None => Vec::new(),
    };
    names
        .into_iter()
        .filter(|(_, name)| *name != BUILT_IN)
        .map(|(value, name)| Warning {
            place: value.place.clone(),
            key: "load_plugins".to_owned(),
            message: format!(
                "`{name}` is not loaded, since there are no plugins here: let Falco with that plugin \
                 post its alerts to the exporter"
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (FalcoYaml, Vec<String>) {
        let (config, warnings) = FalcoYaml::from_tree(&Tree::read("f", text).unwrap()).unwrap();
        (config, warnings.iter().map(Warning::to_string).collect())
    }

    #[test]
    fn an_empty_file_asks_for_nothing() {
        let (config, warnings) = read("");
        assert!(warnings.is_empty());
        assert!(config.rules_files.is_none() && config.grpc.is_none() && config.log.is_none());
    }

    #[test]
    fn outputs_are_read_with_their_settings() {
        let (config, warnings) = read(
            "http_output:\n  enabled: true\n  url: https://a:2801/\n  mtls: true\n  \
             client_cert: c\n  client_key: k\n  ca_cert: a\n  ca_path: /b\n  echo: true\n  headers: ['X-A: b:c']\n  compress_uploads: true\n\
             file_output: {enabled: true, filename: /var/log/alerts}\nstdout_output: {enabled: no}\n\
             syslog_output: {enabled: true}\nbuffer_format_base64: true\n",
        );
        assert!(warnings.is_empty(), "{warnings:?}");
        let http = config.http_output.flatten().unwrap();
        assert_eq!(http.client, Some(("c".into(), "k".into())));
        assert_eq!(http.headers, [("X-A".to_owned(), "b:c".to_owned())]);
        assert_eq!(http.ca, ["a", "/b"]);
        assert!(http.echo && http.compress_uploads && !http.keep_alive && !http.insecure);
        assert_eq!(config.file_output, Some(Some("/var/log/alerts".to_owned())));
        assert_eq!(config.stdout_output, Some(false));
        assert!(config.syslog_output && config.buffer_format_base64);
    }

    #[test]
    fn what_is_on_and_lacks_a_key_is_an_error() {
        for text in [
            "http_output: {enabled: true}",
            "file_output: {enabled: true}",
            "http_output: {enabled: true, url: x, mtls: true}",
            "http_output: {enabled: true, url: x, headers: [x]}",
            "rules_files: []\nrules_file: a",
            "rules: [{dissable: {rule: x}}]",
            "append_output: [{extra: x}]",
        ] {
            assert!(FalcoYaml::from_tree(&Tree::read("f", text).unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn rules_are_chosen_in_order_and_a_plugin_is_answered() {
        let (config, warnings) = read(
            "rules:\n  - disable: {rule: '*'}\n  - enable: {tag: network, rule: A}\n\
             load_plugins: [container, k8saudit]\n",
        );
        assert_eq!(
            config.rules,
            [
                Selection { choice: Choice::Disable, rules: RulePattern::Name("*".into()) },
                Selection { choice: Choice::Enable, rules: RulePattern::Tag("network".into()) },
                Selection { choice: Choice::Enable, rules: RulePattern::Name("A".into()) },
            ]
        );
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with("f:4:27: load_plugins: `k8saudit`"), "{warnings:?}");
    }

    #[test]
    fn container_runtimes_are_those_of_their_section_or_of_the_plugin() {
        let (config, warnings) = read(
            "container_engines:\n  docker: {enabled: false}\n  cri: {enabled: true, sockets: [/run/a.sock]}\n",
        );
        let engine = |kind, is_enabled, sockets: &[&str]| Engine {
            kind,
            is_enabled,
            sockets: sockets.iter().map(|it| (*it).to_owned()).collect(),
        };
        let expected = [engine("docker", false, &[]), engine("cri", true, &["/run/a.sock"])];
        assert_eq!(config.engines, expected);
        assert!(warnings.is_empty(), "{warnings:?}");
        let (config, _) = read(
            "plugins:\n  - name: container\n    init_config:\n      engines: {podman: {sockets: [/run/p.sock]}}\n",
        );
        assert_eq!(config.engines, [engine("podman", true, &["/run/p.sock"])]);
        assert!(read("").0.engines.is_empty());
    }

    #[test]
    fn outputs_get_what_the_file_appends() {
        let (config, _) = read(
            "append_output:\n  - match: {source: syscall, tags: [a], rule: R}\n    \
             extra_output: on %evt.hostname\n    extra_fields: [proc.pid, {home: '%proc.env[HOME]'}]\n  \
             - suggested_output: true\n",
        );
        let added = config.append_output.unwrap();
        assert_eq!(added[0].text.as_deref(), Some("on %evt.hostname"));
        assert_eq!(added[0].fields[0], ("proc.pid".to_owned(), None));
        assert_eq!(added[0].fields[1].1.as_deref(), Some("%proc.env[HOME]"));
        assert!(!added[0].suggested_output && added[1].suggested_output);
    }
}
