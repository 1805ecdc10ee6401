//! The table of all keys of `falco.yaml`, and the walk that holds a file against it.

use crate::Warning;
use crate::tree::{Error, Tree, Value};

/// What stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Number,
    /// A text, also an empty one.
    Text,
    /// One of these words, in any case.
    Word(&'static [&'static str]),
    /// A list of texts, or one text.
    Texts,
    /// Whatever it may be; its reader checks it.
    Any,
    /// Keys below it, which have rows of their own.
    Section,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It does what it says.
    Honoured,
    /// It does nothing here; this takes its place.
    Instead(&'static str),
}

/// A key of `falco.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// With the keys above it, with dots between them.
    pub path: &'static str,
    /// What stands behind it.
    pub kind: Kind,
    /// What becomes of it.
    pub treatment: Treatment,
}

const fn honoured(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, treatment: Treatment::Honoured }
}

const fn instead(path: &'static str, what: &'static str) -> Key {
    Key { path, kind: Kind::Any, treatment: Treatment::Instead(what) }
}

const PRIORITIES: &[&str] = &[
    "emergency",
    "alert",
    "critical",
    "error",
    "warning",
    "notice",
    "informational",
    "info",
    "debug",
];
const CAPTURE: &str = "the daemon chooses how it captures by itself; `peregrined doctor` shows it";
const RULES_ALONE: &str = "the calls that are captured follow from the rules alone";
const TABLE: &str =
    "the tables of the daemon have bounds of their own, which are exported as metrics";
const MATCHED: &str = "standard error is what it logs to; the service manager passes that on";

/// All keys, sorted.
static KEYS: &[Key] = &[
    honoured("append_output", Kind::Any),
    honoured("base_syscalls", Kind::Section),
    honoured("base_syscalls.all", Kind::Bool),
    instead("base_syscalls.custom_set", RULES_ALONE),
    instead("base_syscalls.repair", RULES_ALONE),
    honoured("buffer_format_base64", Kind::Bool),
    instead("buffered_outputs", "lines are written in batches as soon as there are some"),
    instead("capture", "`peregrined record` makes recordings"),
    honoured("config_files", Kind::Any),
    honoured("container_engines", Kind::Any),
    instead("engine", CAPTURE),
    instead("falco_libs", TABLE),
    honoured("file_output", Kind::Section),
    honoured("file_output.enabled", Kind::Bool),
    honoured("file_output.filename", Kind::Text),
    honoured("file_output.keep_alive", Kind::Bool),
    instead("gvisor", "sandboxes of gVisor are not captured"),
    honoured("grpc", Kind::Section),
    honoured("grpc.bind_address", Kind::Text),
    honoured("grpc.cert_chain", Kind::Text),
    honoured("grpc.enabled", Kind::Bool),
    honoured("grpc.private_key", Kind::Text),
    honoured("grpc.root_certs", Kind::Text),
    instead("grpc.threadiness", "streams share one thread and wait for nobody"),
    honoured("grpc_output", Kind::Section),
    honoured("grpc_output.enabled", Kind::Bool),
    honoured("http_output", Kind::Section),
    honoured("http_output.ca_bundle", Kind::Text),
    honoured("http_output.ca_cert", Kind::Text),
    honoured("http_output.ca_path", Kind::Text),
    honoured("http_output.client_cert", Kind::Text),
    honoured("http_output.client_key", Kind::Text),
    honoured("http_output.compress_uploads", Kind::Bool),
    honoured("http_output.echo", Kind::Bool),
    honoured("http_output.enabled", Kind::Bool),
    honoured("http_output.headers", Kind::Texts),
    honoured("http_output.insecure", Kind::Bool),
    honoured("http_output.keep_alive", Kind::Bool),
    instead(
        "http_output.max_consecutive_timeouts",
        "a request that times out (10 s) is sent again for a minute, then counted in \
         peregrined_sink_failed_total; the first failure is logged",
    ),
    honoured("http_output.mtls", Kind::Bool),
    honoured("http_output.url", Kind::Text),
    honoured("http_output.user_agent", Kind::Text),
    honoured("json_include_message_property", Kind::Bool),
    honoured("json_include_output_fields_property", Kind::Bool),
    honoured("json_include_output_property", Kind::Bool),
    honoured("json_include_tags_property", Kind::Bool),
    honoured("json_output", Kind::Bool),
    instead("libs_logger", "`log_level` is for all of the daemon"),
    honoured("load_plugins", Kind::Any),
    honoured("log_level", Kind::Word(PRIORITIES)),
    honoured("log_stderr", Kind::Bool),
    instead("log_syslog", MATCHED),
    instead("metadata_download", "names of pods come from the container runtime"),
    instead(
        "metrics",
        "the daemon's metrics are always there: the exporter shows them at /metrics",
    ),
    instead("modern_bpf", CAPTURE),
    instead(
        "output_timeout",
        "a slow output delays no other; what it drops is counted in peregrined_sink_dropped_total",
    ),
    instead("outputs", "there is no limit on the rate of alerts"),
    instead("outputs_queue", "alerts wait in a journal on disk: --journal-limit-bytes bounds it"),
    honoured("plugins", Kind::Any),
    instead("plugins_hostinfo", "there are no plugins"),
    honoured("priority", Kind::Word(PRIORITIES)),
    instead(
        "program_output",
        "not offered, since a privileged daemon starts no programs; let `http_output` or \
         `file_output` hand alerts to a program of its own",
    ),
    honoured("rule_matching", Kind::Word(&["first", "all"])),
    honoured("rules", Kind::Any),
    honoured("rules_file", Kind::Texts),
    honoured("rules_files", Kind::Texts),
    honoured("static_fields", Kind::Any),
    honoured("stdout_output", Kind::Section),
    honoured("stdout_output.enabled", Kind::Bool),
    instead("syscall_buf_size_preset", CAPTURE),
    instead("syscall_drop_failed_exit", CAPTURE),
    instead(
        "syscall_event_drops",
        "every loss is an alert of source `internal` with its number, at any rate above zero",
    ),
    instead("syscall_event_timeouts", "waiting for events is not a fault here"),
    honoured("syslog_output", Kind::Section),
    honoured("syslog_output.enabled", Kind::Bool),
    honoured("time_format_iso_8601", Kind::Bool),
    honoured("watch_config_files", Kind::Bool),
    instead(
        "webserver",
        "the daemon opens no port: the exporter serves /healthz and /readyz (for \
         k8s_healthz_endpoint), and versions in /metrics, where its --listen says (for listen_address \
         and listen_port), with TLS by its --web-config-file (for ssl_…); threads are its own affair",
    ),
];

/// All keys, in the order of their names.
pub fn all() -> impl Iterator<Item = &'static Key> {
    KEYS.iter()
}

/// Holds a configuration against the table: values of the wrong kind are errors; keys that are not
/// known, and those that something else takes the place of, are warnings.
pub(crate) fn check(tree: &Tree) -> Result<Vec<Warning>, Vec<Error>> {
    let (mut warnings, mut errors) = (Vec::new(), Vec::new());
    check_map(tree, "", true, &mut warnings, &mut errors);
    if errors.is_empty() { Ok(warnings) } else { Err(errors) }
}

/// In a section that is turned off nothing has to take the place of anything.
fn check_map(
    tree: &Tree,
    above: &str,
    is_on: bool,
    warnings: &mut Vec<Warning>,
    errors: &mut Vec<Error>,
) {
    for (name, value) in tree.pairs() {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let warn =
            |message: String| Warning { place: value.place.clone(), key: path.clone(), message };
        let Some(key) = KEYS.iter().find(|key| key.path == path) else {
            warnings.push(warn(unknown(name, above)));
            continue;
        };
        match (key.treatment, key.kind) {
            (Treatment::Instead(what), _) if is_on && asks_for_something(value) => {
                warnings.push(warn(what.to_owned()));
            }
            (Treatment::Instead(_), _) => {}
            (Treatment::Honoured, Kind::Section) => match &value.value {
                Value::Map(_) => {
                    let is_on = value.get("enabled").and_then(Tree::bool) != Some(false);
                    check_map(value, &path, is_on, warnings, errors);
                }
                Value::Null => {}
                _ => errors.push(value.error(format!("{path}: write keys below it"))),
            },
            (Treatment::Honoured, kind) => {
                if let Err(wanted) = fits(value, kind) {
                    errors.push(value.error(format!("{path}: {wanted}")));
                }
            }
        }
    }
}

fn unknown(name: &str, above: &str) -> String {
    let prefix = if above.is_empty() { String::new() } else { format!("{above}.") };
    let siblings = KEYS
        .iter()
        .filter_map(|key| key.path.strip_prefix(&prefix).filter(|rest| !rest.contains('.')));
    match peregrine_rules::nearest(name, siblings) {
        Some(nearest) => format!("no such key, so it does nothing: did you mean `{nearest}`?"),
        None => "no such key, so it does nothing: remove it".to_owned(),
    }
}

/// What is empty or turned off asks for nothing, so nothing has to take its place.
fn asks_for_something(value: &Tree) -> bool {
    match &value.value {
        Value::Null => false,
        Value::Scalar(text) => !text.is_empty() && value.bool() != Some(false),
        Value::List(elements) => !elements.is_empty(),
        Value::Map(pairs) => {
            !pairs.is_empty() && value.get("enabled").and_then(Tree::bool) != Some(false)
        }
    }
}

fn fits(value: &Tree, kind: Kind) -> Result<(), String> {
    let found = || value.text().map(|text| format!(", not `{text}`")).unwrap_or_default();
    let is_text = matches!(value.value, Value::Scalar(_) | Value::Null);
    match kind {
        Kind::Bool if value.bool().is_none() => Err(format!("write true or false{}", found())),
        Kind::Number if value.text().is_none_or(|text| text.parse::<u64>().is_err()) => {
            Err(format!("write a whole number{}", found()))
        }
        Kind::Text if !is_text => Err("write a text".to_owned()),
        Kind::Word(words) => {
            let is_one = |text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text));
            match value.text() {
                Some(text) if is_one(text) => Ok(()),
                _ => Err(format!("write one of {}{}", words.join(", "), found())),
            }
        }
        Kind::Texts
            if !is_text
                && (!matches!(value.value, Value::List(_))
                    || value.list().iter().any(|element| element.text().is_none())) =>
        {
            Err("write a list of texts".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<Vec<String>, Vec<String>> {
        check(&Tree::read("f", text).unwrap())
            .map(|found| found.iter().map(Warning::to_string).collect())
            .map_err(|found| found.iter().map(Error::to_string).collect())
    }

    #[test]
    fn the_table_is_whole() {
        for (index, key) in KEYS.iter().enumerate() {
            assert!(KEYS[..index].iter().all(|before| before.path != key.path), "{}", key.path);
            if let Some((above, _)) = key.path.rsplit_once('.') {
                let parent = KEYS.iter().find(|it| it.path == above).unwrap();
                assert_eq!(parent.kind, Kind::Section, "{}", key.path);
            }
        }
    }

    #[test]
    fn unknown_keys_suggest_the_nearest() {
        assert_eq!(
            checked("json_ouput: true\nhttp_output: {urll: x}\n").unwrap(),
            [
                "f:1:13: json_ouput: no such key, so it does nothing: did you mean `json_output`?",
                "f:2:21: http_output.urll: no such key, so it does nothing: did you mean `url`?",
            ]
        );
    }

    #[test]
    fn what_is_not_honoured_is_answered_once_and_only_if_it_asks_for_something() {
        let found = checked(
            "program_output: {enabled: true, program: mail}\nsyslog_output: {enabled: false}\n\
             webserver:\n  enabled: true\n  listen_port: 8765\n",
        )
        .unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        let timeouts = |is_on: bool| {
            checked(&format!("http_output: {{enabled: {is_on}, max_consecutive_timeouts: 5}}\n"))
        };
        assert!(timeouts(false).unwrap().is_empty());
        assert_eq!(timeouts(true).unwrap().len(), 1);
        let calls = checked("base_syscalls: {custom_set: [], repair: false, all: true}\n").unwrap();
        assert!(calls.is_empty(), "{calls:?}");
        assert_eq!(
            checked("base_syscalls: {custom_set: [clone], repair: true}\n").unwrap().len(),
            2
        );
        assert!(found[0].contains("starts no programs"));
        assert!(found[1].starts_with("f:4:3: webserver: the daemon opens no port"), "{found:?}");
    }

    #[test]
    fn values_of_the_wrong_kind_are_errors_with_what_to_write() {
        assert_eq!(
            checked("json_output: maybe\npriority: hot\nrule_matching: All\nstdout_output: 1\n")
                .unwrap_err(),
            [
                "f:1:14: json_output: write true or false, not `maybe`",
                "f:2:11: priority: write one of emergency, alert, critical, error, warning, notice, informational, info, debug, not `hot`",
                "f:4:16: stdout_output: write keys below it",
            ]
        );
    }
}
