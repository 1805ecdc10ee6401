//! The service: opens everything, starts the threads in flow order and stops them in flow order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::time::{Duration, Instant};

use crate::alert::Alert;
use crate::config::ServiceConfig;
use crate::error::Error;
use crate::journal::Journal;
use crate::life::{Life, retention};
use crate::metrics::Metric;
use crate::queue::{Capacity, Queue};
use crate::serve::batches::Batches;
use crate::serve::outputs::Outputs;
use crate::serve::server::{Listeners, Running, Services};
use crate::serve::unix::SocketFile;
use crate::serve::{Places, server, tls, unix};
use crate::sink::{Format, Opened, Sink, Sinks, Worker};
use crate::writer::{State, Writer};

/// Alerts that wait for the journal; then the publisher waits.
const CAPACITY: Capacity = Capacity { items: 8192, bytes: 32 << 20 };

/// The service with everything open and no thread yet: what takes privileges is done, and threads
/// that are started from here on have those of the caller at that time.
pub struct Prepared {
    config: ServiceConfig,
    listeners: Listeners,
    tcp_address: Option<SocketAddr>,
    socket: Option<SocketFile>,
    sinks: Vec<Opened>,
    state: State,
    publisher: Publisher,
}

/// The running service. Dropping it stops it, with a short deadline.
pub struct AlertService {
    inner: Option<Inner>,
    own: Own,
    publisher: Publisher,
}

struct Inner {
    writer_ended: Receiver<()>,
    finish: Sender<()>,
    server: Running,
    workers: Vec<Worker>,
    tcp_address: Option<SocketAddr>,
    _socket: Option<SocketFile>,
}

/// Hands alerts in; cheap to clone, for any thread that is not async.
#[derive(Clone)]
pub struct Publisher {
    queue: Arc<Queue<Alert>>,
    journal: Arc<Journal>,
}

impl Publisher {
    /// Hands an alert in. Waits while 8192 alerts or 32 MiB wait for the journal; never drops,
    /// unless the service has begun to stop, which is counted.
    pub fn publish(&self, mut alert: Alert) {
        alert.bound();
        let weight = alert.weight();
        if self.queue.push(alert, weight).is_err() {
            self.journal.counters.refused_stopping.add(1);
        }
    }
}

impl Prepared {
    /// Opens the journal and the alert file, and listens.
    ///
    /// # Errors
    ///
    /// Journal or socket in use, files or addresses that cannot be used; each error says what to
    /// do. A full or read-only disk is no error: alerts are then served from memory.
    pub fn open(config: ServiceConfig) -> Result<Self, Error> {
        let tls = config.tcp.as_ref().map(tls::read).transpose()?;
        let life = Life::open(&config)?;
        let socket = match &config.unix_socket {
            Some(path) => Some(unix::listen(path, config.socket_group.as_deref())?),
            None => None,
        };
        let tcp = match (&config.tcp, tls) {
            (Some(tcp), Some(tls)) => Some((server::bind(tcp.address)?, tls)),
            _ => None,
        };
        let tcp_address = tcp.as_ref().and_then(|(listener, _)| listener.local_addr().ok());
        let sinks = sinks(&config)?;
        let (unix, socket) = socket.map(|socket| (socket.listener, socket.guard)).unzip();
        let listeners = Listeners { unix, tcp };
        let (journal, state) = life.into_journal(&config);
        let publisher = Publisher { queue: Arc::new(Queue::new(CAPACITY)), journal };
        Ok(Self { config, listeners, tcp_address, socket, sinks, state, publisher })
    }

    /// A handle that takes alerts; what it takes waits for the start.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// The system has no thread left.
    pub fn start(self) -> Result<AlertService, Error> {
        let Self { config, listeners, tcp_address, socket, sinks, state, publisher } = self;
        let Publisher { queue, journal } = &publisher;
        let workers = sinks.into_iter().map(Opened::start).collect::<Result<Vec<_>, _>>()?;
        let own = Own {
            journal: journal.clone(),
            queue: queue.clone(),
            places: Places::new(),
            sinks: workers.iter().map(|worker| worker.sink.clone()).collect(),
        };
        let writer = Writer {
            journal: journal.clone(),
            queue: queue.clone(),
            sinks: Sinks::new(own.sinks.clone()),
            store_path: Some(config.journal.path.clone()),
            retention: retention(&config.journal),
            commit_interval: config.journal.commit_interval,
            state,
        };
        let (finish, writer_ended) = start_writer(writer)?;
        let server = server::start(services(&own, config.status), listeners)?;
        let inner = Inner { writer_ended, finish, server, workers, tcp_address, _socket: socket };
        Ok(AlertService { inner: Some(inner), own, publisher })
    }
}

impl AlertService {
    /// Opens everything and starts the threads.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::open`] and [`Prepared::start`].
    pub fn start(config: ServiceConfig) -> Result<Self, Error> {
        Prepared::open(config)?.start()
    }

    /// A handle that takes alerts.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// This room's own self-metrics.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric> {
        self.own.samples()
    }

    /// Where TCP listens, with the real port if 0 was asked for.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.inner.as_ref().and_then(|inner| inner.tcp_address)
    }

    /// Opens the alert file again, after log rotation has moved it.
    pub fn reopen_files(&self) {
        self.own.sinks.iter().for_each(|sink| sink.reopen());
    }

    /// Saves what was published, lets subscribers and sinks have it, and ends, all within about
    /// `deadline`.
    pub fn stop(mut self, deadline: Duration) {
        self.end(deadline);
    }

    fn end(&mut self, limit: Duration) {
        let Some(inner) = self.inner.take() else { return };
        let deadline = Instant::now() + limit;
        let left = || deadline.saturating_duration_since(Instant::now());
        self.own.queue.close();
        inner.server.stop(left());
        // The writer waits for this before it saves the standard position for the last time.
        drop(inner.finish);
        if inner.writer_ended.recv_timeout(left().max(Duration::from_millis(500))).is_err() {
            tracing::error!("journal did not end in time");
        }
        self.own.sinks.iter().for_each(|sink| sink.close());
        inner.workers.iter().for_each(|worker| worker.wait(left()));
    }
}

impl Drop for AlertService {
    fn drop(&mut self) {
        self.end(Duration::from_secs(2));
    }
}

/// What the self-metrics are read from.
#[derive(Clone)]
struct Own {
    journal: Arc<Journal>,
    queue: Arc<Queue<Alert>>,
    places: Places,
    sinks: Vec<Arc<Sink>>,
}

impl Own {
    fn samples(&self) -> Vec<Metric> {
        let mut samples = self.journal.counters.samples();
        samples.extend([
            Metric::gauge(
                "peregrined_journal_newest_sequence",
                "Newest alert sequence that subscribers can see.",
                self.journal.progress().newest,
            ),
            Metric::gauge(
                "peregrined_alerts_waiting",
                "Alerts that wait for the journal.",
                self.queue.len() as u64,
            ),
            Metric::gauge("peregrined_subscribers", "Open streams.", self.places.taken()),
        ]);
        samples.extend(self.sinks.iter().flat_map(|sink| sink.samples()));
        samples
    }
}

fn sinks(config: &ServiceConfig) -> Result<Vec<Opened>, Error> {
    let mut sinks = Vec::new();
    if config.stdout != Format::Off {
        sinks.push(Sink::stdout(config.stdout));
    }
    if let Some(file) = config.file.as_ref().filter(|file| file.format != Format::Off) {
        sinks.push(Sink::file(&file.path, file.format)?);
    }
    if config.syslog != Format::Off {
        sinks.push(Sink::syslog(config.syslog));
    }
    if let Some(http) = config.http.clone().filter(|http| http.format != Format::Off) {
        sinks.push(Sink::http(http)?);
    }
    Ok(sinks)
}

fn start_writer(writer: Writer) -> Result<(Sender<()>, Receiver<()>), Error> {
    let (finish, finished) = channel();
    let (end, ended) = sync_channel(1);
    let thread = std::thread::Builder::new().name("alerts-journal".to_owned());
    thread
        .spawn(move || {
            writer.run(&finished);
            // The receiver may have stopped waiting.
            end.send(()).ok();
        })
        .map_err(|source| Error::Thread { source })?;
    Ok((finish, ended))
}

fn services(own: &Own, status: Arc<dyn Fn() -> Vec<Metric> + Send + Sync>) -> Services {
    let (journal, places) = (own.journal.clone(), own.places.clone());
    let own = own.clone();
    let metrics = Arc::new(move || {
        let mut samples = own.samples();
        samples.extend(status());
        samples
    });
    let outputs = Outputs { journal: journal.clone(), places: places.clone() };
    let batches = Batches { journal, places, metrics };
    Services { outputs: Arc::new(outputs), batches: Arc::new(batches) }
}
