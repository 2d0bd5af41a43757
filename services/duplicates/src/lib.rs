//! Duplicates: which open tasks are like one that somebody is about to create (protocol 1.2).
//!
//! For each account that asks, an index of its open tasks is made of the read model and kept level
//! with the log. All indexes together keep to a bound of memory; one that nobody asks is dropped.
//! A check reads no table: it waits until the index shows what this node has acknowledged, and
//! compares in memory. See `docs/adr/0014-duplicates-are-found-in-memory.md`.
//!
//! Must not: create or refuse a task, know HTTP, or hold SQL.

mod error;
mod followed;
mod index;
mod score;
mod text;
mod view;

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use baton_domain::{AccountId, Standing};
use baton_history::History;
use baton_log::Position;
use baton_projections::Reads;
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

pub use error::CheckError;
use followed::Followed;
pub use score::{MATCHES_MAX, Match};

/// What all indexes of a process may take in memory, where nothing else is said.
pub const BYTES_MAX_DEFAULT: usize = 512 * 1024 * 1024;

/// How long a check waits for its index.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How often indexes that are in use follow the log, where there is news.
const FOLLOW_EVERY: Duration = Duration::from_millis(50);
/// How often they look whether they have missed news.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// An index that nobody has asked for so long is dropped.
const UNUSED_MAX: Duration = Duration::from_secs(600);
/// Turns of creators; those who create unequal things seldom share one.
const TURNS: usize = 64;

/// The duplicates of each account, as this process finds them. Cheap to clone.
#[derive(Clone)]
pub struct Duplicates(Arc<Shared>);

/// What somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// In which account.
    pub account: &'a AccountId,
    /// Who asks: only what it may read is compared.
    pub caller: &'a Standing,
    /// The text.
    pub content: &'a str,
    /// The least score of a match.
    pub threshold: f64,
}

pub(crate) struct Shared {
    history: History,
    reads: Reads,
    bytes_max: usize,
    accounts: Mutex<HashMap<AccountId, Arc<Followed>>>,
    secret: RandomState,
    turns: [Arc<AsyncMutex<()>>; TURNS],
}

impl Duplicates {
    /// Of the tasks that `reads` shows, kept level with the log of `history` until told to stop.
    /// Together the indexes take `bytes_max` at most.
    #[must_use]
    pub fn start(
        history: History,
        reads: Reads,
        bytes_max: usize,
        stop: CancellationToken,
    ) -> Self {
        let duplicates = Self(Arc::new(Shared {
            history,
            reads,
            bytes_max,
            accounts: Mutex::default(),
            secret: RandomState::new(),
            turns: std::array::from_fn(|_| Arc::default()),
        }));
        tokio::spawn(keep_level(Arc::clone(&duplicates.0), stop));
        duplicates
    }

    /// The tasks that the caller may read and that are like the text, at most [`MATCHES_MAX`],
    /// best first; everything is compared that happened up to `wanted`, and perhaps more.
    ///
    /// # Errors
    /// [`CheckError`]: nothing can be said now.
    pub async fn find(
        &self,
        question: &Question<'_>,
        wanted: Position,
    ) -> Result<Vec<Match>, CheckError> {
        let followed = self.0.followed(question.account);
        let deadline = Instant::now() + WAIT_MAX;
        followed.reach(&self.0, wanted, deadline).await?;
        followed.search(question).await
    }

    /// Waits until nobody else here looks for duplicates of this content to create it. Whoever
    /// holds the turn until its task is created lets no equal one slip past.
    pub async fn turn(&self, account: &AccountId, content: &str) -> OwnedMutexGuard<()> {
        let hash = self.0.secret.hash_one((account, text::normal_form(content)));
        let turn = usize::try_from(hash % TURNS as u64).unwrap_or_default();
        Arc::clone(&self.0.turns[turn]).lock_owned().await
    }
}

impl Shared {
    fn accounts(&self) -> MutexGuard<'_, HashMap<AccountId, Arc<Followed>>> {
        self.accounts.lock().expect("no holder of this lock panics")
    }

    fn followed(&self, account: &AccountId) -> Arc<Followed> {
        let mut accounts = self.accounts();
        let new = || Arc::new(Followed::new(account.clone()));
        let followed = Arc::clone(accounts.entry(account.clone()).or_insert_with(new));
        followed.use_now();
        followed
    }

    /// Drops the indexes that were longest unused, but for one, until all fit; false where that
    /// one alone does not.
    pub(crate) fn make_room(&self, but: &Followed) -> bool {
        let mut accounts = self.accounts();
        loop {
            let others: usize = accounts
                .values()
                .filter(|followed| !std::ptr::eq(&***followed, but))
                .map(|followed| followed.bytes())
                .sum();
            if others + but.bytes() <= self.bytes_max {
                return true;
            }
            let others = accounts.values().filter(|followed| !std::ptr::eq(&***followed, but));
            let longest = others.min_by_key(|followed| followed.used());
            let Some(account) = longest.map(|followed| followed.account().clone()) else {
                return false;
            };
            accounts.remove(&account);
        }
    }
}

/// Keeps the indexes that are in use level with the log, and drops the others.
async fn keep_level(shared: Arc<Shared>, stop: CancellationToken) {
    let mut wake = shared.history.log().wake();
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        let heard = tokio::select! {
            () = stop.cancelled() => return,
            changed = wake.changed() => match changed {
                Ok(()) => Some(*wake.borrow_and_update()),
                Err(_the_log_is_gone) => return,
            },
            _ = look.tick() => None,
        };
        let followed: Vec<Arc<Followed>> = {
            let mut accounts = shared.accounts();
            accounts.retain(|_, followed| followed.used().elapsed() < UNUSED_MAX);
            accounts.values().cloned().collect()
        };
        for each in followed {
            each.keep_level(&shared, heard.unwrap_or(Position::MAX)).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FOLLOW_EVERY) => {}
        }
    }
}
