//! The accounts that were asked for last, as they were then: a list is read page by page.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use baton_domain::AccountId;

use super::tasks::TasksThen;

/// How many are kept.
const KEPT_MAX: usize = 4;
/// What they may take in memory, together; one that takes more is not kept.
const KEPT_BYTES_MAX: u64 = 64 * 1024 * 1024;

const UNPOISONED: &str = "no holder of the lock panics";

/// By account and the last of its events, the last asked for first.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<VecDeque<(AccountId, i64, Arc<TasksThen>)>>);

impl Kept {
    pub(super) fn find(&self, account: &AccountId, last: i64) -> Option<Arc<TasksThen>> {
        let mut kept = self.0.lock().expect(UNPOISONED);
        let place = kept.iter().position(|(of, seq, _)| of == account && *seq == last)?;
        let found = kept.remove(place)?;
        let tasks = Arc::clone(&found.2);
        kept.push_front(found);
        Some(tasks)
    }

    pub(super) fn put(&self, account: &AccountId, last: i64, tasks: &Arc<TasksThen>) {
        let mut kept = self.0.lock().expect(UNPOISONED);
        kept.push_front((account.clone(), last, Arc::clone(tasks)));
        let weight = |kept: &VecDeque<(AccountId, i64, Arc<TasksThen>)>| -> u64 {
            kept.iter().map(|(_, _, tasks)| tasks.weight_bytes()).sum()
        };
        while kept.len() > KEPT_MAX || weight(&kept) > KEPT_BYTES_MAX {
            kept.pop_back();
        }
    }
}
