//! The same answers from tasks in memory, by a look at each: for accounts as they were at some
//! moment, of which no tables are kept.
//!
//! What a filter means is said twice, here and in `sql/filter.sql`; a test holds the two together
//! over random histories. Must not: read anything.

use std::{cmp::Ordering, cmp::Reverse, collections::HashMap};

use baton_domain::{AgentId, Standing, task::Task};
use jiff::civil::Date;

use super::columns::search_text;
use super::filter::{Page, Scope, Sort, TaskFilter};
use super::query::TaskPage;
use super::stats::TaskStats;
use super::tallies::{Counted, Tally};

impl TaskFilter {
    /// The task passes, whoever may read it.
    #[must_use]
    pub fn passes(&self, task: &Task) -> bool {
        let has = |label: &String| task.labels.contains(label);
        let said = || task.claim.as_ref().and_then(|claim| claim.session_state);
        let search = self.search.as_ref().map(|text| text.to_lowercase());
        self.statuses.contains(&task.status)
            && self.assigned_to.is_none_or(|whose| whose.agent() == task.assigned_to)
            && self.created_by.is_none_or(|by| Some(by) == task.created_by)
            && self.parent.is_none_or(|parent| Some(parent) == task.parent)
            && self.project.is_none_or(|project| Some(project) == task.project_id)
            && self.priority.is_none_or(|priority| priority == task.priority)
            && self.labels.iter().all(has)
            && (self.any_label.is_empty() || self.any_label.iter().any(has))
            && self.claimed.is_none_or(|(claimed, now)| task.live_claim(now).is_some() == claimed)
            && self.session_state.is_none_or(|state| said() == Some(state))
            && self.due_from.is_none_or(|from| task.due_date.is_some_and(|due| due >= from))
            && self.due_to.is_none_or(|to| task.due_date.is_some_and(|due| due <= to))
            && search.is_none_or(|text| search_text(task).contains(&text))
    }
}

impl Sort {
    /// Which of two tasks comes first.
    fn order(self, one: &Task, other: &Task) -> Ordering {
        let rank = match self {
            Self::Priority => Ordering::Equal,
            Self::Updated => Reverse(one.updated_at).cmp(&Reverse(other.updated_at)),
            Self::Due => {
                let day = |task: &Task| (task.due_date.is_none(), task.due_date);
                day(one).cmp(&day(other))
            }
            // Of options none is the least.
            Self::Completed => Reverse(one.completed_at).cmp(&Reverse(other.completed_at)),
        };
        let place = |task: &Task| (task.priority, task.created_at, task.id);
        rank.then_with(|| place(one).cmp(&place(other)))
    }
}

impl TaskPage {
    /// A page of those of the tasks that the caller may read and the filter lets pass.
    pub fn of<'a>(
        tasks: impl Iterator<Item = &'a Task>,
        caller: &Standing,
        filter: &TaskFilter,
        page: Page,
    ) -> Self {
        let tasks = tasks.filter(|task| task.is_alive() && filter.passes(task));
        let mut tasks: Vec<&Task> = tasks.filter(|task| task.is_readable_by(caller)).collect();
        tasks.sort_unstable_by(|one, other| page.sort.order(one, other));
        let total = tasks.len();
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let (skip, take) = (size(page.offset), size(page.limit));
        let shown = tasks.into_iter().skip(skip).take(take).cloned();
        Self {
            tasks: shown.collect(),
            has_more: total > skip.saturating_add(take),
            total: (page.scope == Scope::Total).then(|| i64::try_from(total).unwrap_or(i64::MAX)),
        }
    }
}

impl TaskStats {
    /// Counts those of the tasks that the caller may read.
    pub fn of<'a>(tasks: impl Iterator<Item = &'a Task>, caller: &Standing, today: Date) -> Self {
        let mut stats = Self::default();
        let tasks = tasks.filter(|task| task.is_alive() && task.is_readable_by(caller));
        for tally in tasks.flat_map(|task| Counted::of(task).tallies()) {
            stats.count(tally, 1, today);
        }
        stats
    }
}

/// How many unfinished ones of the tasks are assigned to each agent that has any.
pub fn open_task_counts<'a>(tasks: impl Iterator<Item = &'a Task>) -> HashMap<AgentId, i64> {
    let mut counts = HashMap::new();
    for tally in tasks.flat_map(|task| Counted::of(task).tallies()) {
        if let Tally::Assignee(agent) = tally {
            *counts.entry(agent).or_default() += 1;
        }
    }
    counts
}
