//! Addresses of the host names in rules, looked up in the background.
//!
//! ```text
//! names of the rules ─► thread `names`: Book ─ getaddrinfo ─► Table ─► judging thread
//! ```
//!
//! An event tells an address and no name, and asking for the name of each address would be slow and
//! tell the name server what was seen. So the names that rules compare with are looked up, again and
//! again, and an address has those names that had it among their addresses within the last hour: a
//! name of many machines shows others each time, and connections outlive answers.
//!
//! The thread is there from the start, since it keeps the right to make sockets, which cannot be given
//! back later (see `lockdown`); until rules have names to look up it sleeps.
//!
//! **Bounds:** [`NAMES_LIMIT`], [`ADDRESSES_LIMIT`].

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, ToSocketAddrs},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bumpalo::Bump;
use peregrine_alerts::Metric;
use peregrine_capture::Waker;
use peregrine_rules::Value;
use rustc_hash::FxHashMap;

/// Names that are looked up; those beyond have no address.
const NAMES_LIMIT: usize = 1024;
/// Addresses that a name is known to have; the one seen longest ago makes room.
const ADDRESSES_LIMIT: usize = 256;
/// From one look-up of a name to the next.
const REFRESH: Duration = Duration::from_secs(60);
/// The same after one that failed.
const RETRY: Duration = Duration::from_secs(10);
/// How long a name keeps an address that its answers have no longer.
const KEPT: Duration = Duration::from_secs(3600);

/// Which names an address has.
#[derive(Debug, Default)]
pub struct Table {
    names: FxHashMap<IpAddr, Vec<Arc<str>>>,
    /// Some names have not been looked up yet.
    is_open: bool,
}

impl Table {
    /// The names of an address; the last is unknown while there may be more.
    pub fn names<'a>(&'a self, address: IpAddr, arena: &'a Bump) -> Value<'a> {
        let names = self.names.get(&address).map(Vec::as_slice).unwrap_or_default();
        let known = names.iter().map(|name| Value::Str(name.as_bytes()));
        let mut all = bumpalo::collections::Vec::with_capacity_in(names.len() + 1, arena);
        all.extend(known);
        if self.is_open {
            all.push(Value::Unknown);
        }
        Value::List(all.into_bump_slice())
    }
}

/// The judging thread's end. Dropping it ends the thread once its look-up is over.
pub struct HostNames {
    ask: Sender<Box<[Box<str>]>>,
    tables: Receiver<Arc<Table>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    names: AtomicU64,
    addresses: AtomicU64,
    found: AtomicU64,
    failed: AtomicU64,
}

impl HostNames {
    /// Starts the thread; the first that it does is `prepare`. The waker ends the judging thread's
    /// sleep when there is a new table.
    pub fn start(prepare: impl FnOnce() + Send + 'static, waker: Waker) -> anyhow::Result<Self> {
        let (ask, asked) = channel();
        let (send, tables) = channel();
        let counts = Arc::new(Counts::default());
        let (book, is_open, counted) = (Book::default(), false, Arc::clone(&counts));
        let work = Work { asked, send, waker, counts: counted, book, is_open };
        std::thread::Builder::new()
            .name("names".to_owned())
            .spawn(move || {
                prepare();
                work.run();
            })
            .context("start the thread that looks up names of hosts")?;
        Ok(Self { ask, tables, counts })
    }

    /// Looks up these names from now on, and no others.
    pub fn ask(&self, names: &[Box<str>]) {
        if self.ask.send(names.into()).is_err() {
            tracing::error!("the thread that looks up names of hosts has ended");
        }
    }

    /// The newest table, if there is a new one.
    pub fn news(&self) -> Option<Arc<Table>> {
        self.tables.try_iter().last()
    }

    /// How many, and how it went.
    pub fn metrics(&self) -> [Metric; 4] {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let lookups = |result, value| {
            Metric::counter(
                "peregrined_host_names_lookups_total",
                "Look-ups of host names that rules compare with, by what came of them.",
                value,
            )
            .label("result", result)
        };
        [
            Metric::gauge(
                "peregrined_host_names",
                "Host names that rules compare with and that are looked up.",
                count(&self.counts.names),
            ),
            Metric::gauge(
                "peregrined_host_names_addresses",
                "Addresses that these names are known to have.",
                count(&self.counts.addresses),
            ),
            lookups("found", count(&self.counts.found)),
            lookups("failed", count(&self.counts.failed)),
        ]
    }
}

/// What the thread works with.
struct Work {
    asked: Receiver<Box<[Box<str>]>>,
    send: Sender<Arc<Table>>,
    waker: Waker,
    counts: Arc<Counts>,
    book: Book,
    /// As the newest table says.
    is_open: bool,
}

impl Work {
    fn run(mut self) {
        loop {
            let asked = match self.book.next() {
                None => self.asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some((_, due)) => {
                    self.asked.recv_timeout(due.saturating_duration_since(Instant::now()))
                }
            };
            let is_new = match asked {
                Ok(names) => {
                    self.book.ask(&names);
                    true
                }
                Err(RecvTimeoutError::Timeout) => self.look_up(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if !is_new {
                continue;
            }
            let table = Arc::new(self.table());
            let is_whole = std::mem::replace(&mut self.is_open, table.is_open) && !table.is_open;
            if self.send.send(table).is_ok() {
                self.waker.wake();
            }
            if is_whole {
                let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
                let (names, addresses) = (count(&self.counts.names), count(&self.counts.addresses));
                tracing::info!(names, addresses, "names of hosts in rules looked up");
            }
        }
    }

    /// Looks up the name that is due; says whether anything has changed.
    fn look_up(&mut self) -> bool {
        let Some((name, _)) = self.book.next() else { return false };
        let answer = addresses(&name);
        let count = if answer.is_ok() { &self.counts.found } else { &self.counts.failed };
        count.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = &answer {
            tracing::debug!(%name, %error, "name of a host not found");
        }
        self.book.learn(&name, answer.ok(), Instant::now())
    }

    fn table(&self) -> Table {
        let table = self.book.table();
        self.counts.names.store(self.book.entries.len() as u64, Ordering::Relaxed);
        self.counts.addresses.store(table.names.len() as u64, Ordering::Relaxed);
        table
    }
}

/// Asks the system as any program does: its hosts file, then its name servers.
fn addresses(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|socket| socket.ip()).collect())
}

/// What is known of the names, and when each is due.
#[derive(Default)]
struct Book {
    entries: BTreeMap<Arc<str>, Entry>,
}

#[derive(Default)]
struct Entry {
    /// When each was last among the answers.
    addresses: FxHashMap<IpAddr, Instant>,
    /// None before the first look-up.
    due: Option<Instant>,
}

impl Book {
    /// From now on it is these names; what is known of those that stay is kept.
    fn ask(&mut self, names: &[Box<str>]) {
        if names.len() > NAMES_LIMIT {
            let (names, limit) = (names.len(), NAMES_LIMIT);
            tracing::warn!(names, limit, "rules compare with too many host names: some have none");
        }
        let mut former = std::mem::take(&mut self.entries);
        let names = names.iter().take(NAMES_LIMIT).map(|name| Arc::from(&**name));
        self.entries = names
            .map(|name: Arc<str>| {
                let entry = former.remove(&name).unwrap_or_default();
                (name, entry)
            })
            .collect();
    }

    /// The name to look up next, and when.
    fn next(&self) -> Option<(Arc<str>, Instant)> {
        let (name, entry) = self.entries.iter().min_by_key(|(_, entry)| entry.due)?;
        Some((Arc::clone(name), entry.due.unwrap_or_else(Instant::now)))
    }

    /// Takes in what a look-up has found; says whether the table is another one now.
    fn learn(&mut self, name: &str, found: Option<Vec<IpAddr>>, now: Instant) -> bool {
        let Some(entry) = self.entries.get_mut(name) else { return false };
        let is_first = entry.due.is_none();
        entry.due = Some(now + if found.is_some() { REFRESH } else { RETRY });
        let former = entry.addresses.len();
        entry.addresses.retain(|_, seen| now.saturating_duration_since(*seen) < KEPT);
        let mut has_changed = is_first || entry.addresses.len() != former;
        for address in found.into_iter().flatten().take(ADDRESSES_LIMIT) {
            has_changed |= entry.addresses.insert(address, now).is_none();
            if entry.addresses.len() > ADDRESSES_LIMIT
                && let Some((&oldest, _)) = entry.addresses.iter().min_by_key(|(_, seen)| **seen)
            {
                entry.addresses.remove(&oldest);
            }
        }
        has_changed
    }

    fn table(&self) -> Table {
        let mut names: FxHashMap<IpAddr, Vec<Arc<str>>> = FxHashMap::default();
        for (name, entry) in &self.entries {
            for address in entry.addresses.keys() {
                names.entry(*address).or_default().push(Arc::clone(name));
            }
        }
        Table { names, is_open: self.entries.values().any(|entry| entry.due.is_none()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(names: &[&str]) -> Book {
        let mut book = Book::default();
        ask(&mut book, names);
        book
    }

    fn ask(book: &mut Book, names: &[&str]) {
        book.ask(&names.iter().map(|name| Box::from(*name)).collect::<Vec<_>>());
    }

    fn found(addresses: &[&str]) -> Option<Vec<IpAddr>> {
        Some(addresses.iter().map(|address| address.parse().unwrap()).collect())
    }

    /// Names of an address, and `?` while there may be more.
    fn names(book: &Book, address: &str) -> String {
        let arena = Bump::new();
        let table = book.table();
        let Value::List(names) = table.names(address.parse().unwrap(), &arena) else { panic!() };
        let text = |name: &Value<'_>| match name {
            Value::Str(text) => String::from_utf8_lossy(text).into_owned(),
            _ => "?".to_owned(),
        };
        names.iter().map(text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_address_has_all_names_that_have_it() {
        let (mut book, now) = (book(&["a.example", "b.example"]), Instant::now());
        assert!(book.learn("a.example", found(&["192.0.2.1", "2001:db8::1"]), now));
        assert!(book.learn("b.example", found(&["192.0.2.1"]), now));
        assert_eq!(names(&book, "192.0.2.1"), "a.example b.example");
        assert_eq!(names(&book, "2001:db8::1"), "a.example");
        assert_eq!(names(&book, "192.0.2.2"), "");
    }

    #[test]
    fn names_are_unknown_until_each_was_looked_up_even_in_vain() {
        let (mut book, now) = (book(&["a.example", "b.example"]), Instant::now());
        book.learn("b.example", found(&["192.0.2.1"]), now);
        assert_eq!(names(&book, "192.0.2.1"), "b.example ?");
        assert!(book.learn("a.example", None, now));
        assert_eq!(names(&book, "192.0.2.1"), "b.example");
    }

    #[test]
    fn an_address_is_kept_for_an_hour_after_it_was_last_answered() {
        let (mut book, start) = (book(&["a.example"]), Instant::now());
        book.learn("a.example", found(&["192.0.2.1"]), start);
        assert!(book.learn("a.example", found(&["192.0.2.2"]), start + REFRESH));
        assert!(!book.learn("a.example", None, start + 2 * REFRESH), "nothing has changed");
        assert_eq!(names(&book, "192.0.2.1"), "a.example");
        assert!(book.learn("a.example", None, start + KEPT));
        assert_eq!(names(&book, "192.0.2.1"), "");
        assert_eq!(names(&book, "192.0.2.2"), "a.example");
    }

    #[test]
    fn new_names_come_first_and_failed_ones_soon() {
        let (mut book, now) = (book(&["a.example", "b.example"]), Instant::now());
        book.learn("a.example", found(&[]), now);
        assert_eq!(&*book.next().unwrap().0, "b.example");
        book.learn("b.example", None, now);
        assert_eq!(book.next().unwrap(), ("b.example".into(), now + RETRY));
        ask(&mut book, &["a.example", "c.example"]);
        assert_eq!(&*book.next().unwrap().0, "c.example");
        assert_eq!(
            book.entries["a.example"].due,
            Some(now + REFRESH),
            "what stays is not asked anew"
        );
        ask(&mut book, &[]);
        assert_eq!(book.next(), None);
    }

    #[test]
    fn names_and_addresses_are_bounded() {
        let many: Vec<_> = (0..2000).map(|number| format!("n{number}.example")).collect();
        let mut book = book(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(book.entries.len(), NAMES_LIMIT);
        let now = Instant::now();
        for round in 0..3u8 {
            let all = (0..200u8).map(|last| IpAddr::from([192, 0, round, last])).collect();
            book.learn("n0.example", Some(all), now + Duration::from_secs(round.into()));
        }
        assert_eq!(book.entries["n0.example"].addresses.len(), ADDRESSES_LIMIT);
        assert_eq!(names(&book, "192.0.2.7"), "n0.example ?", "the newest stay");
    }

    #[test]
    fn the_system_is_asked() {
        let found = addresses("localhost").unwrap();
        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty(), "{found:?}");
        assert_eq!(addresses("::1").unwrap(), ["::1".parse::<IpAddr>().unwrap()]);
    }
}
