//! Given events, when a context is written or an entry superseded, then: protocol 0.13 and 1.5.

use serde_json::{Value, json};

use super::*;
use crate::task::{Fence, TaskCommand, Update, given::*};

const ADMIN: u128 = 0xad;

fn merging(patch: &Value, source: ContextSource, expected_version: Option<i64>) -> TaskCommand {
    let patch = object(patch);
    TaskCommand::MergeContext(Box::new(ContextMerge { patch, source, expected_version }))
}

fn inferred(patch: &Value) -> Step {
    by(ADA, merging(patch, ContextSource::AgentInferred, None))
}

fn stated(patch: &Value) -> Step {
    (admin(ADMIN), merging(patch, ContextSource::HumanStated, None))
}

fn superseding(key: &str) -> Step {
    by(ADA, TaskCommand::SupersedeContext { key: key.to_owned() })
}

fn last(task: &Task, key: &str) -> Provenance {
    task.context_provenance[key].clone()
}

const UPDATED: Then<'static> = Ok(&["task.updated"]);

#[test]
fn each_written_key_is_an_entry_with_its_author_and_source() {
    let first = create_with(context(json!({"b": 1, "a": {"x": 1}})));
    let task = given(std::slice::from_ref(&first));
    assert_eq!((task.context_version, task.context_entries), (1, 2));
    let of_creation = |entry| Provenance {
        entry,
        version: 1,
        author: Some(agent(ADA)),
        source: ContextSource::AgentInferred,
        at: at(0),
        superseded_at: None,
    };
    // In the order of the keys.
    assert_eq!((last(&task, "a"), last(&task, "b")), (of_creation(1), of_creation(2)));

    let task = check(&[first], &stated(&json!({"a": {"y": 2}})), UPDATED);
    assert_eq!((task.context_version, task.context_entries), (2, 3));
    let by_admin = Provenance {
        entry: 3,
        version: 2,
        author: Some(agent(ADMIN)),
        source: ContextSource::HumanStated,
        at: at(1),
        superseded_at: None,
    };
    assert_eq!((last(&task, "a"), last(&task, "b")), (by_admin, of_creation(2)));
    let entry = task.context_entry("a").unwrap();
    assert_eq!(entry.value, json!({"x": 1, "y": 2}), "the value after the write");
    let document = entry.document(&account());
    assert_eq!(document.id, format!("{}-3", task_id(1)));
    assert_eq!(document.superseded_by, None);
}

#[test]
fn whatever_writes_the_context_enters_it() {
    let with = || Box::new(crate::task::Finish { changes: context(json!({"k": 2})), ..finish() });
    fn finish() -> crate::task::Finish {
        crate::task::Finish::default()
    }
    let patch = Update { changes: context(json!({"k": 2})), ..Update::default() };
    for (command, event) in [
        (update(patch), "task.updated"),
        (TaskCommand::Complete(with()), "task.completed"),
        (TaskCommand::Fail(with()), "task.failed"),
    ] {
        let first = create_with(context(json!({"k": 1})));
        let task = check(&[first], &by(BOB, command), Ok(&[event]));
        let k = last(&task, "k");
        assert_eq!((k.entry, k.version, k.author), (2, 2, Some(agent(BOB))));
    }
}

#[test]
fn what_is_no_news_is_no_event() {
    let given = || vec![created(), stated(&json!({"k": {"a": 1}}))];
    for (patch, source, then) in [
        (json!({}), ContextSource::HumanStated, NOTHING),
        (json!({"k": {"a": 1}}), ContextSource::HumanStated, NOTHING),
        // Whoever names no source does not say that it was inferred after all.
        (json!({"k": {"a": 1}}), ContextSource::AgentInferred, NOTHING),
        (json!({"k": {"a": 1}}), ContextSource::Imported, UPDATED),
        (json!({"k": {"a": 2}}), ContextSource::AgentInferred, UPDATED),
        (json!({"k": {}, "n": null}), ContextSource::HumanStated, UPDATED),
    ] {
        check(&given(), &(admin(ADMIN), merging(&patch, source, None)), then);
    }
}

#[test]
fn a_version_that_has_moved_on_is_told_with_the_context() {
    let given = || vec![created(), inferred(&json!({"a": 1})), inferred(&json!({"b": 2}))];
    let expecting =
        |version| by(ADA, merging(&json!({"c": 3}), ContextSource::AgentObserved, Some(version)));
    let moved = || {
        let context = object(&json!({"a": 1, "b": 2}));
        Err(TaskRefusal::ContextVersion { version: 2, context })
    };
    for (version, then) in [(0, moved()), (1, moved()), (2, UPDATED), (3, moved())] {
        check(&given(), &expecting(version), then);
    }
    // A new task expects none.
    let first = by(ADA, merging(&json!({"c": 3}), ContextSource::AgentInferred, Some(0)));
    check(&[created()], &first, UPDATED);
}

#[test]
fn only_an_admin_vouches_for_others() {
    let protected = || Err(TaskRefusal::ContextSourceProtected);
    for source in ContextSource::ALL {
        let vouches = matches!(source, ContextSource::HumanStated | ContextSource::Imported);
        let command = merging(&json!({"k": 1}), source, None);
        let then = if vouches { protected() } else { UPDATED };
        check(&[created()], &by(ADA, command.clone()), then);
        check(&[created()], &(admin(ADMIN), command.clone()), UPDATED);
        check(&[created()], &by_project(command), UPDATED);
    }
}

#[test]
fn a_superseded_entry_is_live_no_more_and_its_value_stays() {
    let given = || vec![created(), inferred(&json!({"k": 1, "l": 2}))];
    let none = || Err(TaskRefusal::NoSuch { what: "Context entry" });
    let task = check(&given(), &superseding("k"), Ok(&["task.context_superseded"]));
    assert_eq!((task.context["k"].clone(), task.context_version), (json!(1), 1));
    assert_eq!(last(&task, "k").superseded_at, Some(at(2)));
    assert!(last(&task, "l").is_live());
    assert_eq!((task.updated_at, task.revision), (at(1), 2), "the task shows no change");
    let after = || [given(), vec![superseding("k")]].concat();
    check(&after(), &superseding("k"), none());
    check(&given(), &superseding("never"), none());
    // Who says the same again means it.
    let task = check(&after(), &inferred(&json!({"k": 1})), UPDATED);
    assert_eq!((last(&task, "k").entry, last(&task, "k").superseded_at), (3, None));
}

#[test]
fn a_context_has_its_bounds() {
    let keys = |from: usize, count: usize| {
        let keys = (from..from + count).map(|n| (format!("k{n}"), json!(1)));
        Value::Object(keys.collect())
    };
    let full = || vec![created(), inferred(&keys(0, CONTEXT_KEYS_MAX))];
    let too_many =
        || TaskRefusal::TooLarge { field: "context", max: CONTEXT_KEYS_MAX, unit: "keys" };
    check(&full(), &inferred(&keys(CONTEXT_KEYS_MAX, 1)), Err(too_many()));
    check(&full(), &inferred(&json!({"k0": 2})), UPDATED);
    check(&[created()], &inferred(&keys(0, CONTEXT_KEYS_MAX + 1)), Err(too_many()));
    let long = inferred(&json!({"k": "x".repeat(crate::task::OBJECT_BYTES_MAX)}));
    let too_large = TaskRefusal::TooLarge {
        field: "context",
        max: crate::task::OBJECT_BYTES_MAX,
        unit: "bytes",
    };
    check(&[created()], &long, Err(too_large));
}

/// What a client believes of the rest of the task is not touched by what is thought of an entry.
#[test]
fn superseding_breaks_no_fence() {
    let steps = [created(), inferred(&json!({"k": 1})), superseding("k")];
    let fence = Fence { expected_revision: Some(2), claim_generation: None };
    let patch = Update { changes: content("other"), fence, ..Update::default() };
    check(&steps, &by(ADA, update(patch)), UPDATED);
}
