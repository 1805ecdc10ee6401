//! The runtime thread and its listeners.
//!
//! Listeners are bound before the thread starts, so that a path or port that is taken is an
//! error of the start. At the stop the streams end by themselves when they have given all; what
//! has not ended by the deadline is cut.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use tokio::sync::watch;
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::transport::server::Router;
use tonic::transport::{Server, ServerTlsConfig};

use super::batches::Batches;
use super::outputs::Outputs;
use super::version::Version;
use crate::error::Error;
use crate::wire::falco::outputs::service_server::ServiceServer as OutputsServer;
use crate::wire::falco::version::service_server::ServiceServer as VersionServer;
use crate::wire::peregrine::alerts::v1::alerts_server::AlertsServer;

/// Streams of one connection; a client needs one or two.
const STREAMS: u32 = 32;
/// A request carries a position; nothing has a reason to be larger.
const REQUEST_LIMIT: usize = 64 << 10;
/// A subscriber over the network that has gone without a word is noticed after two of these.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Threads that read the journal for subscribers that lag.
const DISK_THREADS: usize = 2;

/// The services, ready to be put on any number of listeners.
pub(crate) struct Services {
    pub outputs: Arc<Outputs>,
    pub batches: Arc<Batches>,
}

/// Where to listen.
#[derive(Default)]
pub(crate) struct Listeners {
    pub unix: Option<UnixListener>,
    pub tcp: Option<(TcpListener, ServerTlsConfig)>,
}

/// The running thread.
pub(crate) struct Running {
    stop: watch::Sender<bool>,
    ended: Receiver<()>,
}

/// Binds a TCP address.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|source| Error::Address { address, source })
}

/// Starts the thread.
pub(crate) fn start(services: Services, listeners: Listeners) -> Result<Running, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(DISK_THREADS)
        .thread_name("alerts-disk")
        .build()
        .map_err(|source| Error::Thread { source })?;
    let (stop, stopped) = watch::channel(false);
    let (end, ended) = sync_channel(1);
    let thread = std::thread::Builder::new().name("alerts-serve".to_owned());
    thread
        .spawn(move || {
            let mut cut = stopped.clone();
            runtime.block_on(async {
                tokio::select! {
                    () = serve(services, listeners, stopped) => {}
                    () = wait_for_cut(&mut cut) => {}
                }
            });
            runtime.shutdown_timeout(Duration::ZERO);
            // The receiver may have stopped waiting.
            end.send(()).ok();
        })
        .map_err(|source| Error::Thread { source })?;
    Ok(Running { stop, ended })
}

impl Running {
    /// Takes no more connections and waits for the streams to end, up to `limit`.
    pub fn stop(self, limit: Duration) {
        self.stop.send_replace(true);
        if self.ended.recv_timeout(limit).is_ok() {
            return;
        }
        tracing::info!("subscribers did not read to the end in time: cut");
        // Dropping the sender is the cut.
        drop(self.stop);
        self.ended.recv_timeout(Duration::from_secs(1)).ok();
    }
}

/// Ends when the sender is gone.
async fn wait_for_cut(cut: &mut watch::Receiver<bool>) {
    while cut.changed().await.is_ok() {}
}

async fn serve(services: Services, listeners: Listeners, stopped: watch::Receiver<bool>) {
    let unix = async {
        let Some(listener) = listeners.unix else { return };
        let Ok(listener) = tokio::net::UnixListener::from_std(listener).inspect_err(tell) else {
            return;
        };
        let incoming = UnixListenerStream::new(listener);
        let router = services.on(Server::builder());
        finish(router.serve_with_incoming_shutdown(incoming, stop(stopped.clone())).await);
    };
    let tcp = async {
        let Some((listener, tls)) = listeners.tcp else { return };
        let Ok(listener) = tokio::net::TcpListener::from_std(listener).inspect_err(tell) else {
            return;
        };
        let incoming = TcpListenerStream::new(listener);
        let server = Server::builder().http2_keepalive_interval(Some(KEEPALIVE)).tls_config(tls);
        let Ok(server) = server.inspect_err(tell) else { return };
        let router = services.on(server);
        finish(router.serve_with_incoming_shutdown(incoming, stop(stopped.clone())).await);
    };
    tokio::join!(unix, tcp);
}

impl Services {
    fn on(&self, server: Server) -> Router {
        let outputs = OutputsServer::from_arc(self.outputs.clone());
        let batches = AlertsServer::from_arc(self.batches.clone());
        server
            .max_concurrent_streams(STREAMS)
            .add_service(outputs.max_decoding_message_size(REQUEST_LIMIT))
            .add_service(batches.max_decoding_message_size(REQUEST_LIMIT))
            .add_service(VersionServer::new(Version))
    }
}

async fn stop(mut stopped: watch::Receiver<bool>) {
    // An error is the sender gone, which is a stop too.
    stopped.wait_for(|stopped| *stopped).await.ok();
}

fn finish(result: Result<(), tonic::transport::Error>) {
    if let Err(error) = result {
        tell(&error);
    }
}

fn tell<E: std::error::Error>(error: &E) {
    tracing::error!(error = %error, "alert server ended");
}
