//! What events are about, for readers that pick some of them: whatever lies between those they
//! ask for, each subject is as of its event. `Subjects` is for followers that read everything.

use std::{collections::VecDeque, sync::Arc};

use baton_domain::{
    account::{self, Account},
    recurrence::{self, Recurrence},
    task::{self, Task},
    webhook::{self, Webhook},
};
use baton_log::{Cut, Log, RecordedEvent, StreamId};

use crate::{
    directory::{Directory, KnownAccount, account_at},
    fold::{FoldError, account_stream, fold},
    history::History,
    passed::Passed,
    states::Versioned,
    subjects::{Subject, SubjectState},
};

/// Folds the subjects of excerpts of the log. Cheap to clone; clones share what they keep: the
/// states as the log has them now, never those that a reader comes by in the past.
#[derive(Clone)]
pub struct Excerpts {
    history: History,
    directory: Directory,
}

/// One reader's way through an account's events, in the order of the log. Each stream is folded
/// along the way, not anew for each of its events.
pub struct Reading {
    log: Log,
    directory: Directory,
    tasks: Passed<Task>,
    webhooks: Passed<Webhook>,
    recurrences: Passed<Recurrence>,
    account: AccountThen,
}

/// The account as of one event after another.
enum AccountThen {
    NotKnown,
    Known {
        state: Arc<Account>,
        version: i64,
        /// What happens to it next, up to the end of the page.
        later: VecDeque<RecordedEvent>,
    },
    /// Nor can anybody tell what it is after that.
    Unreadable,
}

impl Excerpts {
    /// Excerpts of the log that this is the history of.
    #[must_use]
    pub fn new(history: History, directory: Directory) -> Self {
        Self { history, directory }
    }

    /// The task as the log has it now; version 0 where it was never created.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read.
    pub async fn task(&self, stream: &StreamId) -> Result<Versioned<Task>, FoldError> {
        self.history.tasks().fresh(stream).await
    }

    /// Begins to read events of one account.
    #[must_use]
    pub fn reading(&self) -> Reading {
        Reading {
            log: self.history.log().clone(),
            directory: self.directory.clone(),
            tasks: Passed::new(self.history.tasks().clone()),
            webhooks: Passed::new(self.history.webhooks().clone()),
            recurrences: Passed::new(self.history.recurrences().clone()),
            account: AccountThen::NotKnown,
        }
    }
}

impl Reading {
    /// The next page: its events, and nothing else, may be asked about until the next one.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn page(&mut self, events: &[RecordedEvent]) -> Result<(), FoldError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        self.account = match self.account_upto(first, last).await {
            Ok(account) => account,
            Err(error) if error.is_passing() => return Err(error),
            Err(_unreadable) => AccountThen::Unreadable,
        };
        Ok(())
    }

    /// The subject of the page's next event that matters; `None` where nobody can read it. One at
    /// a time: each holds its account as it was.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn subject(&mut self, event: &RecordedEvent) -> Result<Option<Subject>, FoldError> {
        // As of the event from here on, whatever else cannot be read.
        let Some(account) = self.account.at(event) else { return Ok(None) };
        let subject = self.read(event, account).await;
        subject.map(Some).or_else(unread)
    }

    async fn read(
        &mut self,
        event: &RecordedEvent,
        account: Arc<Account>,
    ) -> Result<Subject, FoldError> {
        let (position, actor) = (event.position, event.actor.clone());
        let actor = actor.parse().map_err(|_| FoldError::Actor { position, actor })?;
        let state = match event.stream.kind.as_str() {
            task::KIND => SubjectState::Task(self.tasks.after(event).await?),
            webhook::KIND => SubjectState::Webhook(self.webhooks.after(event).await?),
            recurrence::KIND => SubjectState::Recurrence(self.recurrences.after(event).await?),
            account::KIND => SubjectState::Account,
            _ => SubjectState::Other,
        };
        Ok(Subject { state, account, actor })
    }

    /// The account at the first event, or before it, and what happens to it up to the last one.
    async fn account_upto(
        &mut self,
        first: &RecordedEvent,
        last: &RecordedEvent,
    ) -> Result<AccountThen, FoldError> {
        let name = &first.stream.account;
        let id = name.parse().map_err(|_| FoldError::Account { name: name.clone() })?;
        let (state, version) = match &self.account {
            AccountThen::Known { state, version, .. } => (Arc::clone(state), *version),
            AccountThen::Unreadable => return Ok(AccountThen::Unreadable),
            AccountThen::NotKnown => {
                let known = self.directory.account(&id);
                let KnownAccount { state, version, .. } = match known.position <= first.position {
                    true => known,
                    false => account_at(&self.log, &id, first.position).await?,
                };
                (state, version)
            }
        };
        let upto = Cut::Position(last.position);
        let later = self.log.stream(&account_stream(&id), version, upto).await?;
        Ok(AccountThen::Known { state, version, later: later.into() })
    }
}

impl AccountThen {
    fn at(&mut self, event: &RecordedEvent) -> Option<Arc<Account>> {
        let Self::Known { state, version, later } = self else { return None };
        while let Some(next) = later.pop_front_if(|next| next.position <= event.position) {
            match fold(Arc::unwrap_or_clone(std::mem::take(state)), &next) {
                Ok(folded) => (*state, *version) = (Arc::new(folded), next.version),
                Err(_unreadable) => {
                    *self = Self::Unreadable;
                    return None;
                }
            }
        }
        Some(Arc::clone(state))
    }
}

/// A database that does not answer is an error; history that nobody can read is none.
fn unread<T>(error: FoldError) -> Result<Option<T>, FoldError> {
    match error.is_passing() {
        true => Err(error),
        false => Ok(None),
    }
}
