//! The queue: which tasks a claim may take, by the lists in which they stand.
//!
//! Every lane is walked by key, from a turn on. Must not: decide a claim; what is found here is
//! offered, and the task itself says whether it can still be taken.

use baton_domain::{
    AccountId, TaskId, Timestamp,
    task::{Line, Status, Turn, Wish},
};
use futures_util::future::try_join_all;
use tokio_postgres::Error;
use uuid::Uuid;

use super::lists::{Audience, List, code, ids};
use crate::error::QueryError;
use crate::model::LIVE;
use crate::reads::Reads;
use crate::scope;
use crate::statement::{Tables, Value};

const QUEUE: &str = include_str!("sql/queue.sql");
const QUEUE_LENGTHS: &str = include_str!("sql/queue_lengths.sql");

/// Entries that are counted of a list before it counts as long.
const LENGTH_MAX: i64 = 1_000;

/// The tasks of one line of the queue that a wish is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lane {
    /// Of this line.
    pub line: Line,
    /// Those asked for.
    pub wish: Wish,
}

/// What is asked of a lane.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The lane.
    pub lane: Lane,
    /// After this turn; from the beginning where there is none.
    pub after: Option<Turn>,
}

/// The lists of a lane: one that is walked, and those in which its tasks must stand too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Walked {
    list: List,
    also: Vec<List>,
}

impl Lane {
    /// The lists that together are the open tasks of the lane, and no others.
    fn of_open(&self) -> Vec<List> {
        let narrow = self.narrow();
        let line = match &self.line {
            // What narrows it down holds nothing but tasks for anybody.
            Line::Anybody if !narrow.is_empty() => return narrow,
            Line::Anybody => List::Nobody(Audience::Anybody),
            Line::Agent(agent) => List::Assignee(*agent),
            Line::Route(_) => List::Line(self.line.clone()),
        };
        [vec![line], narrow].concat()
    }

    /// The list of its claimed tasks by the end of their lease, and what narrows it down.
    fn of_claimed(&self) -> Walked {
        Walked { list: List::Line(self.line.clone()), also: self.narrow() }
    }

    /// The lists of all labels that are wanted, and of the project.
    fn narrow(&self) -> Vec<List> {
        let audience = match self.line {
            Line::Anybody => Audience::Anybody,
            Line::Agent(_) | Line::Route(_) => Audience::Somebody,
        };
        let labels = self.wish.labels.iter().map(|label| List::Label(audience, label.clone()));
        let project = self.wish.project_id.map(|project| List::Project(audience, project));
        labels.chain(project).collect()
    }
}

impl Reads {
    /// The first tasks of each of these lanes that a claim may take at `now`, in the order of
    /// their turns, at most `limit` of each.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn queue(
        &self,
        account: &AccountId,
        asks: &[Ask],
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Vec<Turn>>, QueryError> {
        let mut client = self.connection().await?;
        let transaction = client.transaction().await?;
        scope::probing(&transaction).await?;
        let tables = Tables::new(&transaction, LIVE);
        tables.prepare(&[QUEUE]).await?;
        let each = asks.iter().map(|ask| turns(tables, account, ask, (now, limit)));
        let turns = try_join_all(each).await?;
        transaction.commit().await?;
        Ok(turns)
    }
}

async fn turns(
    tables: Tables<'_>,
    account: &AccountId,
    ask: &Ask,
    (now, limit): (Timestamp, i64),
) -> Result<Vec<Turn>, Error> {
    let open = shortest(tables, account, ask.lane.of_open()).await?;
    let claimed = ask.lane.of_claimed();
    let (priority, created_at, id) = match ask.after {
        Some(Turn { priority, created_at, id }) => (i16::from(priority), created_at, id.0),
        // Before every turn there is.
        None => (-1, Timestamp::default(), Uuid::nil()),
    };
    let account = account.as_str();
    let values: [Value<'_>; 11] = [
        &open.list.id(account),
        &ids(account, open.also),
        &claimed.list.id(account),
        &ids(account, claimed.also),
        &priority,
        &created_at.to_jiff(),
        &id,
        &now.as_millis(),
        &code(Status::Open),
        &code(Status::Claimed),
        &limit,
    ];
    let rows = tables.rows(QUEUE, &values).await?;
    let turn = |row: &tokio_postgres::Row| {
        let priority: i16 = row.try_get("priority")?;
        let created_at: jiff::Timestamp = row.try_get("created_at")?;
        Ok(Turn {
            priority: u8::try_from(priority).unwrap_or(u8::MAX),
            created_at: Timestamp::from(created_at),
            id: TaskId(row.try_get("task_id")?),
        })
    };
    rows.iter().map(turn).collect()
}

/// Walks the shortest of the lists; the others are looked into.
async fn shortest(
    tables: Tables<'_>,
    account: &AccountId,
    mut lists: Vec<List>,
) -> Result<Walked, Error> {
    let mut shortest = 0;
    if lists.len() > 1 {
        let listed = ids(account.as_str(), lists.iter().cloned());
        let values: [Value<'_>; 3] = [&listed, &LENGTH_MAX, &code(Status::Open)];
        let rows = tables.rows(QUEUE_LENGTHS, &values).await?;
        let lengths = rows.iter().map(|row| row.try_get::<_, i64>("tasks"));
        let lengths = lengths.collect::<Result<Vec<_>, _>>()?;
        shortest = (0..lengths.len()).min_by_key(|at| lengths[*at]).unwrap_or_default();
    }
    let list = lists.swap_remove(shortest);
    Ok(Walked { list, also: lists })
}

#[cfg(test)]
mod tests {
    use baton_domain::{AgentId, ProjectId};

    use super::*;

    #[test]
    fn a_lane_is_one_list_or_what_several_have_in_common() {
        let agent = AgentId(Uuid::from_u128(1));
        let project = ProjectId(Uuid::from_u128(2));
        let route = || Line::Route("data-team".to_owned());
        let all = Wish::default();
        let some = Wish { labels: ["a".to_owned()].into(), project_id: Some(project) };
        let (for_anybody, for_somebody) = (format!("%{project}"), format!("~{project}"));
        let own = format!("={agent}");
        for (line, wish, open, claimed) in [
            (Line::Anybody, &all, vec!["="], "!"),
            (Line::Anybody, &some, vec!["+a", &for_anybody], "!"),
            (Line::Agent(agent), &all, vec![&*own], &*format!("!{own}")),
            (Line::Agent(agent), &some, vec![&*own, "#a", &for_somebody], &*format!("!{own}")),
            (route(), &all, vec!["!@data-team"], "!@data-team"),
            (route(), &some, vec!["!@data-team", "#a", &for_somebody], "!@data-team"),
        ] {
            let lane = Lane { line, wish: wish.clone() };
            let lists: Vec<String> = lane.of_open().iter().map(List::to_string).collect();
            assert_eq!(lists, open, "{lane:?}");
            assert_eq!(lane.of_claimed().list.to_string(), claimed, "{lane:?}");
            assert_eq!(lane.of_claimed().also.len(), 2 * usize::from(*wish != all), "{lane:?}");
        }
    }
}
