//! Rules are loaded anew while the old ones judge: when told (SIGHUP) and when their files change, or
//! what `falco.yaml` says of them. What else it says counts from the next start on.
//!
//! ```text
//! SIGHUP, inotify ─► Reloader (own thread: read, compile) ─► Reloads (main loop: hook, swap)
//! ```
//!
//! The main loop swaps between two events. System calls that only the new rules ask for are hooked
//! before the swap, and those that only the old ones asked for are let go behind it, so no event that
//! either set would match is missed. Rules with an error are refused as a whole, and the old ones go
//! on.

use std::{
    fs, io,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use peregrine_alerts::{Alert, FieldValue, Metric, Priority};
use peregrine_capture::Waker;
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    fs::inotify::{self, CreateFlags, WatchFlags},
    io::Errno,
};

use crate::{
    attach::{Attacher, Change},
    clock::{Clock, since_boot},
    doctor,
    judge::{Judge, Ruleset},
    rule_set::{Loaded, Refusal, Renew, RuleSource},
};

/// Name of the notice that new rules were refused.
const REFUSED_RULE: &str = "Peregrine internal: rules refused";
/// Files are read when they have been left alone for so long: a set is seldom written at once.
const QUIET: Duration = Duration::from_millis(200);
/// They are read after so long even when they are never left alone.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the reloading thread is told, from any thread.
#[derive(Clone)]
pub struct Trigger(Arc<Told>);

struct Told {
    event: OwnedFd,
    reload: AtomicBool,
    stop: AtomicBool,
}

impl Trigger {
    /// Loads the rules anew, whether they have changed or not.
    pub fn reload(&self) {
        self.tell(&self.0.reload);
    }

    fn tell(&self, what: &AtomicBool) {
        what.store(true, Ordering::SeqCst);
        // It fails only when it is told already, 2^64 times.
        rustix::io::write(&self.0.event, &1u64.to_ne_bytes()).ok();
    }
}

/// What a reload has come to.
enum Outcome {
    Compiled(Box<Ruleset>),
    Refused(Refusal),
}

/// The thread that reads and compiles. Dropping it ends the thread.
struct Reloader {
    trigger: Trigger,
    outcomes: Receiver<Outcome>,
    /// Rules that have judged their last: freed there, since that takes a while.
    spent: Sender<Box<Ruleset>>,
    thread: Option<JoinHandle<()>>,
}

/// Reloads as the main loop sees them.
pub struct Reloads {
    reloader: Reloader,
    /// Compiled rules that wait until their system calls are hooked.
    waiting: Option<(Box<Ruleset>, Change)>,
    /// Hooks that are let go behind a swap.
    leaving: Option<Change>,
    /// For how long the reload that is under way has kept events waiting so far.
    stall: Duration,
    n_loaded: u64,
    n_refused: u64,
    /// Seconds since the epoch.
    loaded_at: u64,
}

impl Reloads {
    /// Starts the thread; the fingerprint is that of the rules that judge now, and `is_watching` tells
    /// whether it looks at the files by itself.
    pub fn start(
        (source, renew): (RuleSource, Option<Renew>),
        fingerprint: u64,
        is_watching: bool,
        waker: Waker,
    ) -> anyhow::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .context("make the descriptor that tells of reloads")?;
        let told = Told { event, reload: AtomicBool::new(false), stop: AtomicBool::new(false) };
        let trigger = Trigger(Arc::new(told));
        let watch = is_watching.then(Watch::new).transpose().context(
            "watch the rule files (the limit is /proc/sys/fs/inotify/max_user_instances; or \
             start with --watch-rules=false and reload by SIGHUP)",
        )?;
        let (send, outcomes) = channel();
        let (spent, to_free) = channel();
        let thread = Work {
            source,
            renew,
            watch,
            fingerprint: Some(fingerprint),
            told: Arc::clone(&trigger.0),
            send,
            to_free,
            waker,
        };
        let thread = std::thread::Builder::new()
            .name("reload".to_owned())
            .spawn(move || thread.run())
            .context("start the thread that reloads rules")?;
        Ok(Self {
            reloader: Reloader { trigger, outcomes, spent, thread: Some(thread) },
            waiting: None,
            leaving: None,
            stall: Duration::ZERO,
            n_loaded: 0,
            n_refused: 0,
            loaded_at: epoch_seconds(),
        })
    }

    /// Whether the next step only waits for hooks.
    pub fn is_under_way(&self) -> bool {
        self.waiting.is_some()
    }

    /// To tell it to reload.
    pub fn trigger(&self) -> Trigger {
        self.reloader.trigger.clone()
    }

    /// Between two events: takes the next step of a reload, if there is one. Gives a notice when
    /// new rules were refused.
    pub fn step(&mut self, judge: &mut Judge, attacher: &Attacher) -> Option<Alert> {
        self.forget_detached();
        if let Some((rules, change)) = self.waiting.take() {
            match change.poll() {
                None => self.waiting = Some((rules, change)),
                Some(Ok(_)) => self.swap(rules, judge, attacher),
                Some(Err(error)) => {
                    let refusal = format!("hook what the new rules ask for: {error:#}");
                    // What is hooked besides costs a little and harms nothing.
                    return Some(self.refuse(&refusal, 0, judge.clock()));
                }
            }
            return None;
        }
        match self.reloader.outcomes.try_recv().ok()? {
            Outcome::Compiled(rules) => {
                let begun = Instant::now();
                let interest = judge.interest_also_of(&rules);
                self.waiting = Some((rules, attacher.set_interest(interest)));
                self.stall = begun.elapsed();
                None
            }
            Outcome::Refused(refusal) => {
                let n_errors = match &refusal {
                    Refusal::Errors { n_errors, drawn, .. } => {
                        drawn.iter().for_each(|text| eprintln!("{text}"));
                        *n_errors
                    }
                    Refusal::Read(_) | Refusal::Configuration(_) | Refusal::Empty => 0,
                };
                Some(self.refuse(&in_words(&refusal), n_errors, judge.clock()))
            }
        }
    }

    fn swap(&mut self, rules: Box<Ruleset>, judge: &mut Judge, attacher: &Attacher) {
        let begun = Instant::now();
        let spent = judge.replace(*rules);
        self.leaving = Some(attacher.set_interest(judge.interest()));
        // Where the thread has ended, they are freed here.
        self.reloader.spent.send(Box::new(spent)).ok();
        let stall_us = (self.stall + begun.elapsed()).as_micros();
        self.n_loaded += 1;
        self.loaded_at = epoch_seconds();
        tracing::info!(rules = judge.n_rules(), stall_us, "rules reloaded");
        let uncaptured = judge.uncaptured().join(", ");
        if !uncaptured.is_empty() {
            tracing::warn!(types = %uncaptured, "rules ask for event types that are not captured");
        }
    }

    fn forget_detached(&mut self) {
        let Some(change) = self.leaving.take() else { return };
        match change.poll() {
            None => self.leaving = Some(change),
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::warn!(%error, "some hooks could not be let go"),
        }
    }

    fn refuse(&mut self, reason: &str, n_errors: usize, clock: Clock) -> Alert {
        self.n_refused += 1;
        tracing::error!(reason, "new rules refused, the old ones go on");
        Alert::notice(
            REFUSED_RULE,
            Priority::Error,
            clock.epoch(since_boot()),
            &format!("The old rules go on: {reason}"),
            vec![
                ("n_errors".into(), FieldValue::U64(n_errors as u64)),
                ("reason".into(), FieldValue::Text(reason.to_owned())),
            ],
        )
    }

    /// How often, and since when.
    pub fn metrics(&self) -> [Metric; 3] {
        let reloads = |result, value| {
            Metric::counter(
                "peregrined_rules_reloads_total",
                "Times that rules were loaded anew, by what came of it.",
                value,
            )
            .label("result", result)
        };
        [
            reloads("loaded", self.n_loaded),
            reloads("refused", self.n_refused),
            Metric::gauge(
                "peregrined_rules_loaded_timestamp_seconds",
                "When the rules that judge were loaded.",
                self.loaded_at,
            ),
        ]
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        self.trigger.tell(&self.trigger.0.stop);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that reloads rules has panicked");
        }
    }
}

/// With its causes, and with the first error of a file.
fn in_words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Errors { first, .. } => format!("{refusal}; the first: {first}"),
        Refusal::Read(_) | Refusal::Configuration(_) | Refusal::Empty => doctor::chain(refusal),
    }
}

fn epoch_seconds() -> u64 {
    Clock::now().epoch(since_boot()) / 1_000_000_000
}

/// What the thread works with.
struct Work {
    source: RuleSource,
    renew: Option<Renew>,
    watch: Option<Watch>,
    /// Of the texts that were looked at last.
    fingerprint: Option<u64>,
    told: Arc<Told>,
    send: Sender<Outcome>,
    to_free: Receiver<Box<Ruleset>>,
    waker: Waker,
}

impl Work {
    fn run(mut self) {
        // What has changed since the start read them is found when they are read again.
        let mut pending = self.watch.as_ref().map(|_| Pending::again(None));
        loop {
            if let Some(watch) = &mut self.watch {
                watch.renew(self.source.folders());
            }
            let limit =
                pending.map(|pending| pending.due().saturating_duration_since(Instant::now()));
            let changed = match self.wait(limit) {
                Ok(changed) => changed,
                Err(error) => {
                    tracing::error!(%error, "rule files are not watched any more");
                    return;
                }
            };
            self.to_free.try_iter().for_each(drop);
            if self.told.stop.load(Ordering::SeqCst) {
                return;
            }
            if self.told.reload.swap(false, Ordering::SeqCst) {
                pending = None;
                self.load(true);
            } else if changed {
                pending = Some(Pending::again(pending));
            } else if pending.is_some_and(|pending| pending.due() <= Instant::now()) {
                pending = None;
                self.load(false);
            }
        }
    }

    /// Until it is told something, files change (then true), or the limit is reached.
    fn wait(&self, limit: Option<Duration>) -> io::Result<bool> {
        let mut fds = vec![PollFd::new(&self.told.event, PollFlags::IN)];
        if let Some(watch) = &self.watch {
            fds.push(PollFd::new(&watch.inotify, PollFlags::IN));
        }
        let limit = limit.map(|limit| Timespec {
            tv_sec: limit.as_secs() as i64,
            tv_nsec: limit.subsec_nanos().into(),
        });
        match poll(&mut fds, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        drop(fds);
        let mut count = [0; 8];
        // Nothing to read is fine, too.
        rustix::io::read(&self.told.event, &mut count).ok();
        self.watch.as_ref().map_or(Ok(false), Watch::has_changed)
    }

    /// Takes over what the configuration says now.
    fn renew(&mut self) -> Result<(), Refusal> {
        let Some(renew) = &self.renew else { return Ok(()) };
        self.source =
            renew().map_err(|error| Refusal::Configuration(doctor::chain(error.as_ref())))?;
        Ok(())
    }

    fn load(&mut self, is_forced: bool) {
        let read = self.renew().and_then(|()| Ok(self.source.read()?));
        let fingerprint = read.as_ref().ok().map(|texts| self.source.fingerprint(texts));
        if fingerprint.is_some() && fingerprint == self.fingerprint && !is_forced {
            return;
        }
        self.fingerprint = fingerprint;
        let outcome = match read.and_then(|texts| texts.load(&self.source.options)) {
            Ok(Loaded { plan, warnings }) => {
                warnings.iter().for_each(|text| eprintln!("{text}"));
                Outcome::Compiled(Box::new(Ruleset::new(plan)))
            }
            Err(refusal) => Outcome::Refused(refusal),
        };
        // The main loop has ended if nobody takes it.
        if self.send.send(outcome).is_ok() {
            self.waker.wake();
        }
    }
}

/// Files have changed and may go on to.
#[derive(Clone, Copy)]
struct Pending {
    first: Instant,
    last: Instant,
}

impl Pending {
    fn again(before: Option<Self>) -> Self {
        let now = Instant::now();
        Self { first: before.map_or(now, |before| before.first), last: now }
    }

    fn due(self) -> Instant {
        (self.last + QUIET).min(self.first + PATIENCE)
    }
}

/// Folders that are looked at through inotify.
struct Watch {
    inotify: OwnedFd,
    /// With the number of the watch, and what folder it was: one that was made anew has a new watch.
    folders: Vec<(PathBuf, i32)>,
}

impl Watch {
    fn new() -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self { inotify, folders: Vec::new() })
    }

    /// Looks at these folders and no others. Watches that are there already stay.
    fn renew(&mut self, folders: Vec<PathBuf>) {
        const CHANGES: WatchFlags = WatchFlags::CLOSE_WRITE
            .union(WatchFlags::CREATE)
            .union(WatchFlags::DELETE)
            .union(WatchFlags::DELETE_SELF)
            .union(WatchFlags::MOVE)
            .union(WatchFlags::MOVE_SELF)
            .union(WatchFlags::ONLYDIR);
        let renewed: Vec<(PathBuf, i32)> = folders
            .into_iter()
            .filter_map(|folder| match inotify::add_watch(&self.inotify, &folder, CHANGES) {
                Ok(watch) => Some((folder, watch)),
                Err(error) => {
                    warn_once(&self.folders, &folder, error);
                    None
                }
            })
            .collect();
        for (_, old) in &self.folders {
            if renewed.iter().all(|(_, watch)| watch != old) {
                // It is gone already when its folder is.
                inotify::remove_watch(&self.inotify, *old).ok();
            }
        }
        self.folders = renewed;
    }

    /// Reads what has changed; what exactly does not matter, since all is read anew.
    fn has_changed(&self) -> io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        let mut has_changed = false;
        loop {
            match reader.next() {
                Ok(_) => has_changed = true,
                Err(Errno::WOULDBLOCK) => return Ok(has_changed),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Said when a folder was looked at before, or is there and still cannot be.
fn warn_once(before: &[(PathBuf, i32)], folder: &Path, error: Errno) {
    if before.iter().any(|(known, _)| known == folder) || fs::metadata(folder).is_ok() {
        tracing::warn!(folder = %folder.display(), %error, "changes of rules here are not seen");
    }
}
