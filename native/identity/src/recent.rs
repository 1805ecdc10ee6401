//! What was told of late, the oldest given up for the newest.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// Containers that are remembered: more than a machine starts while one answer is on its way.
const LIMIT: usize = 1024;

/// What the events of a runtime told of containers, for those that are removed before they can be
/// asked for.
pub struct Recent<T>(Mutex<VecDeque<(Box<str>, T)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Recent<T> {
    pub fn put(&self, id: &str, told: T) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = all.iter_mut().rev().find(|(known, _)| **known == *id) {
            *known = told;
            return;
        }
        if all.len() >= LIMIT {
            all.pop_front();
        }
        all.push_back((id.into(), told));
    }

    /// By the id, or by the short form of it that a cgroup may carry.
    pub fn get(&self, id: &str) -> Option<T> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, told) = all.iter().rev().find(|(known, _)| known.starts_with(id))?;
        Some(told.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_and_the_latest_word_counts() {
        let recent = Recent::default();
        for number in 0..=LIMIT {
            recent.put(&format!("{number:064x}"), number);
        }
        recent.put(&format!("{:064x}", 1), 7);
        assert_eq!(recent.get(&format!("{:064x}", 0)), None);
        assert_eq!(recent.get(&format!("{:064x}", 1)), Some(7));
        assert_eq!(recent.get(&format!("{LIMIT:064x}")), Some(LIMIT));
    }
}
