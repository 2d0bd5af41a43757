//! What events are about, for readers that pick some of them: whatever lies between those they
//! ask for, each subject is as of its event. `Subjects` is for followers that read everything.

use std::sync::Arc;

use baton_domain::{
    account::{self, Account},
    task::{self, Task},
    webhook::{self, Webhook},
};
use baton_log::{Cut, Log, RecordedEvent, StreamId};

use crate::{
    directory::{Directory, KnownAccount, account_at},
    fold::{FoldError, account_stream, fold},
    states::{States, Versioned},
    subjects::{Subject, SubjectState},
};

/// Folds the subjects of excerpts of the log. Cheap to clone; clones share what they keep.
#[derive(Clone)]
pub struct Excerpts {
    log: Log,
    directory: Directory,
    tasks: States<Task>,
    webhooks: States<Webhook>,
}

/// The account as of one event after another.
struct Accounts {
    state: Arc<Account>,
    /// What happens to it later, the next first.
    later: std::iter::Peekable<std::vec::IntoIter<RecordedEvent>>,
}

impl Excerpts {
    /// Nothing is kept yet.
    #[must_use]
    pub fn new(log: Log, directory: Directory) -> Self {
        let (tasks, webhooks) = (States::new(log.clone()), States::new(log.clone()));
        Self { log, directory, tasks, webhooks }
    }

    /// The task as the log has it now; version 0 where it was never created.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read.
    pub async fn task(&self, stream: &StreamId) -> Result<Versioned<Task>, FoldError> {
        self.tasks.fresh(stream).await
    }

    /// The subjects of events of one account, in the order of the log; `None` for one that nobody
    /// can read.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn subjects(
        &self,
        events: &[RecordedEvent],
    ) -> Result<Vec<Option<Subject>>, FoldError> {
        let mut accounts = match self.accounts(events).await {
            Ok(accounts) => Some(accounts),
            Err(error) => unread(error)?,
        };
        let mut subjects = Vec::with_capacity(events.len());
        for event in events {
            let account = match accounts.as_mut().map(|accounts| accounts.at(event.position)) {
                Some(Ok(account)) => Some(account),
                Some(Err(error)) => unread(error)?,
                None => None,
            };
            let Some(account) = account else {
                // Nor can anybody tell what the account is after that.
                accounts = None;
                subjects.push(None);
                continue;
            };
            let subject = self.subject(event, account).await;
            subjects.push(subject.map(Some).or_else(unread)?);
        }
        Ok(subjects)
    }

    async fn subject(
        &self,
        event: &RecordedEvent,
        account: Arc<Account>,
    ) -> Result<Subject, FoldError> {
        let (position, actor) = (event.position, event.actor.clone());
        let actor = actor.parse().map_err(|_| FoldError::Actor { position, actor })?;
        let state = match event.stream.kind.as_str() {
            task::KIND => SubjectState::Task(self.tasks.after(event).await?),
            webhook::KIND => SubjectState::Webhook(self.webhooks.after(event).await?),
            account::KIND => SubjectState::Account,
            _ => SubjectState::Other,
        };
        Ok(Subject { state, account, actor })
    }

    /// The account at the first event, and what happens to it up to the last one.
    async fn accounts(&self, events: &[RecordedEvent]) -> Result<Accounts, FoldError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            return Ok(Accounts {
                state: Arc::default(),
                later: Vec::new().into_iter().peekable(),
            });
        };
        let name = &first.stream.account;
        let id = name.parse().map_err(|_| FoldError::Account { name: name.clone() })?;
        let known = self.directory.account(&id);
        let KnownAccount { state, version, .. } = match known.position <= first.position {
            true => known,
            false => account_at(&self.log, &id, first.position).await?,
        };
        let upto = Cut::Position(last.position);
        let later = self.log.stream(&account_stream(&id), version, upto).await?;
        Ok(Accounts { state, later: later.into_iter().peekable() })
    }
}

impl Accounts {
    fn at(&mut self, position: i64) -> Result<Arc<Account>, FoldError> {
        while let Some(event) = self.later.next_if(|event| event.position <= position) {
            self.state = Arc::new(fold(Account::clone(&self.state), &event)?);
        }
        Ok(Arc::clone(&self.state))
    }
}

/// A database that does not answer is an error; history that nobody can read is none.
fn unread<T>(error: FoldError) -> Result<Option<T>, FoldError> {
    match error.is_passing() {
        true => Err(error),
        false => Ok(None),
    }
}
