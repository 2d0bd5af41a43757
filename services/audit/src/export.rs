//! An export: one account's events in the order of the log, as they lie there, with their proofs.
//!
//! Made piece by piece, each when it is asked for: no more of it is in memory. Reads in short
//! statements. It copies what the log says, right or wrong: that is for a verification to find.

use std::sync::Arc;

use baton_domain::{ProjectId, TaskId};
use baton_ledger::{Ledger, Signed, Subtree, shown, subtrees};
use baton_log::RecordedEvent;
use deadpool_postgres::Pool;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::types::ToSql;

use crate::{
    cover::{Cover, Gap},
    csv,
    error::AuditError,
    line::{self, Line, spelled},
    manifest::{FORM, Filter, Manifest, Place, Range},
    reading::{Reading, record_read},
    row,
    selection::{Chosen, Selection, root_of},
};

/// Events that one statement reads.
const PAGE_EVENTS: i64 = 1_000;
/// Exports that one process makes at once.
const AT_ONCE_MAX: usize = 4;

const READ_ACCOUNT: &str = include_str!("sql/read_account.sql");
const READ_FIRST: &str = include_str!("sql/read_first.sql");
const READ_HEAD: &str = include_str!("sql/read_head.sql");
const COUNT_BEFORE: &str = include_str!("sql/count_before.sql");

/// In which form events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line, and a manifest at the end. Can be verified.
    Jsonl,
    /// A table. Proves nothing.
    Csv,
}

/// Which events of an account; all that are signed where nothing more is said.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whose.
    pub account: String,
    /// Recorded at this time or later.
    pub from: Option<Timestamp>,
    /// Recorded before this time.
    pub to: Option<Timestamp>,
    /// Caused by this actor, as the log names it.
    pub actor: Option<String>,
    /// About this project, or a task that was in it before the event or after it.
    pub project: Option<ProjectId>,
    /// About a task of the chain that this one is in.
    pub task: Option<TaskId>,
}

/// The exports that a process makes for its clients: a few at once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Exports {
    pool: Pool,
    ledger: Ledger,
    places: Arc<Semaphore>,
}

impl Exports {
    /// Of the log behind these connections, proved by its ledger.
    #[must_use]
    pub fn new(pool: Pool, ledger: Ledger) -> Self {
        Self { pool, ledger, places: Arc::new(Semaphore::new(AT_ONCE_MAX)) }
    }

    /// Records that somebody reads; what was not recorded is not to be shown.
    ///
    /// # Errors
    /// [`AuditError`] where the database does not take it.
    pub async fn record_read(&self, reading: &Reading) -> Result<(), AuditError> {
        record_read(&self.pool, reading).await
    }

    /// Begins one.
    ///
    /// # Errors
    /// [`AuditError`]: too many at once, nothing is signed, or the database does not answer.
    pub async fn begin(&self, wanted: Wanted, form: Form) -> Result<Export, AuditError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| AuditError::Busy)?;
        let export = Export::begin(self.pool.clone(), self.ledger.clone(), wanted, form).await;
        export.map(|export| Export { place: Some(place), ..export })
    }
}

/// An export that is being made.
#[derive(Debug)]
pub struct Export {
    pool: Pool,
    ledger: Ledger,
    wanted: Wanted,
    form: Form,
    signed: Signed,
    selection: Selection,
    /// How many events of the account are read, or known to be left out.
    at: u64,
    /// `account_seq` of the last of them, which is the same number in a log that is whole.
    after: i64,
    /// Which of them may be taken.
    takes: std::ops::Range<u64>,
    /// How many of those that are signed the log has.
    end: u64,
    cover: Cover,
    gap: Gap,
    first: Option<Place>,
    last: Option<Place>,
    events: u64,
    stage: Stage,
    /// Its place among those of the process.
    #[expect(dead_code, reason = "it is given back when the export is dropped")]
    place: Option<OwnedSemaphorePermit>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Beginning,
    Events,
    Over,
}

impl Export {
    /// Finds out what there is to export: what is signed of the account now.
    ///
    /// # Errors
    /// [`AuditError`]: nothing is signed, or the database does not answer.
    pub async fn begin(
        pool: Pool,
        ledger: Ledger,
        wanted: Wanted,
        form: Form,
    ) -> Result<Self, AuditError> {
        let signed = ledger.checkpoint(&wanted.account).await?.ok_or(AuditError::NotSigned)?;
        let mut export = Self {
            pool,
            ledger,
            wanted,
            form,
            signed,
            selection: Selection::default(),
            at: 0,
            after: 0,
            takes: 0..0,
            end: 0,
            cover: Cover::default(),
            gap: Gap::default(),
            first: None,
            last: None,
            events: 0,
            stage: Stage::Beginning,
            place: None,
        };
        export.find_place().await?;
        Ok(export)
    }

    /// How many events were taken until now.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How many events of the account are signed: later ones are not in the export.
    #[must_use]
    pub fn signed(&self) -> u64 {
        self.signed.size
    }

    /// The events read are those that were signed; to be asked at the end.
    #[must_use]
    pub fn is_as_signed(&self) -> bool {
        self.cover.size() == self.signed.size && self.cover.root() == self.signed.root
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// [`AuditError`]: the database does not answer, or an event cannot be written.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, AuditError> {
        let mut out = Vec::new();
        if self.stage == Stage::Beginning {
            self.stage = Stage::Events;
            if self.form == Form::Csv {
                csv::write_columns(&mut out);
            }
        }
        while self.stage == Stage::Events && out.is_empty() {
            match self.at < self.takes.end {
                true => self.write_page(&mut out).await?,
                false => {
                    self.stage = Stage::Over;
                    self.write_end(&mut out).await?;
                }
            }
        }
        Ok((!out.is_empty()).then_some(out))
    }

    async fn find_place(&mut self) -> Result<(), AuditError> {
        let account = self.wanted.account.clone();
        let head = self.number(READ_HEAD, &[&account]).await?;
        self.end = head.min(self.signed.size);
        let (from, to) = (self.wanted.from, self.wanted.to);
        self.takes = 0..self.end;
        if let Some(to) = to {
            self.takes.end = self.number(COUNT_BEFORE, &[&account, &to]).await?.min(self.end);
        }
        if let Some(from) = from {
            let from = self.number(COUNT_BEFORE, &[&account, &from]).await?;
            self.takes.start = from.min(self.takes.end);
        }
        let root = self.root().await?;
        let (actor, project) = (self.wanted.actor.clone(), self.wanted.project);
        self.selection = Selection::new(Chosen { actor, project, root });
        if !self.selection.needs_the_past() {
            self.leave_out(self.takes.start).await?;
        }
        Ok(())
    }

    /// The first task of the chain that is wanted.
    async fn root(&self) -> Result<Option<TaskId>, AuditError> {
        let Some(task) = self.wanted.task else { return Ok(None) };
        let client = self.pool.get().await.map_err(AuditError::Pool)?;
        let statement = client.prepare_cached(READ_FIRST).await?;
        let id = task.to_string();
        let row = client.query_opt(&statement, &[&self.wanted.account, &id]).await?;
        let first = row.and_then(|row| row::event(&row).ok());
        Ok(Some(first.map_or(task, |first| root_of(task, &first))))
    }

    /// Leaves out all events up to this number without reading them: the ledger knows their hashes.
    async fn leave_out(&mut self, to: u64) -> Result<(), AuditError> {
        if self.at < to && self.form == Form::Jsonl {
            let subtrees: Vec<Subtree> = subtrees(self.at..to);
            let hashes = self.ledger.hashes(&self.wanted.account, &subtrees).await?;
            for (subtree, hash) in subtrees.into_iter().zip(hashes) {
                self.gap.push(subtree, hash);
            }
        }
        self.at = self.at.max(to);
        self.after = self.after.max(number(to));
        Ok(())
    }

    async fn write_page(&mut self, out: &mut Vec<u8>) -> Result<(), AuditError> {
        let client = self.pool.get().await.map_err(AuditError::Pool)?;
        let statement = client.prepare_cached(READ_ACCOUNT).await?;
        let end = number(self.takes.end);
        let parameters: [&(dyn ToSql + Sync); 4] =
            [&self.wanted.account, &self.after, &end, &PAGE_EVENTS];
        let rows = client.query(&statement, &parameters).await?;
        drop(client);
        for row in &rows {
            let event = row::event(row).map_err(|cause| {
                let position = row.try_get(0).unwrap_or_default();
                AuditError::Event { position, cause }
            })?;
            self.write_event(event, out)?;
        }
        if rows.is_empty() {
            // Fewer than their numbers say: the tree will not be the one that was signed.
            self.at = self.takes.end;
        }
        Ok(())
    }

    fn write_event(&mut self, event: RecordedEvent, out: &mut Vec<u8>) -> Result<(), AuditError> {
        let leaf = row::leaf(&event, event.content_hash);
        // Also where it is too early: what it says may count for those that follow.
        let is_taken = self.selection.takes(&event) && self.takes.contains(&self.at);
        let index = self.at;
        self.at += 1;
        self.after = event.account_seq;
        if !is_taken {
            self.gap.push_leaf(index, leaf);
            return Ok(());
        }
        let place = Place { position: event.position, account_seq: event.account_seq };
        self.first.get_or_insert(place);
        self.last = Some(place);
        self.events += 1;
        if self.form == Form::Csv {
            csv::write(&event, out);
            return Ok(());
        }
        if event.payload.contains(['\n', '\r']) {
            let cause = "its payload has a line break, which Baton does not write".to_owned();
            return Err(AuditError::Event { position: event.position, cause });
        }
        let omitted = self.gap.take();
        self.cover.push_omitted(index, &omitted);
        self.cover.push_leaf(leaf);
        line::write(&Line { event, omitted }, out);
        Ok(())
    }

    async fn write_end(&mut self, out: &mut Vec<u8>) -> Result<(), AuditError> {
        if self.form == Form::Csv {
            return Ok(());
        }
        self.leave_out(self.end).await?;
        let omitted = self.gap.take();
        self.cover.push_omitted(self.end, &omitted);
        let manifest = Manifest {
            manifest: FORM.to_owned(),
            account_id: self.wanted.account.clone(),
            filter: self.filter(),
            events: self.events,
            first: self.first,
            last: self.last,
            range: self.range(),
            omitted: omitted.iter().map(shown).collect(),
            tree_size: self.signed.size,
            root: shown(&self.signed.root),
            checkpoint: self.signed.note.clone(),
            key: self.ledger.verifier(&self.wanted.account).to_string(),
        };
        manifest.write(out);
        Ok(())
    }

    fn filter(&self) -> Filter {
        let Wanted { from, to, actor, project, task, .. } = &self.wanted;
        Filter {
            from: from.map(spelled),
            to: to.map(spelled),
            actor: actor.clone(),
            project_id: project.map(|project| project.to_string()),
            task_id: task.map(|task| task.to_string()),
        }
    }

    /// What is complete.
    fn range(&self) -> Option<Range> {
        let (first, last) = self.first.zip(self.last).filter(|_| self.selection.is_all())?;
        Some(Range { from_seq: first.account_seq, to_seq: last.account_seq })
    }

    /// The one number that a statement gives; 0 where it gives none.
    async fn number(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, AuditError> {
        let client = self.pool.get().await.map_err(AuditError::Pool)?;
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, parameters).await?;
        let number: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
        Ok(u64::try_from(number).unwrap_or_default())
    }
}

/// A number of events as the database counts them.
fn number(events: u64) -> i64 {
    i64::try_from(events).unwrap_or(i64::MAX)
}
