//! Table tests of the field readers: every form of protocol 0.3, 0.4, 0.9 and 0.10 they decide.

use serde_json::json;

use super::*;
use crate::field::Patch;
use crate::problem::Problem;

/// Reads `body` and returns the value, or the status and the errors as `field message`.
fn read<T>(body: Value, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, (u16, String)> {
    let Value::Object(map) = body else { panic!("a test body is an object") };
    let mut report = Report::default();
    let value = read(&mut Fields::new(map, &mut report));
    let told = |problem: Problem| (problem.status().as_u16(), problem.detail().to_owned());
    report.finish().map(|()| value).map_err(told)
}

fn wrong<T>(detail: &str) -> Result<T, (u16, String)> {
    Err((422, detail.to_owned()))
}

#[test]
fn texts_are_strings_and_never_trimmed() {
    let rule = Text::filled(4);
    let rows = [
        (json!({"t": "abcd"}), Ok("abcd")),
        (json!({"t": "  a "}), Ok("  a ")),
        (json!({}), wrong("t is required")),
        (json!({"t": null}), wrong("t is required")),
        (json!({"t": ""}), wrong("t must not be blank")),
        (json!({"t": "  "}), wrong("t must not be blank")),
        (json!({"t": "abcde"}), wrong("t must be at most 4 characters")),
        (json!({"t": 5}), wrong("t must be a string")),
        (json!({"t": true}), wrong("t must be a string")),
        (json!({"t": ["a"]}), wrong("t must be a string")),
    ];
    for (body, expected) in rows {
        let got = read(body.clone(), |f| f.text("t", rule).required());
        assert_eq!(got, expected.map(str::to_owned), "{body}");
    }
}

#[test]
fn the_first_alias_with_a_value_wins() {
    let rows = [
        (json!({"content": "a", "title": "b"}), Ok(Some("a"))),
        (json!({"title": "b"}), Ok(Some("b"))),
        (json!({"content": null, "title": "b"}), Ok(Some("b"))),
        (json!({"content": "a", "title": 5}), Ok(Some("a"))),
        (json!({"title": null}), Ok(None)),
        (json!({"title": 5}), wrong("title must be a string")),
    ];
    for (body, expected) in rows {
        let got = read(body.clone(), |f| f.text(["content", "title"], Text::filled(9)).optional());
        assert_eq!(got, expected.map(|text| text.map(str::to_owned)), "{body}");
    }
    let missing = read(json!({}), |f| f.text(["content", "title"], Text::filled(9)).required());
    assert_eq!(missing, wrong("content is required"));
}

#[test]
fn ids_and_agents_accept_whole_numbers() {
    let message = "a must be a string or a whole number";
    let rows = [
        (json!({"a": "x-1"}), Ok("x-1")),
        (json!({"a": 42}), Ok("42")),
        (json!({"a": -1}), Ok("-1")),
        (json!({"a": u64::MAX}), Ok("18446744073709551615")),
        (json!({"a": 1.5}), wrong(message)),
        (json!({"a": true}), wrong(message)),
        (json!({"a": {}}), wrong(message)),
        (json!({"a": ""}), wrong("a must not be blank")),
    ];
    for (body, expected) in rows {
        let expected = expected.map(str::to_owned);
        assert_eq!(read(body.clone(), |f| f.agent("a").required()), expected, "{body}");
        assert_eq!(read(body, |f| f.id("a").required()), expected);
    }
}

#[test]
fn integers_are_whole_numbers_in_range() {
    let message = "n must be an integer from 1 to 5";
    let rows = [
        (json!(1), Ok(1)),
        (json!(5), Ok(5)),
        (json!(2.0), Ok(2)),
        (json!(0), wrong(message)),
        (json!(6), wrong(message)),
        (json!(1.5), wrong(message)),
        (json!("5"), wrong(message)),
        (json!(true), wrong(message)),
        (json!([1]), wrong(message)),
        (json!(u64::MAX), wrong(message)),
        (json!(1e300), wrong(message)),
    ];
    for (value, expected) in rows {
        let got = read(json!({"n": value}), |f| f.integer("n", 1..=5).required());
        assert_eq!(got, expected, "{value}");
    }
    let all = i64::MIN..=i64::MAX;
    for value in [i64::MIN, -1, 0, i64::MAX] {
        let got = read(json!({"n": value}), |f| f.integer("n", all.clone()).required());
        assert_eq!(got, Ok(value));
    }
}

#[test]
fn numbers_and_money() {
    let number = |value: Value| read(json!({"n": value}), |f| f.number("n", 0.0..=1.0).required());
    assert_eq!(number(json!(0.6)), Ok(0.6));
    assert_eq!(number(json!(1)), Ok(1.0));
    assert_eq!(number(json!(1.01)), wrong("n must be a number from 0 to 1"));
    assert_eq!(number(json!("0.6")), wrong("n must be a number from 0 to 1"));

    let money = |value: Value| read(json!({"n": value}), |f| f.money("n").required());
    assert_eq!(money(json!(0.1)), Ok(100_000));
    assert_eq!(money(json!(3)), Ok(3_000_000));
    assert_eq!(money(json!("3")), wrong("n must be a number"));
    assert_eq!(money(json!(-1)), wrong("n must be a number from 0 to 1000000000"));
}

#[test]
fn booleans_are_json_booleans() {
    let rows = [
        (json!(true), Ok(true)),
        (json!(false), Ok(false)),
        (json!("true"), wrong("b must be a boolean")),
        (json!(1), wrong("b must be a boolean")),
        (json!("yes"), wrong("b must be a boolean")),
    ];
    for (value, expected) in rows {
        assert_eq!(read(json!({"b": value}), |f| f.boolean("b").required()), expected, "{value}");
    }
    assert_eq!(read(json!({}), |f| f.boolean("b").or(true)), Ok(true));
}

#[test]
fn choices_know_aliases_and_list_the_words() {
    let words = [("open", 1), ("pending", 1), ("completed", 2), ("done", 2)];
    let message = "s must be one of open, pending, completed, done";
    let rows = [
        (json!("pending"), Ok(1)),
        (json!("done"), Ok(2)),
        (json!("Done"), wrong(message)),
        (json!(""), wrong(message)),
        (json!(2), wrong("s must be a string")),
    ];
    for (value, expected) in rows {
        let got = read(json!({"s": value}), |f| f.choice("s", &words).required());
        assert_eq!(got, expected, "{value}");
    }
}

#[test]
fn moments_are_read_from_strings() {
    let body = json!({
        "due_date": "2026-03-17", "due_time": "09:30", "reminder_time": "2026-03-17T11:00:00+01:00",
    });
    let got = read(body, |f| {
        (
            f.date("due_date").required().to_string(),
            f.time_of_day("due_time").required(),
            f.timestamp("reminder_time").required().to_string(),
        )
    });
    let expected = ("2026-03-17".into(), "09:30".into(), "2026-03-17T10:00:00Z".into());
    assert_eq!(got, Ok(expected));

    let body = json!({"d": 20260317, "t": 930, "m": 0});
    let got = read(body, |f| {
        f.date("d").optional();
        f.time_of_day("t").optional();
        f.timestamp("m").optional();
    });
    assert_eq!(got, wrong("d must be a string; t must be a string; m must be a string"));
}

#[test]
fn lists_in_their_shapes() {
    let rule = |shape| ListRule { shape, items_max: 3, item: Text::filled(4) };
    let rows = [
        (Shape::Array, json!(["a", "b"]), Ok(vec!["a", "b"])),
        (Shape::Array, json!([]), Ok(vec![])),
        (Shape::Array, json!("a,b"), wrong("l must be an array")),
        (Shape::ArrayOrCommas, json!("a, b,,c "), Ok(vec!["a", "b", "c"])),
        (Shape::ArrayOrCommas, json!(""), Ok(vec![])),
        (Shape::ArrayOrCommas, json!(["a,b"]), Ok(vec!["a,b"])),
        (Shape::ArrayOrOne, json!("a,b"), Ok(vec!["a,b"])),
        (
            Shape::Array,
            json!(["a", 5, "abcde"]),
            wrong("l[1] must be a string; l[2] must be at most 4 characters"),
        ),
        (Shape::Array, json!([" "]), wrong("l[0] must not be blank")),
        (Shape::Array, json!([null]), wrong("l[0] must be a string")),
        (Shape::ArrayOrCommas, json!("a,b,c,d"), wrong("l must have at most 3 items")),
        (Shape::Array, json!({"0": "a"}), wrong("l must be an array")),
        (Shape::ArrayOrCommas, json!(5), wrong("l must be an array")),
    ];
    for (shape, value, expected) in rows {
        let got = read(json!({"l": value}), |f| f.texts("l", rule(shape)).required());
        let expected = expected.map(|list| list.into_iter().map(str::to_owned).collect());
        assert_eq!(got, expected, "{shape:?} {value}");
    }
    let got = read(json!({"l": ["x", 7]}), |f| f.ids("l", rule(Shape::Array)).required());
    assert_eq!(got, Ok(vec!["x".to_owned(), "7".to_owned()]));
}

#[test]
fn objects_have_a_byte_limit() {
    // {"k":"…"} is eight bytes longer than the text in it.
    let of_bytes = |bytes: usize| json!({"m": {"k": "x".repeat(bytes - 8)}});
    let object = |body| read(body, |f| f.object("m").required().len());
    assert_eq!(object(of_bytes(OBJECT_BYTES_MAX)), Ok(1));
    let over = of_bytes(OBJECT_BYTES_MAX + 1);
    assert_eq!(object(over), wrong("m must be at most 262144 bytes"));
    assert_eq!(object(json!({"m": []})), wrong("m must be an object"));
    assert_eq!(object(json!({"m": "{}"})), wrong("m must be an object"));
}

#[test]
fn nested_errors_carry_the_path() {
    let body = json!({"evidence": [{"ref": "a"}, {"ref": 5}, "x", {}], "usage": {"mode": 1}});
    let got = read(body, |f| {
        f.nested_list("evidence", 5, |item| item.text("ref", Text::filled(9)).required())
            .optional();
        f.nested("usage", |usage| usage.choice("mode", &[("add", ())]).optional()).optional();
        f.nested("other", |_| ()).optional();
    });
    let detail = "evidence[1].ref must be a string; evidence[2] must be an object; \
                  evidence[3].ref is required; usage.mode must be a string";
    assert_eq!(got, wrong(detail));

    let long = json!({"e": [{}, {}]});
    let got = read(long, |f| f.nested_list("e", 1, |_| ()).optional());
    assert_eq!(got, wrong("e must have at most 1 items"));
    let got = read(json!({"u": 5}), |f| f.nested("u", |_| ()).optional());
    assert_eq!(got, wrong("u must be an object"));
}

#[test]
fn every_wrong_field_is_reported() {
    let got = read(json!({"priority": "high", "labels": 5}), |f| {
        f.text("content", Text::filled(9)).required();
        f.integer("priority", 1..=5).or(2);
        let item = Text::filled(100);
        f.texts("labels", ListRule { shape: Shape::Array, items_max: 50, item }).optional();
        f.wrong("role", "cannot be given together with permissions");
    });
    let detail = "content is required; priority must be an integer from 1 to 5; \
                  labels must be an array; role cannot be given together with permissions";
    assert_eq!(got, wrong(detail));
}

#[test]
fn a_partial_update_tells_absent_null_and_value_apart() {
    let patch = |body: Value| {
        read(body, |f| f.text("description", Text::up_to(9)).patch()).expect("nothing is wrong")
    };
    assert_eq!(patch(json!({})), Patch::Keep);
    assert_eq!(patch(json!({"description": null})), Patch::Clear);
    assert_eq!(patch(json!({"description": ""})), Patch::Set(String::new()));
    let null = read(json!({"content": null}), |f| f.text("content", Text::filled(9)).change());
    assert_eq!(null, wrong("content must not be null"));
}

#[test]
fn chain_fields_are_refused_with_400() {
    let rows = [
        (json!({"root_task_id": "x"}), Some("root_task_id")),
        (json!({"root_task_id": null}), Some("root_task_id")),
        (json!({"delegation_depth": 0}), None),
        (json!({"delegation_depth": null}), None),
        (json!({"delegation_depth": 1}), Some("delegation_depth")),
        (json!({"delegation_depth": "0"}), Some("delegation_depth")),
        (json!({"parent_task_id": "x"}), None),
    ];
    for (body, refused) in rows {
        let got = read(body.clone(), |f| f.refuse_chain_fields());
        assert_eq!(got, refused.map_or(Ok(()), |name| Err(kept(name))), "{body}");
    }
}

#[test]
fn what_the_server_keeps_is_read_and_not_set() {
    let depth = |body| read(body, |f| f.kept("delegation_depth", integer));
    assert_eq!(depth(json!({})), Ok(None));
    assert_eq!(depth(json!({"delegation_depth": null})), Ok(Some(None)));
    assert_eq!(depth(json!({"delegation_depth": 1})), Ok(Some(Some(1))));
    for wrong in [json!("1"), json!(1.5), json!([])] {
        let refused = depth(json!({ "delegation_depth": wrong }));
        assert_eq!(refused, Err(kept("delegation_depth")));
    }
}

fn kept(name: &str) -> (u16, String) {
    (400, format!("{name} is kept by the server and cannot be set"))
}
