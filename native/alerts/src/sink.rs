//! Sinks for people and log shippers: standard output, a file, the machine's log, and a server that
//! alerts are posted to; a line per alert.
//!
//! Each sink has a thread and a bounded queue of its own, so a pipe that nobody reads stops
//! neither the journal nor the other sink. A full queue drops the line, counted: the alert itself
//! is in the journal.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use crate::alert::{Alert, Priority};
use crate::error::Error;
use crate::http::{HttpConfig, Post};
use crate::line::LineStyle;
use crate::metrics::{Counter, Metric};
use crate::queue::{Capacity, Queue};
use crate::syslog::{self, Syslog};

/// Name of the sink that goes to the machine's log.
const SYSLOG: &str = "syslog";

/// Lines that wait for a sink.
const CAPACITY: Capacity = Capacity { items: 8192, bytes: 8 << 20 };
/// Lines written with one system call.
const BATCH: Capacity = Capacity { items: 256, bytes: 64 << 10 };

/// How a sink writes an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Not at all.
    Off,
    /// `HH:MM:SS.nnnnnnnnn: Priority message`.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// The lines of one alert; a format that nobody needs is empty.
pub(crate) struct Line {
    pub priority: Priority,
    pub text: Arc<str>,
    pub json: Arc<str>,
}

/// All sinks.
pub(crate) struct Sinks {
    sinks: Vec<Arc<Sink>>,
}

pub(crate) struct Sink {
    name: &'static str,
    format: Format,
    queue: Queue<Arc<str>>,
    written: Counter,
    dropped: Counter,
    failed: Counter,
    reopen: AtomicBool,
    ending: AtomicBool,
}

/// A sink whose target is open and whose thread is not started yet.
pub(crate) struct Opened {
    pub sink: Arc<Sink>,
    target: Target,
}

/// A sink's thread, to be waited for.
pub(crate) struct Worker {
    pub sink: Arc<Sink>,
    ended: Receiver<()>,
}

enum Target {
    Stdout(io::Stdout),
    File { path: PathBuf, file: File },
    Http(Box<Post>),
    Syslog(Syslog),
}

impl Sinks {
    pub fn new(sinks: Vec<Arc<Sink>>) -> Self {
        Self { sinks }
    }

    /// Renders the lines that a sink or the wire (`json_output` or not) needs.
    pub fn render(&self, alert: &Alert, style: &LineStyle, json_output: bool) -> Line {
        let needs = |format| self.sinks.iter().any(|sink| sink.format == format);
        let text = !json_output || needs(Format::Text);
        let json = json_output || needs(Format::Json);
        Line {
            priority: alert.priority,
            text: if text { style.text(alert).into() } else { Arc::from("") },
            json: if json { style.json(alert).into() } else { Arc::from("") },
        }
    }

    /// Hands the lines to each sink; what a sink has no room for is dropped and counted.
    pub fn send(&self, lines: &[Line]) {
        for sink in &self.sinks {
            for line in lines {
                let text = if sink.format == Format::Json { &line.json } else { &line.text };
                let text = match sink.name {
                    SYSLOG => syslog::message(line.priority, text).into(),
                    _ => text.clone(),
                };
                let len = text.len();
                if sink.queue.try_push(text, len).is_err() {
                    sink.dropped.add(1);
                }
            }
        }
    }
}

impl Sink {
    /// A sink on standard output.
    pub fn stdout(format: Format) -> Opened {
        Opened::new("stdout", format, Target::Stdout(io::stdout()))
    }

    /// A sink that appends to a file.
    pub fn file(path: &Path, format: Format) -> Result<Opened, Error> {
        let file =
            append_to(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        Ok(Opened::new("file", format, Target::File { path: path.to_owned(), file }))
    }

    /// A sink that posts to a server.
    pub fn http(config: HttpConfig) -> Result<Opened, Error> {
        let format = config.format;
        Ok(Opened::new("http", format, Target::Http(Box::new(Post::new(config)?))))
    }

    /// A sink that hands lines to the machine's log.
    pub fn syslog(format: Format) -> Opened {
        Opened::new(SYSLOG, format, Target::Syslog(Syslog::new(Path::new(syslog::SOCKET))))
    }

    /// Opens the file again before the next line: log rotation has moved it.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
        self.queue.nudge();
    }

    pub fn close(&self) {
        self.ending.store(true, Ordering::Release);
        self.queue.close();
    }

    pub fn samples(&self) -> Vec<Metric> {
        let sample =
            |name, help, value| Metric::counter(name, help, value).label("sink", self.name);
        vec![
            sample("peregrined_sink_lines_total", "Lines written by a sink.", self.written.get()),
            sample(
                "peregrined_sink_dropped_total",
                "Lines dropped because a sink's queue was full.",
                self.dropped.get(),
            ),
            sample(
                "peregrined_sink_failed_total",
                "Lines that a sink could not write.",
                self.failed.get(),
            ),
            Metric::gauge(
                "peregrined_sink_waiting",
                "Lines that wait for a sink.",
                self.queue.len() as u64,
            )
            .label("sink", self.name),
        ]
    }

    fn run(&self, mut target: Target) {
        let mut failing = false;
        loop {
            let taken = self.queue.take(BATCH, None);
            if self.reopen.swap(false, Ordering::AcqRel) {
                target.reopen();
            }
            for (lines, result) in target.write(&taken.items, &self.ending) {
                self.count(lines as u64, &result);
                self.tell(&mut failing, result);
            }
            if taken.ended {
                return;
            }
        }
    }

    fn count(&self, lines: u64, result: &io::Result<()>) {
        let counter = if result.is_ok() { &self.written } else { &self.failed };
        counter.add(lines);
    }

    /// Says once when the sink begins to fail and when it is well again.
    fn tell(&self, failing: &mut bool, result: io::Result<()>) {
        match result {
            Err(error) if !*failing => {
                tracing::warn!(sink = self.name, error = %error, "sink cannot be written");
                *failing = true;
            }
            Ok(()) if *failing => {
                tracing::info!(sink = self.name, "sink is written again");
                *failing = false;
            }
            _ => {}
        }
    }
}

impl Opened {
    fn new(name: &'static str, format: Format, target: Target) -> Self {
        let sink = Arc::new(Sink {
            name,
            format,
            queue: Queue::new(CAPACITY),
            written: Counter::default(),
            dropped: Counter::default(),
            failed: Counter::default(),
            reopen: AtomicBool::new(false),
            ending: AtomicBool::new(false),
        });
        Self { sink, target }
    }

    /// Starts the thread that writes.
    pub fn start(self) -> Result<Worker, Error> {
        let Self { sink, target } = self;
        let (end, ended) = sync_channel(1);
        let thread = std::thread::Builder::new().name(format!("alerts-{}", sink.name));
        let running = sink.clone();
        thread
            .spawn(move || {
                running.run(target);
                // The receiver may have stopped waiting.
                end.send(()).ok();
            })
            .map_err(|source| Error::Thread { source })?;
        Ok(Worker { sink, ended })
    }
}

impl Worker {
    /// Waits for the last line, up to `limit`; a sink that hangs is left behind.
    pub fn wait(&self, limit: Duration) {
        if self.ended.recv_timeout(limit).is_err() {
            let waiting = self.sink.queue.len();
            tracing::warn!(sink = self.sink.name, waiting, "sink did not end in time");
        }
    }
}

impl Target {
    /// Writes lines; gives how many at a time and what came of it.
    fn write(&mut self, lines: &[Arc<str>], ending: &AtomicBool) -> Vec<(usize, io::Result<()>)> {
        let is_ending = || ending.load(Ordering::Acquire);
        match self {
            _ if lines.is_empty() => Vec::new(),
            Self::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                let result = stdout.write_all(&joined(lines)).and_then(|()| stdout.flush());
                vec![(lines.len(), result)]
            }
            Self::File { file, .. } => vec![(lines.len(), file.write_all(&joined(lines)))],
            Self::Syslog(syslog) => lines.iter().map(|line| (1, syslog.send(line))).collect(),
            Self::Http(post) => lines.iter().map(|line| (1, post.send(line, is_ending))).collect(),
        }
    }

    fn reopen(&mut self) {
        let Self::File { path, file } = self else { return };
        match append_to(path) {
            Ok(fresh) => *file = fresh,
            Err(error) => tracing::warn!(
                path = %path.display(),
                error = %error,
                "alert file cannot be opened again: writing on to the old one",
            ),
        }
    }
}

fn joined(lines: &[Arc<str>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

fn append_to(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}
