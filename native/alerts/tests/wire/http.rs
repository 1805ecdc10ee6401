//! The HTTP output against a server of a few lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use peregrine_alerts::{AlertService, Format, HttpConfig};

use crate::support::*;

/// A request as the server got it.
struct Request {
    head: Vec<String>,
    body: Vec<u8>,
    /// Number of the connection that it came over.
    connection: usize,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn number(&self) -> u64 {
        let object: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        object["output"].as_str().unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    }
}

/// Answers with these, in turn, and then always with 200.
fn serve(answers: &'static [u16]) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/intake?a=b", listener.local_addr().unwrap());
    let (send, requests) = channel();
    std::thread::spawn(move || {
        let mut answers = answers.iter().copied();
        for (connection, stream) in listener.incoming().enumerate() {
            let Ok(stream) = stream else { return };
            if serve_connection(stream, connection, &mut answers, &send).is_none() {
                return;
            }
        }
    });
    (url, requests)
}

/// One connection at a time, as the client has only one. Ends with nobody to tell.
fn serve_connection(
    stream: TcpStream,
    connection: usize,
    answers: &mut impl Iterator<Item = u16>,
    send: &Sender<Request>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return Some(());
            }
            if line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_owned());
        }
        let mut request = Request { head, body: Vec::new(), connection };
        let length = request.header("content-length").map_or(0, |it| it.parse().unwrap());
        request.body = vec![0; length];
        reader.read_exact(&mut request.body).ok()?;
        let status = answers.next().unwrap_or(200);
        let is_last = request.header("connection") == Some("close");
        send.send(request).ok()?;
        write!(stream, "HTTP/1.1 {status} Said\r\nContent-Length: 2\r\n\r\nok").ok()?;
        if is_last {
            return Some(());
        }
    }
}

fn http(url: &str) -> HttpConfig {
    HttpConfig {
        url: url.to_owned(),
        format: Format::Json,
        user_agent: "peregrined/test".to_owned(),
        headers: Vec::new(),
        insecure: false,
        ca: Vec::new(),
        client: None,
        compress: false,
        keep_alive: true,
        echo: false,
    }
}

fn start_with(folder: &Path, http: HttpConfig) -> AlertService {
    let mut config = config(folder);
    config.http = Some(http);
    AlertService::start(config).unwrap()
}

fn next(requests: &Receiver<Request>) -> Request {
    requests.recv_timeout(Duration::from_secs(30)).expect("a request comes")
}

#[test]
fn each_alert_is_posted_as_json_over_one_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (url, requests) = serve(&[]);
    let headers = vec![("X-Team".to_owned(), "blue: 1".to_owned())];
    let service = start_with(folder.path(), HttpConfig { headers, ..http(&url) });
    publish(&service, 1..=3);
    let got: Vec<_> = (0..3).map(|_| next(&requests)).collect();
    assert_eq!(got.iter().map(Request::number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(got[0].head[0], "POST /intake?a=b HTTP/1.1");
    assert_eq!(got[0].header("content-type"), Some("application/json"));
    assert_eq!(got[0].header("user-agent"), Some("peregrined/test"));
    assert_eq!(got[0].header("x-team"), Some("blue: 1"));
    assert!(got.iter().all(|request| request.connection == 0));
    service.stop(Duration::from_secs(5));
}

#[test]
fn without_keep_alive_each_alert_has_a_connection_and_compression_is_gzip() {
    let folder = tempfile::tempdir().unwrap();
    let (url, requests) = serve(&[]);
    let config = HttpConfig { keep_alive: false, compress: true, ..http(&url) };
    let service = start_with(folder.path(), config);
    publish(&service, 1..=2);
    for connection in 0..2 {
        let mut request = next(&requests);
        assert_eq!(request.connection, connection);
        assert_eq!(request.header("content-encoding"), Some("gzip"));
        let mut body = Vec::new();
        flate2::read::GzDecoder::new(&*request.body).read_to_end(&mut body).unwrap();
        request.body = body;
        assert_eq!(request.number(), connection as u64 + 1);
    }
    service.stop(Duration::from_secs(5));
}

#[test]
fn what_the_server_has_no_time_for_is_sent_again_and_what_it_refuses_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (url, requests) = serve(&[503, 429, 200, 400]);
    let service = start_with(folder.path(), http(&url));
    publish(&service, 1..=3);
    let numbers: Vec<_> = (0..5).map(|_| next(&requests).number()).collect();
    assert_eq!(numbers, [1, 1, 1, 2, 3]);
    service.stop(Duration::from_secs(5));
}

#[test]
fn settings_that_cannot_work_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let refused = |http: HttpConfig| {
        let mut config = config(folder.path());
        config.http = Some(http);
        AlertService::start(config).err().expect("refused").to_string()
    };
    assert!(refused(http("falco:2801")).contains("write http://HOST:PORT/"));
    let ca = HttpConfig { ca: vec![empty.clone()], ..http("https://a") };
    assert!(refused(ca).contains("empty.pem"));
    let headers = vec![("a b".to_owned(), String::new())];
    assert!(refused(HttpConfig { headers, ..http("http://a") }).contains("\"a b\""));
}
