//! Alerts posted to a server, one request each, as Falco posts them, so that what listens to Falco
//! listens to this daemon.
//!
//! Runs on its sink's thread and blocks only that. What the server does not take is sent again with
//! growing pauses; after a while it is counted as failed, and the next one has its turn: the alert
//! itself is in the journal.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::error::Error;
use crate::sink::Format;

/// What one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// For how long one alert is sent again.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two attempts, the first time.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two attempts, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How soon the end of the daemon is noticed in a pause.
const GLANCE: Duration = Duration::from_millis(50);
/// Of an answer; what is longer means nothing here.
const ANSWER_LIMIT: u64 = 64 << 10;

/// Where alerts are posted, and how.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// `http://…` or `https://…`.
    pub url: String,
    /// Text or JSON.
    pub format: Format,
    /// What the client calls itself.
    pub user_agent: String,
    /// Names and values of more headers.
    pub headers: Vec<(String, String)>,
    /// Take any certificate of the server.
    pub insecure: bool,
    /// PEM certificates of the authorities that the server's is checked against, instead of those of
    /// the machine: files, and folders of such files.
    pub ca: Vec<PathBuf>,
    /// PEM files of the certificate and the key that the client shows.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Compress each request with gzip.
    pub compress: bool,
    /// Use a connection for more than one request.
    pub keep_alive: bool,
    /// Print what the server answers on standard output.
    pub echo: bool,
}

/// A server and how to speak to it.
pub(crate) struct Post {
    agent: Agent,
    config: HttpConfig,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
enum Attempt {
    Taken,
    /// It may be taken later.
    Later(String),
    /// It will never be taken.
    Never(String),
}

impl Post {
    pub fn new(config: HttpConfig) -> Result<Self, Error> {
        let is_web = ["http://", "https://"].iter().any(|begin| config.url.starts_with(begin));
        if !is_web || config.url.parse::<ureq::http::Uri>().is_err() {
            return Err(Error::HttpUrl { url: config.url });
        }
        for (name, value) in &config.headers {
            if ureq::http::HeaderName::try_from(name.as_str()).is_err()
                || ureq::http::HeaderValue::try_from(value.as_str()).is_err()
            {
                return Err(Error::HttpHeader { name: name.clone() });
            }
        }
        let roots = match config.ca.as_slice() {
            [] => RootCerts::PlatformVerifier,
            paths => RootCerts::new_with_certs(&authorities(paths)?),
        };
        let client = match &config.client {
            Some((chain, key)) => {
                Some(ClientCert::new_with_certs(&certificates(chain)?, private_key(key)?))
            }
            None => None,
        };
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .client_cert(client)
            .disable_verification(config.insecure)
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(TIMEOUT))
            .user_agent(config.user_agent.clone())
            .http_status_as_error(false)
            // Alerts go where they were sent, and nowhere else.
            .max_redirects(0)
            .proxy(None)
            .max_idle_connections(if config.keep_alive { 1 } else { 0 })
            .build();
        Ok(Self { agent: agent.into(), config })
    }

    /// Sends a line until it is taken, cannot be, or nobody waits any more.
    pub fn send(&self, line: &str, is_ending: impl Fn() -> bool) -> io::Result<()> {
        let body = self.body(line)?;
        let begun = Instant::now();
        let mut pause = PAUSE;
        loop {
            let why = match self.attempt(&body) {
                Attempt::Taken => return Ok(()),
                Attempt::Never(why) => return Err(io::Error::other(why)),
                Attempt::Later(why) => why,
            };
            if is_ending() || begun.elapsed() >= PATIENCE {
                return Err(io::Error::other(why));
            }
            let until = Instant::now() + pause;
            while Instant::now() < until && !is_ending() {
                std::thread::sleep(GLANCE);
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    fn body(&self, line: &str) -> io::Result<Vec<u8>> {
        if !self.config.compress {
            return Ok(line.as_bytes().to_vec());
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(line.as_bytes())?;
        encoder.finish()
    }

    fn attempt(&self, body: &[u8]) -> Attempt {
        let content = match self.config.format {
            Format::Json => "application/json",
            Format::Text | Format::Off => "text/plain",
        };
        let mut request = self.agent.post(&self.config.url).content_type(content);
        if self.config.compress {
            request = request.header("Content-Encoding", "gzip");
        }
        if !self.config.keep_alive {
            request = request.header("Connection", "close");
        }
        for (name, value) in &self.config.headers {
            request = request.header(name, value);
        }
        match request.send(body) {
            Ok(mut response) => {
                // Read to its end, so that the connection can be used again.
                let answer = response.body_mut().with_config().limit(ANSWER_LIMIT).read_to_vec();
                if let (true, Ok(answer)) = (self.config.echo, &answer) {
                    echo(answer);
                }
                judge(response.status().as_u16())
            }
            Err(error) => Attempt::Later(self.tell(&error)),
        }
    }

    /// A server that wants another certificate of us just hangs up, as often as not: TLS 1.3 has it
    /// refuse after we began to write.
    fn tell(&self, error: &ureq::Error) -> String {
        let is_hung_up = matches!(error, ureq::Error::Io(error) if matches!(
            error.kind(),
            io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::UnexpectedEof
        ));
        if is_hung_up && self.config.url.starts_with("https:") {
            return format!("{error}; does the server accept our client certificate?");
        }
        error.to_string()
    }
}

/// What cannot be printed is not worth an alert's failure.
fn echo(answer: &[u8]) {
    let mut stdout = io::stdout().lock();
    let line_feed: &[u8] = if answer.ends_with(b"\n") { b"" } else { b"\n" };
    stdout.write_all(answer).and_then(|()| stdout.write_all(line_feed)).ok();
    stdout.flush().ok();
}

/// Too many requests and a server's trouble pass; what else is refused stays refused.
fn judge(status: u16) -> Attempt {
    match status {
        200..=299 => Attempt::Taken,
        408 | 429 | 500 | 502..=599 => Attempt::Later(format!("the server answered {status}")),
        _ => Attempt::Never(format!("the server answered {status}")),
    }
}

fn pem(path: &Path) -> Result<Vec<PemItem<'static>>, Error> {
    let wrong = |source| Error::HttpPem { path: path.to_owned(), source };
    let bytes = fs::read(path).map_err(wrong)?;
    parse_pem(&bytes).collect::<Result<_, _>>().map_err(|error| wrong(io::Error::other(error)))
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let found: Vec<_> = pem(path)?
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        let source = io::Error::other("there is no certificate in it");
        return Err(Error::HttpPem { path: path.to_owned(), source });
    }
    Ok(found)
}

/// Those of all files; in a folder, files without certificates are passed over.
fn authorities(paths: &[PathBuf]) -> Result<Vec<Certificate<'static>>, Error> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.extend(certificates(path)?);
            continue;
        }
        let wrong = |source| Error::HttpPem { path: path.clone(), source };
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut files: Vec<_> = entries.map_err(wrong)?.iter().map(fs::DirEntry::path).collect();
        files.sort();
        let before = all.len();
        files.iter().for_each(|file| all.extend(certificates(file).unwrap_or_default()));
        if all.len() == before {
            return Err(wrong(io::Error::other("there is no file with a certificate in it")));
        }
    }
    Ok(all)
}

fn private_key(path: &Path) -> Result<PrivateKey<'static>, Error> {
    let key = pem(path)?.into_iter().find_map(|item| match item {
        PemItem::PrivateKey(key) => Some(key),
        _ => None,
    });
    key.ok_or_else(|| Error::HttpPem {
        path: path.to_owned(),
        source: io::Error::other("there is no private key in it"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_stand_in_files_and_folders_of_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(authorities(&[folder.path().to_owned()]).is_err(), "an empty one");
        for name in ["a.pem", "b.crt"] {
            let key = rcgen::KeyPair::generate().unwrap();
            let made = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
            fs::write(path(name), made.self_signed(&key).unwrap().pem()).unwrap();
        }
        fs::write(path("README"), "no certificate").unwrap();
        let count = |paths: &[PathBuf]| authorities(paths).map(|found| found.len()).ok();
        assert_eq!(count(&[path("a.pem")]), Some(1));
        assert_eq!(count(&[folder.path().to_owned()]), Some(2));
        assert_eq!(count(&[folder.path().to_owned(), path("a.pem")]), Some(3));
        assert_eq!(count(&[path("README")]), None, "a file that is named must hold one");
        assert_eq!(count(&[path("nowhere")]), None);
    }

    #[test]
    fn what_may_pass_is_tried_again_and_the_rest_is_not() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(matches!(judge(status), Attempt::Later(_)), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 413, 501] {
            assert!(matches!(judge(status), Attempt::Never(_)), "{status}");
        }
        assert_eq!(judge(204), Attempt::Taken);
    }
}
