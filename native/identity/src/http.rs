//! HTTP over a unix socket, a connection per request: these are local, rare, and may be cut off at
//! any time.

use std::{path::Path, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request,
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::Failure;

/// Longest answer; a container with thousands of labels stays below.
const BODY_LIMIT: usize = 8 << 20;
/// Longest line of a stream of events.
const LINE_LIMIT: usize = 1 << 20;
/// Longest time for an answer, and for the head of a stream.
pub const CALL_LIMIT: Duration = Duration::from_secs(10);

/// The answer to a GET, or `None` for 404.
pub async fn get<T: DeserializeOwned>(socket: &Path, path: &str) -> Result<Option<T>, Failure> {
    let call = async {
        let response = send(socket, path).await?;
        match response.status().as_u16() {
            404 => return Ok(None),
            200 => {}
            status => return Err(Failure::Status(status)),
        }
        let body = Limited::new(response.into_body(), BODY_LIMIT);
        let bytes = body.collect().await.map_err(|_| Failure::Body(BODY_LIMIT))?.to_bytes();
        Ok(Some(serde_json::from_slice(&bytes)?))
    };
    tokio::time::timeout(CALL_LIMIT, call).await.map_err(|_| Failure::Late(CALL_LIMIT))?
}

/// A stream of JSON values, one a line.
pub struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Lines {
    /// Opens the stream.
    pub async fn open(socket: &Path, path: &str) -> Result<Self, Failure> {
        let call = tokio::time::timeout(CALL_LIMIT, send(socket, path));
        let response = call.await.map_err(|_| Failure::Late(CALL_LIMIT))??;
        match response.status().as_u16() {
            200 => Ok(Self { body: response.into_body(), buffer: Vec::new() }),
            status => Err(Failure::Status(status)),
        }
    }

    /// The next value, however long it takes.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return Ok(serde_json::from_slice(&line)?);
            }
            if self.buffer.len() > LINE_LIMIT {
                return Err(Failure::Body(LINE_LIMIT));
            }
            let frame = self.body.frame().await.ok_or(Failure::Closed)??;
            if let Some(data) = frame.data_ref() {
                self.buffer.extend_from_slice(data);
            }
        }
    }
}

async fn send(socket: &Path, path: &str) -> Result<hyper::Response<Incoming>, Failure> {
    let stream = UnixStream::connect(socket).await.map_err(Failure::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends when the sender and the body of the answer are gone.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to a runtime ended");
        }
    });
    let request = Request::get(path).header("host", "localhost").body(Empty::<Bytes>::new());
    Ok(sender.send_request(request.map_err(|_| Failure::Status(400))?).await?)
}
