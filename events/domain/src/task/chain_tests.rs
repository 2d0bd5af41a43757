//! Chains: what protocol 2.4 and acceptance call A19 say of them.

use serde_json::{Value, json};

use super::*;
use crate::task::{
    Parent, TaskCommand,
    given::{
        ADA, BOB, CY, Step, account, agent, apply, assign, by, create, created, decide, given,
        hand_over, task_id, worker,
    },
};

/// A child with the number `id` of the task `parent`, created by Bob for Cy at that second.
fn child(id: u128, parent: &Task, second: usize) -> Task {
    let parent = Parent {
        parent_id: parent.id,
        root_id: parent.root,
        depth: parent.delegation_depth + 1,
        accountable: parent.accountable,
    };
    let step = by(BOB, create(id, assign(Some(CY)), Some(parent)));
    let events = decide(&Task::default(), &step, second).unwrap();
    apply(Task::default(), events, &step.0, second)
}

/// The chain as JSON, as clients read it.
fn seen(asked: &Task, tasks: &[Task], caller: &Standing) -> Value {
    serde_json::to_value(chain(asked, tasks.to_vec(), caller, &account())).unwrap()
}

/// `from`, `to`, `kind` and `at` of every entry.
fn hops(chain: &Value) -> Vec<[&str; 4]> {
    let entries = chain["chain"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| {
            ["from", "to", "kind", "at"].map(|member| entry[member].as_str().unwrap_or("-"))
        })
        .collect()
}

fn three_hops() -> Vec<Step> {
    vec![created(), by(ADA, hand_over(BOB)), by(BOB, hand_over(CY)), by(CY, hand_over(BOB))]
}

#[test]
fn three_hand_overs_are_three_entries() {
    let task = given(&three_hops());
    let chain = seen(&task, std::slice::from_ref(&task), &worker(ADA));
    let second = |n: usize| format!("2026-03-17T09:00:0{n}.000Z");
    let (first, then, last) = (second(1), second(2), second(3));
    assert_eq!(
        hops(&chain),
        [
            ["ada", "bob", "handover", first.as_str()],
            ["bob", "cy", "handover", then.as_str()],
            ["cy", "bob", "handover", last.as_str()],
        ]
    );
    assert_eq!(chain["task_id"], json!(task.id));
    assert_eq!(chain["root_id"], json!(task.id));
    assert_eq!((&chain["depth"], &chain["total_count"]), (&json!(0), &json!(1)));
    assert_eq!(chain["completed_count"], json!(0));
    assert_eq!(chain["chain"][0]["from_agent_id"], json!(agent(ADA)));
    assert_eq!(chain["chain"][2]["to_agent_id"], json!(agent(BOB)));
    // Every entry is also its task, as it is now.
    for entry in chain["chain"].as_array().unwrap() {
        assert_eq!(entry["id"], json!(task.id));
        assert_eq!(entry["assigned_to"], json!("bob"));
    }
    assert_eq!(chain["root"]["content"], json!("Research"));
}

#[test]
fn a_task_without_hops_is_one_entry() {
    for (assignee, to) in [(None, "-"), (Some(BOB), "bob")] {
        let task = given(&[by(ADA, create(1, assign(assignee), None))]);
        let chain = seen(&task, std::slice::from_ref(&task), &worker(ADA));
        assert_eq!(hops(&chain), [["-", to, "create", "2026-03-17T09:00:00.000Z"]]);
        assert_eq!(chain["chain"][0]["from_agent_id"], Value::Null);
    }
}

#[test]
fn a_chain_covers_the_whole_tree_in_order() {
    let root = given(&[created(), by(ADA, hand_over(BOB))]);
    let later = child(2, &root, 20);
    let sooner = child(3, &root, 10);
    let grandchild = child(4, &later, 5);
    let done = given(&[created(), by(ADA, TaskCommand::Complete(Box::default()))]);
    let sooner = Task { status: done.status, ..sooner };
    // Asked from below, given in any order.
    let tasks = [grandchild.clone(), later, root.clone(), sooner];
    let chain = seen(&grandchild, &tasks, &Standing::project());
    let ids: Vec<&Value> =
        chain["chain"].as_array().unwrap().iter().map(|entry| &entry["id"]).collect();
    let order = [1, 3, 2, 4].map(|n| json!(task_id(n)));
    assert_eq!(ids, order.iter().collect::<Vec<_>>());
    assert_eq!(hops(&chain)[1][..3], ["bob", "cy", "child"]);
    assert_eq!((&chain["task_id"], &chain["root_id"]), (&order[3], &order[0]));
    assert_eq!((&chain["depth"], &chain["total_count"]), (&json!(2), &json!(4)));
    assert_eq!(chain["completed_count"], json!(1));
    assert_eq!(chain["root"]["id"], order[0]);
    assert_eq!(chain["chain"][3]["parent_task_id"], order[2]);
}

#[test]
fn what_the_caller_may_not_read_keeps_its_place_and_its_hops() {
    let root = given(&[created()]);
    let below = child(2, &root, 9);
    let tasks = [root, below.clone()];
    let chain = seen(&below, &tasks, &worker(CY));
    let (hidden, shown) = (&chain["chain"][0], &chain["chain"][1]);
    assert_eq!(hops(&chain)[0][2], "create");
    assert_eq!(shown["content"], json!("Research"));
    let told: Vec<&str> = hidden
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(member, _)| member.as_str())
        .collect();
    assert_eq!(
        told,
        ["at", "completed", "content", "delegation_depth", "id", "kind", "root_task_id", "status"]
    );
    assert_eq!(hidden["content"], json!("[restricted]"));
    assert!(hidden.get("metadata").is_some_and(Value::is_null), "null, not absent");
    assert_eq!(chain["root"]["content"], json!("[restricted]"));
    assert_eq!((&chain["total_count"], &chain["depth"]), (&json!(2), &json!(1)));
    // Who created the root reads both: the accountable agent is a reader of the child.
    assert_eq!(seen(&below, &tasks, &worker(ADA))["chain"][1]["content"], json!("Research"));
}

#[test]
fn a_deleted_root_stays_in_the_chain() {
    let root = given(&[created(), by(ADA, TaskCommand::Delete)]);
    let below = child(2, &root, 9);
    let chain = seen(&below, &[below.clone(), root], &worker(ADA));
    assert_eq!(chain["root"]["content"], json!("Research"));
    assert_eq!(hops(&chain).len(), 2);
    assert_eq!(chain["total_count"], json!(2));
}

#[test]
fn counts_are_of_tasks_and_not_of_hops() {
    let steps = [three_hops(), vec![by(ADA, TaskCommand::Complete(Box::default()))]].concat();
    let task = given(&steps);
    let chain = seen(&task, std::slice::from_ref(&task), &worker(ADA));
    assert_eq!(hops(&chain).len(), 3);
    assert_eq!((&chain["completed_count"], &chain["total_count"]), (&json!(1), &json!(1)));
    assert_eq!(chain["chain"][0]["completed"], json!(true));
}
