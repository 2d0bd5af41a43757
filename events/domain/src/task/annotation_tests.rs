//! Comments, subtasks and links as rows: given a task, when somebody writes one, then events or a
//! refusal.

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::task::{TaskCommand, given::task_id};
use crate::task::{
    View,
    given::{ADA, BOB, NOTHING, Step, account, agent, at, by, by_project, check, created, given},
};

fn annotate(annotation: Annotation) -> TaskCommand {
    TaskCommand::Annotate(Box::new(annotation))
}

fn comment(n: u128) -> Annotation {
    let (content, author) = (format!("comment {n}"), Some("Ada".to_owned()));
    Annotation::Comment(Comment { id: CommentId(Uuid::from_u128(n)), content, author })
}

fn link_to(n: u128, kind: LinkKind, reference: &str, repo: Option<&str>) -> NewLink {
    let (reference, repo) = (reference.to_owned(), repo.map(str::to_owned));
    NewLink { id: LinkId(Uuid::from_u128(n)), kind, reference, repo, url: None }
}

fn link(n: u128) -> Annotation {
    Annotation::Link(link_to(n, LinkKind::Pr, &n.to_string(), Some("acme/site")))
}

fn subtask(n: u128, content: &str) -> Annotation {
    let (id, content) = (SubtaskId(Uuid::from_u128(n)), content.to_owned());
    // The place that a command names is not heard.
    Annotation::AddSubtask(NewSubtask { id, content, completed: false, sort_order: 99 })
}

fn change(n: u128, changes: SubtaskChanges) -> Annotation {
    Annotation::ChangeSubtask(SubtaskId(Uuid::from_u128(n)), changes)
}

fn steps(annotations: impl IntoIterator<Item = Annotation>) -> Vec<Step> {
    let annotated = annotations.into_iter().map(|it| by(ADA, annotate(it)));
    [created()].into_iter().chain(annotated).collect()
}

fn no_such(what: &'static str) -> TaskRefusal {
    TaskRefusal::NoSuch { what }
}

#[test]
fn comments_and_links_stand_beside_the_task_and_subtasks_are_part_of_it() {
    let before = given(&[created()]);
    for (annotation, event, is_beside) in [
        (comment(1), "task.commented", true),
        (link(1), "task.linked", true),
        (subtask(1, "s"), "task.subtask_added", false),
    ] {
        let after = check(&[created()], &by(BOB, annotate(annotation)), Ok(&[event]));
        let change = |task: &Task| (task.revision, task.updated_at, task.updated_by);
        assert_eq!(change(&before) == change(&after), is_beside, "{event}");
        assert_eq!(before.status, after.status);
    }
}

#[test]
fn a_task_knows_which_comments_it_has() {
    let task = given(&steps([comment(1), comment(2)]));
    assert_eq!(task.comments, [1, 2].map(|n| CommentId(Uuid::from_u128(n))));
    assert_eq!(task.commented_at, Some(at(2)));
    let delete = |n| annotate(Annotation::DeleteComment(CommentId(Uuid::from_u128(n))));
    let given = steps([comment(1), comment(2)]);
    let after = check(&given, &by(ADA, delete(1)), Ok(&["task.comment_deleted"]));
    assert_eq!(after.comments, [CommentId(Uuid::from_u128(2))]);
    check(&given, &by(ADA, delete(3)), Err(no_such("Comment")));
    let twice = [given, vec![by(ADA, delete(1))]].concat();
    check(&twice, &by(ADA, delete(1)), Err(no_such("Comment")));
}

#[test]
fn subtasks_are_added_at_the_end_and_moved_by_their_place() {
    let given = steps([subtask(1, "one"), subtask(2, "two")]);
    let task = self::given(&given);
    let places = |task: &Task| task.subtasks.iter().map(|it| it.sort_order).collect::<Vec<_>>();
    assert_eq!(places(&task), [0, 1]);
    let to_the_front = SubtaskChanges { sort_order: Some(-1), ..SubtaskChanges::default() };
    let updated: crate::task::given::Then<'_> = Ok(&["task.subtask_updated"]);
    let after = check(&given, &by(ADA, annotate(change(2, to_the_front))), updated);
    let shown: Vec<String> =
        after.subtask_documents().into_iter().map(|subtask| subtask.content).collect();
    assert_eq!(shown, ["two", "one"]);
    // What it has already is no change; what it has not is refused.
    let same =
        SubtaskChanges { content: Some("one".into()), completed: Some(false), sort_order: Some(0) };
    check(&given, &by(ADA, annotate(change(1, same.clone()))), NOTHING);
    check(&given, &by(ADA, annotate(change(3, same))), Err(no_such("Subtask")));
    let delete = |n| annotate(Annotation::DeleteSubtask(SubtaskId(Uuid::from_u128(n))));
    let after = check(&given, &by(ADA, delete(1)), Ok(&["task.subtask_deleted"]));
    assert_eq!(places(&after), [1]);
    check(&given, &by(ADA, delete(3)), Err(no_such("Subtask")));
}

#[test]
fn a_toggle_goes_to_and_fro() {
    let toggle = || annotate(Annotation::ToggleSubtask(SubtaskId(Uuid::from_u128(1))));
    let mut given = steps([subtask(1, "one")]);
    for completed in [true, false] {
        let after = check(&given, &by(ADA, toggle()), Ok(&["task.subtask_updated"]));
        assert_eq!(after.subtasks[0].completed, completed);
        given.push(by(ADA, toggle()));
    }
    let other = annotate(Annotation::ToggleSubtask(SubtaskId(Uuid::from_u128(2))));
    check(&given, &by(ADA, other), Err(no_such("Subtask")));
}

#[test]
fn an_equal_link_is_there_already() {
    let given = steps([Annotation::Link(link_to(1, LinkKind::Pr, "41", Some("acme/site")))]);
    let linked: crate::task::given::Then<'_> = Ok(&["task.linked"]);
    for (kind, reference, repo, then) in [
        (LinkKind::Pr, "41", Some("acme/site"), NOTHING),
        (LinkKind::Pr, "41", None, linked.clone()),
        (LinkKind::Pr, "42", Some("acme/site"), linked.clone()),
        (LinkKind::Branch, "41", Some("acme/site"), linked),
    ] {
        let link = link_to(2, kind, reference, repo);
        check(&given, &by_project(annotate(Annotation::Link(link))), then);
    }
    // Wherever it is said to be.
    let elsewhere = NewLink {
        url: Some("https://example.com".into()),
        ..link_to(2, LinkKind::Pr, "41", Some("acme/site"))
    };
    check(&given, &by(BOB, annotate(Annotation::Link(elsewhere))), NOTHING);
    let delete = |n| annotate(Annotation::DeleteLink(LinkId(Uuid::from_u128(n))));
    let after = check(&given, &by(ADA, delete(1)), Ok(&["task.link_deleted"]));
    assert_eq!(after.links, []);
    check(&given, &by(ADA, delete(2)), Err(no_such("Link")));
}

#[test]
fn a_task_stays_small() {
    let full = |field, max, unit| TaskRefusal::TooLarge { field, max, unit };
    let many = |of: fn(u128) -> Annotation, n: usize| {
        let mut task = given(&[created()]);
        for n in 0..n {
            let annotation = of(u128::try_from(n).unwrap());
            for event in decide(&task, annotation).unwrap() {
                let envelope = crate::Envelope { at: at(1), actor: crate::Actor::Project };
                task = crate::task::fold(task, &envelope, event);
            }
        }
        decide(&task, of(u128::MAX))
    };
    assert!(many(comment, COMMENTS_MAX - 1).is_ok());
    assert_eq!(many(comment, COMMENTS_MAX), Err(full("comments", COMMENTS_MAX, "entries")));
    assert!(many(link, LINKS_MAX - 1).is_ok());
    assert_eq!(many(link, LINKS_MAX), Err(full("links", LINKS_MAX, "entries")));
    let small = |n| subtask(n, "s");
    assert!(many(small, SUBTASKS_MAX - 1).is_ok());
    assert_eq!(many(small, SUBTASKS_MAX), Err(full("subtasks", SUBTASKS_MAX, "entries")));
    // Few, but long: of 2,000 characters with four bytes each.
    let long = || "\u{1F680}".repeat(2_000);
    let subtasks = |n| subtask(n, &"\u{1F680}".repeat(2_000));
    assert_eq!(many(subtasks, 32), Err(full("subtasks", OBJECT_BYTES_MAX, "bytes")));
    let links = |n: u128| {
        let reference = format!("{n}{}", "\u{1F680}".repeat(2_000));
        Annotation::Link(link_to(n, LinkKind::Url, &reference, None))
    };
    assert_eq!(many(links, 32), Err(full("links", OBJECT_BYTES_MAX, "bytes")));
    let given = steps((0..32).map(|n| subtask(n, &"\u{1F680}".repeat(2_000))));
    let longer = SubtaskChanges { content: Some(long() + &long()), ..SubtaskChanges::default() };
    check(
        &given,
        &by(ADA, annotate(change(1, longer))),
        Err(full("subtasks", OBJECT_BYTES_MAX, "bytes")),
    );
}

#[test]
fn what_hangs_on_a_task_is_shown_where_there_is_room() {
    let task = given(&steps([comment(1), subtask(1, "one"), link(7)]));
    let shown = |view| json!(task.document(&account(), view));
    let plain = shown(View::Plain);
    assert_eq!(plain["subtasks"][0]["content"], "one");
    assert_eq!(plain["subtasks"][0]["task_id"], json!(task_id(1)));
    for name in ["comments", "links"] {
        assert_eq!(plain.get(name), None, "{name}");
    }
    let detail = shown(View::Detail);
    assert_eq!(
        detail["links"],
        json!([{
            "id": LinkId(Uuid::from_u128(7)), "task_id": task_id(1), "kind": "pr",
            "repo": "acme/site", "ref": "7", "url": null, "created_by_agent_id": agent(ADA),
            "created_at": at(3),
        }])
    );
    for view in [View::Message, View::Summary] {
        let shown = shown(view);
        for name in ["subtasks", "comments", "links", "project"] {
            assert_eq!(shown.get(name), None, "{view:?}: {name}");
        }
    }
}
