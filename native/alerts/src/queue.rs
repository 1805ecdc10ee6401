//! The one bounded bridge between threads: bounded by count and by bytes.
//!
//! Full means wait (`push`) or refuse (`try_push`); the caller chooses. After `close` nothing
//! goes in any more, and what is in still comes out.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Bounds of a queue. One item larger than `bytes` still goes into an empty queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capacity {
    pub items: usize,
    pub bytes: usize,
}

pub(crate) struct Queue<T> {
    capacity: Capacity,
    // Orders items, byte sum and the two flags; never held over a wait or a call outside.
    inner: Mutex<Inner<T>>,
    /// Something to take, or a flag changed.
    filled: Condvar,
    /// Room to push, or closed.
    drained: Condvar,
}

struct Inner<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    closed: bool,
    nudged: bool,
}

/// Why an item was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

/// What a taker finds.
#[derive(Debug)]
pub(crate) struct Taken<T> {
    pub items: Vec<T>,
    /// Closed and now empty.
    pub ended: bool,
}

impl<T> Queue<T> {
    pub fn new(capacity: Capacity) -> Self {
        let inner = Inner { items: VecDeque::new(), bytes: 0, closed: false, nudged: false };
        Self { capacity, inner: Mutex::new(inner), filled: Condvar::new(), drained: Condvar::new() }
    }

    /// Puts an item in, waiting while the queue is full. Refused only when closed.
    pub fn push(&self, item: T, bytes: usize) -> Result<(), Refused> {
        let mut inner = self.lock();
        while inner.is_full(self.capacity, bytes) && !inner.closed {
            inner = self.drained.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        self.put(inner, item, bytes)
    }

    /// Puts an item in if there is room now.
    pub fn try_push(&self, item: T, bytes: usize) -> Result<(), Refused> {
        let inner = self.lock();
        if inner.is_full(self.capacity, bytes) && !inner.closed {
            return Err(Refused::Full);
        }
        self.put(inner, item, bytes)
    }

    /// Takes up to `limit`, waiting until there is one, a nudge, the end, or `deadline`.
    pub fn take(&self, limit: Capacity, deadline: Option<Instant>) -> Taken<T> {
        let mut inner = self.lock();
        while inner.items.is_empty() && !inner.closed && !inner.nudged {
            let Some(deadline) = deadline else {
                inner = self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let (guard, _) =
                self.filled.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner);
            inner = guard;
        }
        inner.nudged = false;
        let items = inner.take(limit);
        let ended = inner.closed && inner.items.is_empty();
        drop(inner);
        self.drained.notify_all();
        Taken { items, ended }
    }

    /// Wakes the taker although there may be nothing to take.
    pub fn nudge(&self) {
        self.lock().nudged = true;
        self.filled.notify_one();
    }

    /// Lets nothing more in.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.lock().items.len()
    }

    fn put(
        &self,
        mut inner: MutexGuard<'_, Inner<T>>,
        item: T,
        bytes: usize,
    ) -> Result<(), Refused> {
        if inner.closed {
            return Err(Refused::Closed);
        }
        inner.bytes += bytes;
        inner.items.push_back((item, bytes));
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Inner<T> {
    fn is_full(&self, capacity: Capacity, bytes: usize) -> bool {
        !self.items.is_empty()
            && (self.items.len() >= capacity.items || self.bytes + bytes > capacity.bytes)
    }

    fn take(&mut self, limit: Capacity) -> Vec<T> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        while taken.len() < limit.items && (taken.is_empty() || bytes < limit.bytes) {
            let Some((item, size)) = self.items.pop_front() else { break };
            self.bytes -= size;
            bytes += size;
            taken.push(item);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const ALL: Capacity = Capacity { items: usize::MAX, bytes: usize::MAX };

    #[test]
    fn is_bounded_by_count_and_by_bytes() {
        let queue = Queue::new(Capacity { items: 2, bytes: 100 });
        assert_eq!(queue.try_push('a', 1000), Ok(()), "one item always fits");
        assert_eq!(queue.try_push('b', 1), Err(Refused::Full));
        assert_eq!(queue.take(ALL, None).items, ['a']);
        assert_eq!(queue.try_push('c', 1), Ok(()));
        assert_eq!(queue.try_push('d', 1), Ok(()));
        assert_eq!(queue.try_push('e', 1), Err(Refused::Full));
    }

    #[test]
    fn a_full_queue_makes_the_pusher_wait_and_loses_nothing() {
        let queue = Arc::new(Queue::new(Capacity { items: 4, bytes: usize::MAX }));
        let pusher = std::thread::spawn({
            let queue = queue.clone();
            move || (0..1000).for_each(|n| queue.push(n, 1).unwrap())
        });
        let mut seen = Vec::new();
        while seen.len() < 1000 {
            let taken = queue.take(Capacity { items: 3, bytes: usize::MAX }, None).items;
            assert!(taken.len() <= 3);
            seen.extend(taken);
        }
        pusher.join().unwrap();
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_in_comes_out_after_closing() {
        let queue = Queue::new(Capacity { items: 4, bytes: 4 });
        queue.push(1, 1).unwrap();
        queue.close();
        assert_eq!(queue.push(2, 1), Err(Refused::Closed));
        let taken = queue.take(ALL, None);
        assert_eq!((taken.items, taken.ended), (vec![1], true));
    }

    #[test]
    fn a_nudge_wakes_a_taker_once() {
        let queue: Queue<()> = Queue::new(ALL);
        queue.nudge();
        assert!(queue.take(ALL, None).items.is_empty());
        assert!(queue.take(ALL, Some(Instant::now())).items.is_empty());
    }
}
