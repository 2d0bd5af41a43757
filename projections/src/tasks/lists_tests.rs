//! In which lists a task stands.

use baton_domain::task::Claim;

use super::*;

fn agent(n: u128) -> AgentId {
    AgentId(Uuid::from_u128(n))
}

fn task() -> Task {
    Task {
        exists: true,
        created_by: Some(agent(1)),
        labels: vec!["a".into(), "@Data Team".into()],
        ..Task::default()
    }
}

fn claimed_until(end: Option<i64>) -> Task {
    let lease_expires_at = end.and_then(Timestamp::from_millis);
    let claim = Claim {
        by: Some(agent(3)),
        at: Timestamp::default(),
        lease_expires_at,
        session_state: None,
        detail: None,
    };
    Task { status: Status::Claimed, claim: Some(claim), ..task() }
}

/// The rows in lines of the queue.
fn in_lines(task: &Task) -> Vec<(String, i64)> {
    let lists = Entries::of(task).lists;
    lists.into_iter().filter(|(list, _)| list.starts_with('!')).collect()
}

#[test]
fn a_task_stands_in_the_lists_of_its_readers_labels_and_assignee() {
    let one = agent(1).to_string();
    let lists = Entries::of(&task()).lists;
    let lists: Vec<&str> = lists.keys().map(String::as_str).collect();
    let routed = ["!@data-team", "#@Data Team", "#a", "*", "*updated", &one, "=@", "@data-team"];
    assert_eq!(lists, routed);
    assert!(Entries::of(&Task { deleted: true, ..task() }).lists.is_empty());
}

/// What most tasks are: as many rows as they would have without a queue.
#[test]
fn an_open_task_for_anybody_has_no_row_for_the_queue_alone() {
    let one = agent(1).to_string();
    let project = ProjectId(Uuid::from_u128(7));
    let task = Task { labels: vec!["a".into()], project_id: Some(project), ..task() };
    let lists = Entries::of(&task).lists;
    let lists: Vec<&str> = lists.keys().map(String::as_str).collect();
    let of_project = format!("%{project}");
    assert_eq!(lists, [&of_project, "*", "*updated", "+a", &one, "="]);
    let assigned = Task { assigned_to: Some(agent(2)), ..task };
    let lists = Entries::of(&assigned).lists;
    let has = |list: &str| lists.contains_key(list);
    assert!(has("#a") && has(&format!("~{project}")) && has(&format!("={}", agent(2))));
    assert!(!has("+a") && !has("=") && !has("=@") && !has(&of_project));
}

#[test]
fn a_claimed_task_waits_for_the_end_of_its_lease() {
    let line = |name: &str, rank| (name.to_owned(), rank);
    let routed = claimed_until(Some(5));
    assert_eq!(in_lines(&routed), [line("!@data-team", 5)]);
    let assigned = Task { assigned_to: Some(agent(2)), ..routed.clone() };
    assert_eq!(in_lines(&assigned), [line(&format!("!={}", agent(2)), 5)]);
    let for_anybody = Task { labels: vec!["a".into()], ..routed.clone() };
    assert_eq!(in_lines(&for_anybody), [line("!", 5)]);
    assert_eq!(in_lines(&claimed_until(None)), []);
    for status in Status::ALL {
        let is_open = status == Status::Open;
        let waits = in_lines(&Task { status, ..task() });
        assert_eq!(waits, Vec::from_iter(is_open.then(|| line("!@data-team", 0))), "{status}");
        let waits = in_lines(&Task { status, ..routed.clone() });
        let rank = (is_open.then_some(0)).or((status == Status::Claimed).then_some(5));
        assert_eq!(waits, Vec::from_iter(rank.map(|it| line("!@data-team", it))), "{status}");
    }
}

#[test]
fn only_what_changes_is_written() {
    let before = Entries::of(&task());
    assert_eq!(before.difference(&before), (vec![], vec![]));
    let mut other = task();
    other.assigned_to = Some(agent(1));
    let own = format!("={}", agent(1));
    let row = |list, rank| Row { list, rank };
    let other = Entries::of(&other);
    let (gone, come) = before.difference(&other);
    assert_eq!((gone, come), (vec![row("!@data-team", 0), row("=@", 0)], vec![row(&own, 0)]));
    let moved = Entries::of(&Task { status: Status::Blocked, ..task() });
    let (gone, come) = before.difference(&moved);
    assert_eq!((gone.len(), come.len()), (8, 7));
    let updated_at = Timestamp::from_millis(9).unwrap();
    let touched = Entries::of(&Task { updated_at, ..task() });
    let (gone, come) = before.difference(&touched);
    assert_eq!((gone, come), (vec![row("*updated", 0)], vec![row("*updated", -9)]));
}

/// What a heartbeat costs.
#[test]
fn a_longer_lease_moves_one_row() {
    let (before, after) = (claimed_until(Some(5)), claimed_until(Some(6)));
    let (before, after) = (Entries::of(&before), Entries::of(&after));
    let row = |rank| Row { list: "!@data-team", rank };
    assert_eq!(before.difference(&after), (vec![row(5)], vec![row(6)]));
}

#[test]
fn a_completed_task_stands_where_its_completion_was() {
    let completed_at = Timestamp::from_millis(7);
    let task = Task { status: Status::Completed, completed_at, ..task() };
    assert_eq!(Entries::of(&task).lists.get("*completed"), Some(&-7));
}

#[test]
fn what_stands_for_a_list_is_its_own_in_every_account() {
    let all = ["", "=", "a", "ab", "b"];
    let ids: std::collections::BTreeSet<Uuid> =
        all.into_iter().flat_map(|account| all.map(|list| list_id(account, list))).collect();
    assert_eq!(ids.len(), 25);
    // What is in the tables of this version must be found again.
    let known = "d8b96a00-8c39-816c-a931-b8b6773903d1";
    assert_eq!(List::All.id("default").to_string(), known);
    assert_eq!(words_by_code().len(), Status::ALL.len());
    for status in Status::ALL {
        assert_eq!(words_by_code()[usize::try_from(code(status)).unwrap()], status.word());
    }
}
