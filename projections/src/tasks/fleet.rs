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

use super::counts::unfinished;
use super::lists::{List, days_of};
use super::tallies::day_of;
use super::walk::readers_of;
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

/// Where a task is shown, and what is shown first: the least.
type Places = Vec<(i64, TaskId)>;

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
    due: Option<Date>,
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
            found.note(look, (rules, now), !reads_all);
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
        let readers: Vec<String> = readers_of(caller).map(|list| list.to_string()).collect();
        let (account, statuses) = (account.as_str(), unfinished());
        let mut bound = vec![(&account as _, Type::TEXT), (&LOOKED_AT_MAX as _, Type::INT8)];
        let sql = match caller.may(Right::ReadAllTasks) {
            true => CLAIMED,
            false => {
                bound.push((&readers as _, Type::TEXT_ARRAY));
                bound.push((&statuses as _, Type::TEXT_ARRAY));
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
        let readers: Vec<String> = readers_of(caller).map(|list| list.to_string()).collect();
        let readers = (!caller.may(Right::ReadAllTasks)).then_some(readers);
        let (list, statuses) = (list.to_string(), unfinished());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let bound = [
            (&account.as_str() as _, Type::TEXT),
            (&list as _, Type::TEXT),
            (&statuses as _, Type::TEXT_ARRAY),
            (&rank as _, Type::INT8),
            (&readers as _, Type::TEXT_ARRAY),
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
        let cut = found.cut;
        let mut ids: Vec<Uuid> = Vec::new();
        let mut has_more = Vec::new();
        for places in found.all() {
            places.sort_unstable();
            has_more.push(places.len() > limit);
            places.truncate(limit);
            ids.extend(places.iter().map(|(_, task)| task.0));
        }
        ids.sort_unstable();
        ids.dedup();
        let bound = [(&account.as_str() as _, Type::TEXT), (&ids as _, Type::UUID_ARRAY)];
        let mut tasks: HashMap<TaskId, Task> = HashMap::with_capacity(ids.len());
        for row in self.rows(STATES, &bound).await? {
            let task: Task = state(&row)?;
            tasks.insert(task.id, task);
        }
        let mut has_more = has_more.into_iter();
        let mut buckets = found.all().map(|places| Bucket {
            tasks: places.iter().filter_map(|(_, id)| tasks.get(id).cloned()).collect(),
            has_more: has_more.next().unwrap_or_default(),
        });
        buckets.iter_mut().take(cut).for_each(|bucket| bucket.has_more = true);
        let [abandoned_claims, silent_holders, errored, waiting_input, overdue, looping] = buckets;
        Ok(Attention { abandoned_claims, silent_holders, errored, waiting_input, overdue, looping })
    }
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

    fn note(&mut self, look: Look, (rules, now): (FleetRules, Timestamp), with_due: bool) {
        let Look { id, claimed, lease_expires_at, heard_at, session_state, due } = look;
        let heard = heard_at.unwrap_or_default().as_millis();
        if let Some(due) = due.filter(|due| with_due && *due < day_of(now)) {
            self.overdue.push((days_of(due), id));
        }
        if !claimed {
            return;
        }
        if let Some(end) = lease_expires_at.filter(|end| *end <= now) {
            self.abandoned_claims.push((end.as_millis(), id));
            return;
        }
        let minutes = match lease_expires_at {
            Some(_) => rules.silent_minutes,
            None => rules.silent_minutes_without_lease,
        };
        if heard <= now.as_millis() - minutes * MINUTE_MS {
            self.silent_holders.push((heard, id));
        }
        match session_state {
            Some(SessionState::Errored) => self.errored.push((heard, id)),
            Some(SessionState::WaitingInput) => self.waiting_input.push((heard, id)),
            Some(SessionState::Working) | None => (),
        }
    }
}

fn look(row: &Row) -> Result<Look, QueryError> {
    let time = |column: &str| {
        let time: Option<jiff::Timestamp> = row.try_get(column)?;
        Ok::<_, QueryError>(time.map(Timestamp::from))
    };
    Ok(Look {
        id: TaskId(row.try_get("task_id")?),
        claimed: row.try_get("claimed")?,
        lease_expires_at: time("lease_expires_at")?,
        heard_at: time("heard_at")?,
        session_state: row.try_get::<_, Option<&str>>("session_state")?.and_then(session_state),
        due: row.try_get("due_date")?,
    })
}

fn session_state(word: &str) -> Option<SessionState> {
    use SessionState::{Errored, WaitingInput, Working};
    [Working, WaitingInput, Errored].into_iter().find(|state| state.word() == word)
}

fn place(row: &Row) -> Result<(i64, TaskId), QueryError> {
    Ok((row.try_get("rank")?, TaskId(row.try_get("task_id")?)))
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
    fn noted(look: Look, with_due: bool) -> [usize; 6] {
        let mut found = Found::default();
        found.note(look, (FleetRules::default(), minute(100)), with_due);
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
            assert_eq!(noted(look, true), expected, "{look:?}");
        }
    }

    #[test]
    fn what_is_due_today_is_not_overdue() {
        let due = |day: &str| Look {
            due: Some(day.parse().unwrap()),
            claimed: false,
            ..held(None, 99, None)
        };
        assert_eq!(noted(due("1970-01-01"), true), [0; 6]);
        assert_eq!(noted(due("1969-12-31"), true), [0, 0, 0, 0, 1, 0]);
        assert_eq!(noted(due("1969-12-31"), false), [0; 6]);
    }
}
