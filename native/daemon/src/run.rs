//! The daemon's life: start in flow order, judge until told to stop, stop in flow order.

use std::{
    net::ToSocketAddrs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use peregrine_alerts::{
    AlertService, FileConfig, Format, HttpConfig, JournalConfig, Prepared, ServiceConfig, TcpConfig,
};
use peregrine_capture::{
    Counts as KernelCounts, Flood, Hooks, Item, Lanes, Probe, Settings, Waker,
};
use peregrine_identity::{Socket, usual_sockets};
use peregrine_rules::Plan;
use peregrine_world::{Limits, Reader, World};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1},
    iterator::Signals,
};

use crate::{
    attach::Attacher,
    cli::{HooksChoice, LineFormat, RunOptions, RuntimeSocket},
    clock::since_boot,
    config::Config,
    facts::EventTypes,
    floods::Floods,
    host_names::HostNames,
    judge::{Filter, Judge},
    lockdown::{Lockdown, Needs, Role, make_reachable},
    losses::Losses,
    metrics::{Sample, metrics},
    reload::{Reloads, Trigger},
    rule_set::{Loaded, Refusal, RuleSource},
};

/// How long the lanes are left alone while events flow: nobody is woken meanwhile, and an alert is
/// late by this much at most.
const PAUSE: Duration = Duration::from_millis(1);
/// Records taken before signals and the clock are looked at.
const BATCH: usize = 4096;
const TICK: Duration = Duration::from_secs(1);
/// What subscribers may take to get the last alerts.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// Runs until SIGINT or SIGTERM.
pub fn run(config: Config) -> anyhow::Result<()> {
    let Config { options, rules, renew, line, http, syslog, .. } = config;
    let options = &options;
    // Before there are threads: it makes child processes.
    let probe = Probe::take();
    let (plan, fingerprint) = load_rules(&rules)?;
    if options.dry_run {
        println!("dry run: configuration and rules are good, nothing was started");
        return Ok(());
    }
    let types = EventTypes::new().context("the rules know the events of capture")?;
    let hostname: Arc<str> = hostname().into();
    let sample = Sample::default();
    let ports = http_port(http.as_ref()).into_iter().collect();
    let service = {
        let mut config = service_config(options, &hostname, sample.clone())?;
        (config.line, config.http, config.syslog) = (line, http, syslog);
        Prepared::open(config)?
    };

    let lockdown = if options.no_lockdown { Lockdown::Off } else { Lockdown::On };
    let (mut attacher, lanes) = Attacher::start(settings(options, &probe), lockdown)?;
    let reader = Reader::start(move || lockdown.confine(Role::ReadProcesses))
        .context("start the thread that reads processes")?;
    let world = World::new(Limits::default()).reading_by(reader);
    let filter = Filter {
        has_plain_io: options.all_events,
        is_on: !options.no_filter,
        audit_every: options.filter_audit,
    };
    let mut judge = Judge::new(
        world,
        plan,
        types,
        hostname,
        service.publisher(),
        filter,
        options.identity_wait,
    );
    // Also where no rule asks yet: rules that are loaded later may, and no thread can then be given
    // the right to.
    let prepare = move || lockdown.confine(Role::LookUpNames);
    judge.look_up_by(HostNames::start(prepare, lanes.waker())?);
    judge.read_processes();
    let hooks = attacher.set_interest(judge.interest()).wait()?;

    // All that is below runs without privileges, and so do the threads that it starts.
    make_reachable(&options.rules_dir);
    lockdown.confine(Role::Serve(&needs(options, &rules, ports)?));
    let service = service.start()?;
    judge.containers_mut().follow(sockets(&options.runtime_socket), lanes.waker())?;
    let mut reloads =
        Reloads::start((rules, renew), fingerprint, options.watch_rules, lanes.waker())?;
    let stop = Stop::listen(lanes.waker(), reloads.trigger())?;
    announce(options, &hooks, &judge);
    watch(&mut judge, &mut attacher, &mut reloads, lanes, &stop, &sample, &service)?;

    // Detach first, so that nothing new comes, and then let subscribers have what there is.
    drop(attacher);
    service.stop(STOP_LIMIT);
    tracing::info!("stopped");
    Ok(())
}

/// Runtimes' sockets as given, or where they usually are.
fn sockets(given: &[RuntimeSocket]) -> Vec<Socket> {
    if given.is_empty() {
        return usual_sockets();
    }
    given.iter().filter_map(|it| it.0.clone()).collect()
}

/// Reads and compiles the rules, and gives the fingerprint of their texts; what is wrong with them
/// goes to standard error.
fn load_rules(source: &RuleSource) -> anyhow::Result<(Plan, u64)> {
    let texts = source.read()?;
    match texts.load(&source.options) {
        Ok(Loaded { plan, warnings }) => {
            warnings.iter().for_each(|text| eprintln!("{text}"));
            Ok((plan, source.fingerprint(&texts)))
        }
        Err(Refusal::Errors { drawn, .. }) => {
            drawn.iter().for_each(|text| eprintln!("{text}"));
            bail!("rules refused: correct the errors above, nothing was started")
        }
        Err(refusal) => Err(refusal.into()),
    }
}

fn settings(options: &RunOptions, probe: &Probe) -> Settings {
    let hooks = match options.hooks {
        HooksChoice::Auto => probe.hooks(),
        HooksChoice::SyscallTracepoints => Hooks::SyscallTracepoints,
        HooksChoice::SysExit => Hooks::SysExit,
    };
    Settings { hooks, walk: probe.walk, ..Settings::default() }
}

/// The node's name: what the orchestrator says, before what the kernel says, which in a container is
/// the container's.
pub fn hostname() -> String {
    ["FALCO_HOSTNAME", "NODE_NAME"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
}

fn service_config(
    options: &RunOptions,
    hostname: &Arc<str>,
    sample: Sample,
) -> anyhow::Result<ServiceConfig> {
    std::fs::create_dir_all(&options.state_dir).with_context(|| {
        format!(
            "make the state folder {}: run as root, or name another one with --state-dir",
            options.state_dir.display()
        )
    })?;
    let status = Arc::new(move || sample.get());
    Ok(ServiceConfig {
        hostname: hostname.to_string(),
        journal: JournalConfig {
            limit_bytes: options.journal_limit_bytes,
            age_limit: Some(options.journal_age),
            ..JournalConfig::new(options.state_dir.join("alerts.redb"))
        },
        unix_socket: unix_socket(&options.grpc_socket)?,
        socket_group: options.grpc_socket_group.clone(),
        tcp: tcp(options)?,
        stdout: format(options.stdout),
        file: options.file_output.clone().map(|path| FileConfig {
            path,
            format: if options.json_output { Format::Json } else { Format::Text },
        }),
        syslog: Format::Off,
        http: None,
        line: peregrine_alerts::LineOptions::default(),
        json_output: options.json_output,
        status,
    })
}

/// What is read, written and removed after the start.
fn needs(options: &RunOptions, rules: &RuleSource, connect: Vec<u16>) -> anyhow::Result<Needs> {
    Ok(Needs {
        read: rules
            .folder
            .iter()
            .chain(&rules.named)
            .chain(&rules.configuration)
            .cloned()
            .collect(),
        own: vec![options.state_dir.clone()],
        append: options.file_output.iter().cloned().collect(),
        sockets: unix_socket(&options.grpc_socket)?.into_iter().collect(),
        connect,
    })
}

/// The port that alerts are posted to.
fn http_port(http: Option<&HttpConfig>) -> Option<u16> {
    let url = &http?.url;
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let port = host.rsplit(':').next().and_then(|port| port.parse().ok());
    port.or(Some(if scheme == "https" { 443 } else { 80 }))
}

fn unix_socket(given: &str) -> anyhow::Result<Option<PathBuf>> {
    if given == "off" {
        return Ok(None);
    }
    let path = PathBuf::from(given.strip_prefix("unix://").unwrap_or(given));
    if !path.is_absolute() {
        bail!(
            "--grpc-socket {given}: write an absolute path, such as unix:///run/peregrine/peregrine.sock, or off"
        );
    }
    Ok(Some(path))
}

fn tcp(options: &RunOptions) -> anyhow::Result<Option<TcpConfig>> {
    let (Some(listen), Some(certificate), Some(key), Some(client_ca)) =
        (&options.grpc_listen, &options.tls_cert, &options.tls_key, &options.tls_client_ca)
    else {
        return Ok(None);
    };
    let address = listen
        .to_socket_addrs()
        .with_context(|| format!("--grpc-listen {listen}: write HOST:PORT, such as 0.0.0.0:5060"))?
        .next()
        .with_context(|| format!("--grpc-listen {listen}: the name has no address"))?;
    let (certificate, key, client_ca) = (certificate.clone(), key.clone(), client_ca.clone());
    Ok(Some(TcpConfig { address, certificate, key, client_ca }))
}

fn format(format: LineFormat) -> Format {
    match format {
        LineFormat::Off => Format::Off,
        LineFormat::Text => Format::Text,
        LineFormat::Json => Format::Json,
    }
}

/// What the user wants to know at the start, in a few lines.
fn announce(options: &RunOptions, hooks: &[String], judge: &Judge) {
    tracing::info!(hooks = %hooks.join(", "), "capturing");
    tracing::info!(rules = judge.n_rules(), "rules loaded");
    let uncaptured = judge.uncaptured();
    if !uncaptured.is_empty() {
        let types = uncaptured.join(", ");
        tracing::warn!(%types, "rules ask for event types that this version does not capture");
    }
    let tcp = options.grpc_listen.as_deref().unwrap_or("off");
    tracing::info!(socket = %options.grpc_socket, tcp, journal = %options.state_dir.display(), "serving");
    eprintln!("ready: peregrined sees events from now on");
}

/// The main loop.
fn watch(
    judge: &mut Judge,
    attacher: &mut Attacher,
    reloads: &mut Reloads,
    mut lanes: Lanes,
    stop: &Stop,
    sample: &Sample,
    service: &AlertService,
) -> anyhow::Result<()> {
    let mut losses = Losses::default();
    let mut floods = Floods::default();
    let mut malformed = 0;
    let mut counts = KernelCounts::default();
    let mut next_tick = Instant::now();
    while !stop.is_told() {
        let count = lanes.drain(BATCH, |item| match item {
            Item::Event(event) => judge.event(&event),
            Item::Gap(gap) => losses.add(&gap),
            Item::Malformed(error) => {
                malformed += 1;
                tracing::debug!(%error, "record not decoded");
            }
        });
        judge.settle();
        if let Some(notice) = reloads.step(judge, attacher) {
            service.publisher().publish(notice);
        }
        if Instant::now() >= next_tick {
            next_tick = Instant::now() + TICK;
            if let Some(report) = attacher.report() {
                counts = report.counts;
                losses.set_missed(counts.ring_lost, counts.recursion_misses);
                for gap in lanes.overdue(&report.newest) {
                    losses.add(&gap);
                }
                let (clock, now) = (judge.clock(), since_boot());
                let whose = |flood: &Flood| judge.whose(flood.pid, flood.start_time);
                for notice in floods.notices(&report.floods, clock, now, whose) {
                    service.publisher().publish(notice);
                }
            }
            if losses.is_life_cycle_waiting() {
                judge.begin_heal();
            }
            for notice in losses.notices(judge.clock(), since_boot()) {
                service.publisher().publish(notice);
            }
            judge.tick();
            let mut newest =
                metrics(judge.counts(), counts, &losses, malformed, judge.world().stats());
            newest.extend(reloads.metrics());
            newest.extend(judge.identity_metrics());
            newest.extend(judge.host_name_metrics());
            sample.set(newest);
        }
        judge.heal_on();
        if stop.is_reopen_told() {
            service.reopen_files();
        }
        match count {
            0 if reloads.is_under_way() || judge.world().is_healing() => lanes.wait(PAUSE)?,
            0 => lanes.wait(judge.time_left().map_or(TICK, |left| left.min(TICK)))?,
            BATCH => {}
            _ => std::thread::sleep(PAUSE),
        }
    }
    // What happened before the stop still counts.
    while lanes.drain(BATCH, |item| {
        if let Item::Event(event) = item {
            judge.event(&event);
        }
    }) == BATCH
    {}
    judge.settle_all();
    Ok(())
}

/// What signals have told.
struct Stop {
    stop: Arc<AtomicBool>,
    reopen: Arc<AtomicBool>,
}

impl Stop {
    /// SIGINT and SIGTERM stop, the second one at once; SIGHUP loads the rules anew; SIGUSR1 opens
    /// the alert file anew.
    fn listen(waker: Waker, reload: Trigger) -> anyhow::Result<Self> {
        let told = Self { stop: Arc::default(), reopen: Arc::default() };
        let (stop, reopen) = (Arc::clone(&told.stop), Arc::clone(&told.reopen));
        let mut signals =
            Signals::new([SIGHUP, SIGINT, SIGTERM, SIGUSR1]).context("listen for signals")?;
        let listener = std::thread::Builder::new().name("signals".to_owned());
        listener
            .spawn(move || {
                for signal in signals.forever() {
                    match signal {
                        SIGHUP => reload.reload(),
                        SIGUSR1 => reopen.store(true, Ordering::SeqCst),
                        _ if stop.swap(true, Ordering::SeqCst) => std::process::exit(130),
                        _ => {}
                    }
                    waker.wake();
                }
            })
            .context("start the thread that listens for signals")?;
        Ok(told)
    }

    fn is_told(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn is_reopen_told(&self) -> bool {
        self.reopen.swap(false, Ordering::SeqCst)
    }
}
