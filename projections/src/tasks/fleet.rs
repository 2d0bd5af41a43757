//! What of the tasks needs somebody's attention (protocol 1.15): claims that nobody works on any
//! more, what is overdue, what goes in circles.
//!
//! Of a whole account it costs as much as is claimed and what it shows; of one caller's tasks, as
//! many as are unfinished. Must not: hold the words of the protocol for it.

use std::collections::HashMap;

use baton_domain::{
    AccountId, Right, Standing, TaskId, Timestamp,
    task::{SessionState, Task},
};
use jiff::civil::Date;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::lists::{List, days_of};
use super::tallies::{day_of, unfinished};
use super::walk::lists_of;
use crate::error::QueryError;
use crate::reads::{Reads, state};

const CLAIMED: &str = include_str!("sql/claimed.sql");
const OWN_UNFINISHED: &str = include_str!("sql/own_unfinished.sql");
const RANKED: &str = include_str!("sql/ranked.sql");
const STATES: &str = include_str!("sql/states.sql");

/// Claims, or unfinished tasks of one caller, that are looked at.
const LOOKED_AT_MAX: i64 = 10_000;

const MINUTE_MS: i64 = 60_000;

/// From when on something needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetRules {
    /// Minutes after which a holder that was not heard is silent.
    pub silent_minutes: i64,
    /// The same for a claim whose lease has no end.
    pub silent_minutes_without_lease: i64,
    /// How often a task is reopened or released until it goes in circles.
    pub looping_rounds: i64,
}

impl Default for FleetRules {
    fn default() -> Self {
        Self { silent_minutes: 15, silent_minutes_without_lease: 60, looping_rounds: 3 }
    }
}

/// Tasks, those first that have waited longest, as far as they were asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bucket {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// There may be more.
    pub has_more: bool,
}

/// What needs attention.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attention {
    /// Claimed, and the lease has run out.
    pub abandoned_claims: Bucket,
    /// Held by somebody who has not been heard for long.
    pub silent_holders: Bucket,
    /// Held by somebody who is in trouble.
    pub errored: Bucket,
    /// Held by somebody who waits for somebody.
    pub waiting_input: Bucket,
    /// Unfinished, and due before today.
    pub overdue: Bucket,
    /// Unfinished, and reopened or released again and again.
    pub looping: Bucket,
}

/// Where a task is shown, and what is shown first: the least. Tasks that are equal so far stand as
/// in other lists; of claims only their moment and the id say it.
type Places = Vec<(i64, Option<Urgency>, TaskId)>;

/// The priority, and of tasks that are equally urgent the age.
type Urgency = (u8, Timestamp);

/// What is found, before the tasks are read.
#[derive(Debug, Default)]
struct Found {
    abandoned_claims: Places,
    silent_holders: Places,
    errored: Places,
    waiting_input: Places,
    overdue: Places,
    looping: Places,
    /// How many of them, from the first on, may lack some: not everything was looked at.
    cut: usize,
}

/// What there is to say about an unfinished task.
#[derive(Clone, Copy, Debug)]
struct Look {
    id: TaskId,
    claimed: bool,
    lease_expires_at: Option<Timestamp>,
    heard_at: Option<Timestamp>,
    session_state: Option<SessionState>,
    due: Option<(Date, Urgency)>,
}

impl Reads {
    /// What of the tasks that the caller may read needs attention at `now`: of each kind so many
    /// at most.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn attention(
        &self,
        account: &AccountId,
        caller: &Standing,
        (rules, now): (FleetRules, Timestamp),
        limit: usize,
    ) -> Result<Attention, QueryError> {
        let mut found = Found::default();
        let looks = self.looks(account, caller).await?;
        let reads_all = caller.may(Right::ReadAllTasks);
        if i64::try_from(looks.len()).is_ok_and(|looks| looks >= LOOKED_AT_MAX) {
            found.cut = if reads_all { 4 } else { 5 };
        }
        for look in looks {
            found.note(look, (rules, now));
        }
        if reads_all {
            let before_today = days_of(day_of(now)) - 1;
            found.overdue = self.ranked(account, caller, (List::Due, before_today), limit).await?;
        }
        let rounds = (List::Looping, -rules.looping_rounds);
        found.looping = self.ranked(account, caller, rounds, limit).await?;
        self.read(account, found, limit).await
    }

    /// Whatever is claimed; for those who do not read all, their unfinished tasks.
    async fn looks(&self, account: &AccountId, caller: &Standing) -> Result<Vec<Look>, QueryError> {
        let readers = lists_of(account, caller);
        let (account, statuses) = (account.as_str(), unfinished());
        let mut bound = vec![(&account as _, Type::TEXT), (&LOOKED_AT_MAX as _, Type::INT8)];
        let sql = match caller.may(Right::ReadAllTasks) {
            true => CLAIMED,
            false => {
                bound.push((&readers as _, Type::UUID_ARRAY));
                bound.push((&statuses as _, Type::INT2_ARRAY));
                OWN_UNFINISHED
            }
        };
        self.rows(sql, &bound).await?.iter().map(look).collect()
    }

    /// The first tasks of a list that has an order of its own, up to a rank.
    async fn ranked(
        &self,
        account: &AccountId,
        caller: &Standing,
        (list, rank): (List, i64),
        limit: usize,
    ) -> Result<Places, QueryError> {
        let readers = lists_of(account, caller);
        let readers = (!caller.may(Right::ReadAllTasks)).then_some(readers);
        let (list, statuses) = (list.id(account.as_str()), unfinished());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let bound = [
            (&list as _, Type::UUID),
            (&statuses as _, Type::INT2_ARRAY),
            (&rank as _, Type::INT8),
            (&readers as _, Type::UUID_ARRAY),
            (&limit as _, Type::INT8),
        ];
        self.rows(RANKED, &bound).await?.iter().map(place).collect()
    }

    /// Reads the tasks that are shown.
    async fn read(
        &self,
        account: &AccountId,
        mut found: Found,
        limit: usize,
    ) -> Result<Attention, QueryError> {
        let has_more = found.truncate(limit);
        let ids = found.ids();
        let bound = [(&account.as_str() as _, Type::TEXT), (&ids as _, Type::UUID_ARRAY)];
        let mut tasks: HashMap<TaskId, Task> = HashMap::with_capacity(ids.len());
        for row in self.rows(STATES, &bound).await? {
            let task: Task = state(&row)?;
            tasks.insert(task.id, task);
        }
        Ok(found.show(has_more, |id| tasks.get(&id).cloned()))
    }
}

impl Attention {
    /// What of those of the tasks that the caller may read needs attention at `now`: the same from
    /// tasks in memory, by a look at each.
    pub fn of<'a>(
        tasks: impl Iterator<Item = &'a Task>,
        caller: &Standing,
        (rules, now): (FleetRules, Timestamp),
        limit: usize,
    ) -> Self {
        let mut found = Found::default();
        let mut shown: HashMap<TaskId, &Task> = HashMap::new();
        let tasks = tasks.filter(|task| task.is_alive() && !task.status.is_finished());
        for task in tasks.filter(|task| task.is_readable_by(caller)) {
            shown.insert(task.id, task);
            found.note(Look::of(task), (rules, now));
            let rounds = task.reopen_count + task.release_count;
            if rounds >= rules.looping_rounds {
                found.looping.push((-rounds, Some(urgency(task)), task.id));
            }
        }
        let has_more = found.truncate(limit);
        found.show(has_more, |id| shown.get(&id).map(|task| Task::clone(task)))
    }
}

impl Look {
    fn of(task: &Task) -> Self {
        let claim = task.claim.as_ref();
        Self {
            id: task.id,
            claimed: claim.is_some(),
            lease_expires_at: claim.and_then(|claim| claim.lease_expires_at),
            heard_at: task.heard_at,
            session_state: claim.and_then(|claim| claim.session_state),
            due: task.due_date.map(|due| (due, urgency(task))),
        }
    }
}

fn urgency(task: &Task) -> Urgency {
    (task.priority, task.created_at)
}

impl Found {
    /// All of them, in one order: what depends on claims first.
    fn all(&mut self) -> [&mut Places; 6] {
        let Self {
            abandoned_claims,
            silent_holders,
            errored,
            waiting_input,
            overdue,
            looping,
            cut: _,
        } = self;
        [abandoned_claims, silent_holders, errored, waiting_input, overdue, looping]
    }

    /// Leaves so many of each, those that are shown first; of which there are more.
    fn truncate(&mut self, limit: usize) -> [bool; 6] {
        let cut = self.cut;
        let mut has_more = self.all().map(|places| {
            places.sort_unstable();
            let has_more = places.len() > limit;
            places.truncate(limit);
            has_more
        });
        has_more.iter_mut().take(cut).for_each(|more| *more = true);
        has_more
    }

    /// The ids of all, each once.
    fn ids(&mut self) -> Vec<Uuid> {
        let places = self.all().into_iter().flat_map(|places| places.iter());
        let mut ids: Vec<Uuid> = places.map(|(.., task)| task.0).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn show(mut self, has_more: [bool; 6], task: impl Fn(TaskId) -> Option<Task>) -> Attention {
        let mut has_more = has_more.into_iter();
        let buckets = self.all().map(|places| Bucket {
            tasks: places.iter().filter_map(|(.., id)| task(*id)).collect(),
            has_more: has_more.next().unwrap_or_default(),
        });
        let [abandoned_claims, silent_holders, errored, waiting_input, overdue, looping] = buckets;
        Attention { abandoned_claims, silent_holders, errored, waiting_input, overdue, looping }
    }

    fn note(&mut self, look: Look, (rules, now): (FleetRules, Timestamp)) {
        let Look { id, claimed, lease_expires_at, heard_at, session_state, due } = look;
        let heard = heard_at.unwrap_or_default().as_millis();
        if let Some((due, urgency)) = due.filter(|(due, _)| *due < day_of(now)) {
            self.overdue.push((days_of(due), Some(urgency), id));
        }
        if !claimed {
            return;
        }
        if let Some(end) = lease_expires_at.filter(|end| *end <= now) {
            self.abandoned_claims.push((end.as_millis(), None, id));
            return;
        }
        let minutes = match lease_expires_at {
            Some(_) => rules.silent_minutes,
            None => rules.silent_minutes_without_lease,
        };
        if heard <= now.as_millis() - minutes * MINUTE_MS {
            self.silent_holders.push((heard, None, id));
        }
        match session_state {
            Some(SessionState::Errored) => self.errored.push((heard, None, id)),
            Some(SessionState::WaitingInput) => self.waiting_input.push((heard, None, id)),
            Some(SessionState::Working) | None => (),
        }
    }
}

fn look(row: &Row) -> Result<Look, QueryError> {
    let time = |column: &str| {
        let time: Option<jiff::Timestamp> = row.try_get(column)?;
        Ok::<_, QueryError>(time.map(Timestamp::from))
    };
    let due: Option<Date> = row.try_get("due_date")?;
    Ok(Look {
        id: TaskId(row.try_get("task_id")?),
        claimed: row.try_get("claimed")?,
        lease_expires_at: time("lease_expires_at")?,
        heard_at: time("heard_at")?,
        session_state: row.try_get::<_, Option<&str>>("session_state")?.and_then(session_state),
        due: due.map(|due| Ok::<_, QueryError>((due, urgency_in(row)?))).transpose()?,
    })
}

fn session_state(word: &str) -> Option<SessionState> {
    use SessionState::{Errored, WaitingInput, Working};
    [Working, WaitingInput, Errored].into_iter().find(|state| state.word() == word)
}

fn place(row: &Row) -> Result<(i64, Option<Urgency>, TaskId), QueryError> {
    Ok((row.try_get("rank")?, Some(urgency_in(row)?), TaskId(row.try_get("task_id")?)))
}

fn urgency_in(row: &Row) -> Result<Urgency, QueryError> {
    let priority: i16 = row.try_get("priority")?;
    let created_at: jiff::Timestamp = row.try_get("created_at")?;
    Ok((u8::try_from(priority).unwrap_or(u8::MAX), Timestamp::from(created_at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(n: i64) -> Timestamp {
        Timestamp::from_millis(n * MINUTE_MS).unwrap()
    }

    fn held(lease: Option<i64>, heard: i64, session_state: Option<SessionState>) -> Look {
        Look {
            id: TaskId::default(),
            claimed: true,
            lease_expires_at: lease.map(minute),
            heard_at: Some(minute(heard)),
            session_state,
            due: None,
        }
    }

    /// How many stand in each, in the order of [`Found::all`].
    fn noted(look: Look) -> [usize; 6] {
        let mut found = Found::default();
        found.note(look, (FleetRules::default(), minute(100)));
        found.all().map(|places| places.len())
    }

    #[test]
    fn which_claims_need_attention() {
        use SessionState::{Errored, WaitingInput, Working};
        for (look, expected) in [
            (held(Some(101), 99, None), [0, 0, 0, 0, 0, 0]),
            (held(Some(101), 99, Some(Working)), [0, 0, 0, 0, 0, 0]),
            (held(Some(100), 99, Some(Errored)), [1, 0, 0, 0, 0, 0]),
            (held(Some(101), 85, None), [0, 1, 0, 0, 0, 0]),
            (held(Some(101), 86, None), [0, 0, 0, 0, 0, 0]),
            (held(None, 41, None), [0, 0, 0, 0, 0, 0]),
            (held(None, 40, None), [0, 1, 0, 0, 0, 0]),
            (held(Some(101), 99, Some(Errored)), [0, 0, 1, 0, 0, 0]),
            (held(Some(101), 10, Some(WaitingInput)), [0, 1, 0, 1, 0, 0]),
            (Look { claimed: false, ..held(None, 1, None) }, [0, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(noted(look), expected, "{look:?}");
        }
    }

    #[test]
    fn what_is_due_today_is_not_overdue() {
        let due = |day: &str| Look {
            due: Some((day.parse().unwrap(), (1, minute(0)))),
            claimed: false,
            ..held(None, 99, None)
        };
        assert_eq!(noted(due("1970-01-01")), [0; 6]);
        assert_eq!(noted(due("1969-12-31")), [0, 0, 0, 0, 1, 0]);
    }
}
