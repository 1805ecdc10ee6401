//! `peregrined record`: what happens on the machine, or what a command does, into a recording.

use std::{
    collections::HashSet,
    fs::File,
    io::BufWriter,
    os::unix::fs::OpenOptionsExt,
    process::{Child, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bumpalo::Bump;
use jiff::tz::TimeZone;
use peregrine_capture::{
    Interest, Item, Lanes, Probe, Settings,
    event::{Event, Kind},
};
use peregrine_recording::Writer;
use peregrine_rules::{
    ArgumentKind, EventKind, EventSet, EventType, Facts, FieldId, FieldRef, Trait, Value, lookup,
};
use peregrine_world::{Limits, World, identity::Standing};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::{
    attach::Attacher,
    cli::RecordOptions,
    clock::{Clock, since_boot},
    doctor,
    facts::{Context, EventTypes, History, Judged, seen_by_child},
    lockdown::Lockdown,
    run::hostname,
};

const BATCH: usize = 4096;
/// How long it waits for events before it looks at the clock.
const GLANCE: Duration = Duration::from_millis(100);
/// Events of what has just ended come within this.
const AFTERMATH: Duration = Duration::from_millis(300);
/// Ancestors and arguments that are recorded one by one.
const INDEX_LIMIT: usize = 64;

/// Calls that everything makes all the time; a recording of them would hold nothing else.
const LEFT_OUT: [&str; 44] = [
    "access",
    "brk",
    "close",
    "epoll_wait",
    "fcntl",
    "fstat",
    "fstat64",
    "futex",
    "getcwd",
    "getdents",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpeername",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getsockname",
    "getsockopt",
    "getuid",
    "ioctl",
    "llseek",
    "lseek",
    "lstat",
    "lstat64",
    "mmap",
    "mmap2",
    "mprotect",
    "munmap",
    "nanosleep",
    "newfstatat",
    "page_fault",
    "poll",
    "ppoll",
    "recvfrom",
    "recvmsg",
    "select",
    "sendmsg",
    "sendto",
    "setsockopt",
    "stat",
    "stat64",
    "switch",
];

/// Records until told to stop, and says how much it was.
pub fn record(options: &RecordOptions) -> ExitCode {
    match run(options) {
        Ok(summary) => {
            eprintln!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("peregrined: {}", doctor::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &RecordOptions) -> anyhow::Result<String> {
    let probe = Probe::take();
    // It holds environments, and so whatever secrets they hold.
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&options.file)
        .with_context(|| format!("make the recording {}", options.file.display()))?;
    let program = concat!("peregrined ", env!("CARGO_PKG_VERSION"));
    let writer = Writer::begin(BufWriter::new(file), &hostname(), program)?;
    let settings = Settings { hooks: probe.hooks(), walk: probe.walk, ..Settings::default() };
    // It runs for a short while, for a person; it serves nobody.
    let (attacher, lanes) = Attacher::start(settings, Lockdown::Off)?;
    let mut recorder = Recorder::new(writer, options)?;
    recorder.world.snapshot().context("read the processes that run already")?;
    let interest = Interest { calls: recorder.calls(), streams: true, ..Interest::default() };
    attacher.set_interest(interest).wait()?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("listen for signals")?;
    }
    let child = start_command(options, &mut recorder)?;
    recorder.watch(lanes, options, child, &stop)?;
    let (n_events, n_lost, is_full) =
        (recorder.writer.n_events(), recorder.n_lost, recorder.is_full);
    recorder.writer.end(n_lost).context("end the recording")?;
    let full = if is_full { "; it ends early, since it reached --limit-bytes" } else { "" };
    Ok(format!("{}: {n_events} events, {n_lost} lost{full}", options.file.display()))
}

fn start_command(
    options: &RecordOptions,
    recorder: &mut Recorder,
) -> anyhow::Result<Option<Child>> {
    let Some((program, arguments)) = options.command.split_first() else { return Ok(None) };
    let child = std::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::inherit())
        .spawn()
        .with_context(|| format!("run {}", program.to_string_lossy()))?;
    if !options.all {
        recorder.only = Some(HashSet::from([child.id()]));
    }
    Ok(Some(child))
}

/// Events to lines.
struct Recorder {
    writer: Writer<BufWriter<File>>,
    world: World,
    types: EventTypes,
    context: Context,
    fields: Vec<FieldRef>,
    arena: Bump,
    /// Only what these processes do and what they start.
    only: Option<HashSet<u32>>,
    limit_bytes: u64,
    n_lost: u64,
    is_full: bool,
}

impl Recorder {
    fn new(writer: Writer<BufWriter<File>>, options: &RecordOptions) -> anyhow::Result<Self> {
        Ok(Self {
            writer,
            world: World::new(Limits::default()),
            types: EventTypes::new().context("the rules know the events of capture")?,
            context: Context {
                clock: Clock::now(),
                zone: TimeZone::system(),
                hostname: hostname().into(),
                start: since_boot(),
                number: 0,
                history: History::default(),
                host_names: None,
                bytes: Default::default(),
            },
            fields: plain_fields(),
            arena: Bump::new(),
            only: None,
            limit_bytes: options.limit_bytes,
            n_lost: 0,
            is_full: false,
        })
    }

    /// All calls with parameters of their own but those that everything makes.
    fn calls(&self) -> Vec<peregrine_capture::Syscall> {
        let wanted: EventSet = EventType::all()
            .filter(|event| event.kind() == EventKind::Syscall && !event.is_plain_io())
            .filter(|event| !LEFT_OUT.contains(&event.name()))
            .collect();
        self.types.syscalls(&wanted)
    }

    fn watch(
        &mut self,
        mut lanes: Lanes,
        options: &RecordOptions,
        mut child: Option<Child>,
        stop: &AtomicBool,
    ) -> anyhow::Result<()> {
        let mut end = options.duration.map(|duration| Instant::now() + duration);
        let mut has_ended = false;
        while !stop.load(Ordering::SeqCst) && !self.is_full {
            let mut failed = None;
            let count = lanes.drain(BATCH, |item| match item {
                Item::Event(event) => failed = self.event(&event).err().or(failed.take()),
                Item::Gap(gap) => self.n_lost += gap.count(),
                Item::Malformed(_) => self.n_lost += 1,
            });
            if let Some(error) = failed {
                return Err(error).context("write the recording");
            }
            if let Some(running) = &mut child
                && running.try_wait().context("wait for the command")?.is_some()
                && !has_ended
            {
                has_ended = true;
                end = Some(Instant::now() + AFTERMATH);
            }
            if end.is_some_and(|end| Instant::now() >= end) && count < BATCH {
                break;
            }
            if count == 0 {
                lanes.wait(GLANCE)?;
            }
        }
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>) -> std::io::Result<()> {
        self.world.apply(event);
        let header = &event.header;
        if let (Some(only), Kind::Fork(fork)) = (&mut self.only, &event.kind)
            && only.contains(&header.pid)
        {
            only.insert(fork.child.pid);
        }
        let Some(event_type) = self.types.of(event) else { return Ok(()) };
        self.write(event, event_type)?;
        seen_by_child(event).map_or(Ok(()), |event| self.write(&event, event_type))
    }

    fn write(&mut self, event: &Event<'_>, event_type: EventType) -> std::io::Result<()> {
        let header = &event.header;
        if self.only.as_ref().is_some_and(|only| !only.contains(&header.pid)) || self.is_full {
            return Ok(());
        }
        self.context.step(event.header.time);
        let place = self.world.prepare(header.pid, header.start_time);
        let process = self.world.at(place);
        let facts = Judged {
            event,
            event_type,
            process,
            standing: &Standing::by_cgroup(process.container()),
            state: None,
            world: &self.world,
            context: &self.context,
        };
        let mut own = fields_of(&facts, &self.arena);
        own.extend(self.fields.iter().cloned());
        let values = own.iter().map(|field| (field, facts.value(field, &self.arena)));
        self.writer.event(event_type.name(), values)?;
        self.arena.reset();
        self.is_full = self.writer.n_bytes() >= self.limit_bytes;
        Ok(())
    }
}

/// Fields without an argument; `evt.num` would tell every event apart from others.
fn plain_fields() -> Vec<FieldRef> {
    FieldId::all()
        .map(FieldId::row)
        // Which names an address has depends on the rules.
        .filter(|row| !row.is(Trait::NeverKnown) && !row.is(Trait::HostName))
        .filter(|row| {
            !matches!(
                row.argument,
                ArgumentKind::IndexRequired
                    | ArgumentKind::KeyRequired
                    | ArgumentKind::Parameter
                    | ArgumentKind::RawParameter
                    | ArgumentKind::EventName
                    | ArgumentKind::Subsystem
            )
        })
        .filter_map(|row| lookup(row.name, None).ok())
        .collect()
}

/// Fields with the arguments that this event has values for.
fn fields_of(facts: &Judged<'_>, arena: &Bump) -> Vec<FieldRef> {
    let mut fields = Vec::new();
    for parameter in facts.event_type.parameters() {
        for name in ["evt.arg", "evt.rawarg"] {
            fields.extend(lookup(&format!("{name}.{}", parameter.name), None));
        }
    }
    for name in ["proc.aname", "proc.aexe", "proc.aexepath", "proc.acmdline", "proc.apid"] {
        fields.extend(indexed(name, facts, arena, |value| value == Value::Absent));
    }
    for name in ["evt.abspath.src", "evt.abspath.dst"] {
        fields.extend(lookup(name, None));
    }
    fields.extend(indexed("proc.aargs", facts, arena, |value| value == Value::Absent));
    let n_arguments = lookup("proc.cmdnargs", None)
        .map_or(0, |field| match facts.value(&field, arena) {
            Value::U64(number) => usize::try_from(number).unwrap_or(INDEX_LIMIT),
            _ => 0,
        })
        .min(INDEX_LIMIT);
    fields
        .extend((0..n_arguments).filter_map(|at| lookup("proc.args", Some(&at.to_string())).ok()));
    for variable in facts.process.image().environment().iter() {
        let name = variable.split(|byte| *byte == b'=').next().unwrap_or_default();
        if let Ok(name) = std::str::from_utf8(name) {
            fields.extend(lookup("proc.env", Some(name)));
        }
    }
    fields
}

/// A field with the indexes from 0 on, until there is no value.
fn indexed(
    name: &str,
    facts: &Judged<'_>,
    arena: &Bump,
    is_over: impl Fn(Value<'_>) -> bool,
) -> Vec<FieldRef> {
    (0..INDEX_LIMIT)
        .map_while(|at| lookup(name, Some(&at.to_string())).ok())
        .take_while(|field| !is_over(facts.value(field, arena)))
        .collect()
}
