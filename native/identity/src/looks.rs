//! Looks at things, several at once.
//!
//! The same thing is not looked at twice at once: what is asked again meanwhile is looked at once
//! more afterwards, so that what is told last was asked last. One slow answer delays no other.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    hash::Hash,
    pin::Pin,
};

use futures_util::{StreamExt, stream::FuturesUnordered};

/// Looks under way.
const AT_ONCE: usize = 16;
/// Looks that wait. What does not fit is asked for when an event of it needs it.
const QUEUE: usize = 16_384;

type Look<'a, K, R> = Pin<Box<dyn Future<Output = (K, R)> + Send + 'a>>;

pub struct Looks<'a, K, R> {
    look: Box<dyn Fn(K) -> Look<'a, K, R> + Send + 'a>,
    under_way: FuturesUnordered<Look<'a, K, R>>,
    /// What is under way or waits, and whether it was asked for again.
    known: HashMap<K, State>,
    queue: VecDeque<K>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Queued,
    UnderWay,
    Again,
}

impl<'a, K: Clone + Eq + Hash + Send + 'a, R: 'a> Looks<'a, K, R> {
    pub fn new<F>(look: impl Fn(K) -> F + Send + 'a) -> Self
    where
        F: Future<Output = R> + Send + 'a,
    {
        Self {
            look: Box::new(move |key| {
                let answer = look(key.clone());
                Box::pin(async move { (key, answer.await) })
            }),
            under_way: FuturesUnordered::new(),
            known: HashMap::new(),
            queue: VecDeque::new(),
        }
    }

    pub fn ask(&mut self, key: K) {
        match self.known.get_mut(&key) {
            Some(State::Queued) => {}
            Some(state) => *state = State::Again,
            None if self.queue.len() >= QUEUE => {}
            None => {
                self.known.insert(key.clone(), State::Queued);
                self.queue.push_back(key);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The next answer; `None` if nothing was asked. May be dropped and called anew.
    pub async fn next(&mut self) -> Option<(K, R)> {
        while self.under_way.len() < AT_ONCE
            && let Some(key) = self.queue.pop_front()
        {
            self.known.insert(key.clone(), State::UnderWay);
            self.under_way.push((self.look)(key));
        }
        let (key, answer) = self.under_way.next().await?;
        if self.known.remove(&key) == Some(State::Again) {
            self.ask(key.clone());
        }
        Some((key, answer))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::sync::Semaphore;

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test);
    }

    #[test]
    fn what_is_asked_again_meanwhile_is_looked_at_once_more() {
        run(async {
            let seen = Mutex::new(Vec::new());
            let mut looks = Looks::new(|key: &str| {
                seen.lock().unwrap().push(key);
                async {}
            });
            looks.ask("a");
            looks.ask("a");
            looks.ask("b");
            // Both are under way now; the first answer is a's.
            let first = looks.next().await.unwrap().0;
            assert_eq!(*seen.lock().unwrap(), ["a", "b"]);
            looks.ask(if first == "a" { "b" } else { "a" });
            while looks.next().await.is_some() {}
            assert_eq!(seen.lock().unwrap().len(), 3);
            assert!(looks.is_empty());
        });
    }

    #[test]
    fn a_slow_answer_delays_no_other_and_not_too_many_are_under_way() {
        run(async {
            let (gate, n_begun) = (Semaphore::new(0), AtomicUsize::new(0));
            let mut looks = Looks::new(|key: usize| {
                let (gate, n_begun) = (&gate, &n_begun);
                async move {
                    n_begun.fetch_add(1, Ordering::Relaxed);
                    if key == 0 {
                        gate.acquire().await.unwrap().forget();
                    }
                }
            });
            (0..100).for_each(|key| looks.ask(key));
            for _ in 1..100 {
                assert_ne!(looks.next().await.unwrap().0, 0);
            }
            assert_eq!(n_begun.load(Ordering::Relaxed), 100);
            gate.add_permits(1);
            assert_eq!(looks.next().await.unwrap().0, 0);
            assert!(looks.next().await.is_none());
        });
    }
}
