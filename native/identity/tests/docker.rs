//! A runtime that is late, forgetful or gone, as Docker's API shows it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use peregrine_identity::{Runtimes, Socket};
use peregrine_world::{ContainerId, identify, identity::News};

/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

/// What the stand-in does when a container is asked for.
#[derive(Clone, Copy)]
enum Manner {
    /// Closes the connection.
    Close,
    /// Answers when there is something to tell.
    Hold,
}

#[derive(Default)]
struct Docker {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    listed: Vec<String>,
    names: HashMap<String, &'static str>,
    /// What is done with the next questions for a container.
    manners: HashMap<String, Vec<Manner>>,
    /// Who follows the events.
    followers: Vec<UnixStream>,
}

impl Docker {
    fn start(directory: &tempfile::TempDir) -> (Arc<Self>, Socket) {
        let socket = Self::socket(directory);
        let listener = UnixListener::bind(&socket.path).unwrap();
        let docker = Arc::new(Self::default());
        let served = Arc::clone(&docker);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let docker = Arc::clone(&served);
                std::thread::spawn(move || docker.serve(stream));
            }
        });
        (docker, socket)
    }

    /// Where it is or will be.
    fn socket(directory: &tempfile::TempDir) -> Socket {
        format!("docker={}", directory.path().join("docker.sock").display()).parse().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    /// Tells those who follow of a container that was made; waits for them.
    fn make(&self, id: &str, name: &str) {
        let state = self.state.lock().unwrap();
        let is_alone = |state: &mut State| state.followers.is_empty();
        let mut state = self.changed.wait_while(state, is_alone).unwrap();
        let line = format!(
            r#"{{"Type":"container","Action":"create","Actor":{{"ID":"{id}",
               "Attributes":{{"name":"{name}","image":"web:2","team":"a"}}}}}}"#
        );
        let line = format!("{}\n", line.replace('\n', ""));
        for stream in &mut state.followers {
            write!(stream, "{:x}\r\n{line}\r\n", line.len()).unwrap();
        }
    }

    fn serve(&self, mut stream: UnixStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let head = lines.next().unwrap_or_default();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        lines.take_while(|line| !line.is_empty()).for_each(drop);
        if path.starts_with("/events") {
            stream.write_all(CHUNKED).unwrap();
            self.change(|state| state.followers.push(stream));
        } else if path.starts_with("/images") {
            answer(&mut stream, "[]");
        } else if path == "/containers/json" {
            let state = self.state.lock().unwrap();
            let listed: Vec<_> =
                state.listed.iter().map(|id| format!(r#"{{"Id":"{id}"}}"#)).collect();
            answer(&mut stream, &format!("[{}]", listed.join(",")));
        } else {
            self.inspect(&mut stream, path.split('/').nth(2).unwrap_or_default());
        }
    }

    fn inspect(&self, stream: &mut UnixStream, id: &str) {
        let mut state = self.state.lock().unwrap();
        match state.manners.get_mut(id).and_then(Vec::pop) {
            Some(Manner::Close) => return,
            Some(Manner::Hold) => {
                let is_silent = |state: &mut State| !state.names.contains_key(id);
                state = self.changed.wait_while(state, is_silent).unwrap();
            }
            None => {}
        }
        match state.names.get(id) {
            Some(name) => answer(stream, &format!(r#"{{"Id":"{id}","Name":"/{name}"}}"#)),
            None => stream.write_all(NOT_FOUND).unwrap(),
        }
    }
}

fn answer(stream: &mut UnixStream, body: &str) {
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
}

fn id(letter: char) -> String {
    letter.to_string().repeat(64)
}

fn container(letter: char) -> ContainerId {
    identify(format!("/docker/{}", id(letter)).as_bytes()).id().unwrap().clone()
}

fn follow(socket: Socket) -> (Runtimes, Receiver<News>) {
    let (sender, news) = channel();
    let runtimes = Runtimes::start(vec![socket], move |it| drop(sender.send(it))).unwrap();
    (runtimes, news)
}

/// The next news, in words.
fn next(news: &Receiver<News>) -> String {
    match news.recv_timeout(LIMIT).expect("news") {
        News::Known(it) => format!("{} is {}", &it.id.as_str()[..1], it.name.as_str()),
        News::Gone(id) => format!("{} is gone", &id[..1]),
        News::Nobody(id) => format!("{} is nobody", &id[..1]),
        News::Unreachable(id) => format!("{} is unreachable", &id[..1]),
    }
}

#[test]
fn a_container_that_is_removed_at_once_is_known_by_its_event() {
    let directory = tempfile::tempdir().unwrap();
    let (docker, socket) = Docker::start(&directory);
    let (runtimes, news) = follow(socket);
    docker.make(&id('a'), "brief");
    let News::Known(told) = news.recv_timeout(LIMIT).unwrap() else { panic!("not known") };
    assert_eq!((told.name.as_str(), told.image.tag.as_str()), ("brief", "2"));
    assert_eq!(told.labels.get("team").unwrap().as_str(), "a");
    assert_eq!(next(&news), "a is gone");
    // Who asks later hears the same.
    assert!(runtimes.ask(&container('a')));
    assert_eq!([next(&news), next(&news)], ["a is brief", "a is gone"]);
}

#[test]
fn a_slow_answer_delays_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let (docker, socket) = Docker::start(&directory);
    docker.change(|state| {
        state.manners.insert(id('a'), vec![Manner::Hold]);
        state.names.insert(id('b'), "quick");
    });
    let (_runtimes, news) = follow(socket);
    docker.make(&id('a'), "slow");
    docker.make(&id('b'), "quick");
    assert_eq!(next(&news), "b is quick");
    docker.change(|state| {
        state.names.insert(id('a'), "slow");
    });
    assert_eq!(next(&news), "a is slow");
}

#[test]
fn what_went_while_nobody_listened_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (docker, socket) = Docker::start(&directory);
    docker.change(|state| {
        state.listed = vec![id('a'), id('b')];
        state.names = HashMap::from([(id('a'), "stays"), (id('b'), "goes")]);
    });
    let (_runtimes, news) = follow(socket);
    let mut told = [next(&news), next(&news)];
    told.sort();
    assert_eq!(told, ["a is stays", "b is goes"]);
    docker.change(|state| {
        state.listed.pop();
        state.followers.clear();
    });
    assert_eq!([next(&news), next(&news)], ["b is gone", "a is stays"]);
}

#[test]
fn a_connection_that_breaks_is_tried_again_and_what_nobody_has_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let (docker, socket) = Docker::start(&directory);
    docker.change(|state| {
        state.manners.insert(id('a'), vec![Manner::Close, Manner::Close]);
        state.names.insert(id('a'), "web");
    });
    let (runtimes, news) = follow(socket);
    assert!(runtimes.ask(&container('a')) && runtimes.ask(&container('b')));
    let mut told = [next(&news), next(&news)];
    told.sort();
    assert_eq!(told, ["a is web", "b is nobody"]);
}

#[test]
fn a_runtime_that_comes_is_asked_before_anybody_has_looked_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let (runtimes, news) = follow(Docker::socket(&directory));
    assert!(!runtimes.ask(&container('a')), "there is nobody to ask");
    let (docker, _) = Docker::start(&directory);
    docker.change(|state| {
        state.names.insert(id('a'), "web");
    });
    assert!(runtimes.ask(&container('a')));
    assert_eq!(next(&news), "a is web");
}
