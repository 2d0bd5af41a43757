//! Table tests of the body: protocol 0.1 (content type, empty body), 0.9 (400, 413, 422), 0.10.

use poem::http::Method;
use serde_json::json;

use super::*;
use crate::field::Text;

#[derive(Debug, Default, PartialEq)]
struct Note {
    text: Option<String>,
    count: Option<i64>,
}

impl FromFields for Note {
    type Document = crate::schema::NoFieldsDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        Self {
            text: fields.text("text", Text::up_to(20)).optional(),
            count: fields.integer("count", 0..=9).optional(),
        }
    }
}

fn outcome(bytes: &[u8]) -> Result<Note, (u16, String)> {
    parse::<Note>(bytes)
        .map(|body| body.value)
        .map_err(|problem| (problem.status().as_u16(), problem.detail().to_owned()))
}

fn text(text: &str) -> Result<Note, (u16, &str)> {
    Ok(Note { text: Some(text.to_owned()), count: None })
}

#[test]
fn forms_of_a_body() {
    let nothing = || Ok(Note::default());
    let not_object = || Err((422, "body must be a JSON object"));
    type Row<'a> = (&'a [u8], Result<Note, (u16, &'a str)>);
    let rows: Vec<Row<'_>> = vec![
        (b"", nothing()),
        (b" \r\n\t", nothing()),
        (b"{}", nothing()),
        (b" {\"text\": \"a\"} \n", text("a")),
        (b"{\"text\": \"a\", \"unknown\": {\"x\": [1]}}", text("a")),
        (b"{\"text\": \"a\", \"text\": \"b\"}", text("b")),
        (b"null", not_object()),
        (b"[]", not_object()),
        (b"5", not_object()),
        (b"\"{}\"", not_object()),
        (b"{\"text\": \"a\", \"count\": 10}", Err((422, "count must be an integer from 0 to 9"))),
        (b"{\"text\": \"\\u0000\"}", Err((422, "text must not contain U+0000"))),
        (b"{\"x\": [{\"y\": \"a\\u0000\"}]}", Err((422, "x[0].y must not contain U+0000"))),
        (b"{\"a\\u0000\": 1}", Err((422, "a\\u0000 must not have U+0000 in its name"))),
    ];
    for (bytes, expected) in rows {
        let expected = expected.map_err(|(status, detail)| (status, detail.to_owned()));
        assert_eq!(outcome(bytes), expected, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn malformed_json_is_400_and_is_not_repeated() {
    let deep = "[".repeat(100_000);
    let rows: [&[u8]; 12] = [
        b"{",
        b"{\"text\": }",
        b"{'text': 'dlg_secret'}",
        b"text=dlg_secret",
        b"{} {}",
        b"{\"text\": dlg_secret}",
        b"{\"count\": 1e999}",
        b"{\"count\": NaN}",
        b"{\"count\": 01}",
        b"{\"text\": \"\\ud800\"}",
        b"{\"text\": \"\xff\"}",
        deep.as_bytes(),
    ];
    for bytes in rows {
        let (status, detail) = outcome(bytes).unwrap_err();
        assert_eq!(status, 400, "{detail}");
        assert!(detail.starts_with("The body is not valid JSON: "), "{detail}");
        assert!(!detail.contains("dlg_secret"), "{detail}");
    }
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| {
        format!("{{\"context\": {}{}}}", "[".repeat(depth), "]".repeat(depth)).into_bytes()
    };
    assert!(outcome(&nested(DEPTH_MAX)).is_ok());
    let detail = "context must not nest deeper than 64 levels".to_owned();
    assert_eq!(outcome(&nested(DEPTH_MAX + 1)), Err((422, detail)));
}

#[test]
fn a_flood_of_errors_is_bounded() {
    let many: Vec<_> = (0..10_000).map(|_| "\0").collect();
    let problem = parse::<Note>(json!({"x": many}).to_string().as_bytes()).unwrap_err();
    assert_eq!(problem.status().as_u16(), 422);
    assert!(problem.detail().chars().count() <= 300);
}

#[test]
fn the_digest_tells_bodies_apart() {
    let digest = |bytes: &[u8]| parse::<Note>(bytes).unwrap().digest;
    assert_eq!(digest(b""), digest(b"{}"));
    assert_eq!(digest(b"{\"text\":\"a\"}"), digest(b"{\"text\":\"a\"}"));
    assert_ne!(digest(b"{\"text\":\"a\"}"), digest(b"{\"text\":\"b\"}"));
}

async fn status_of(announced: Option<usize>, sent: usize, bytes_max: usize) -> u16 {
    let mut builder = Request::builder().method(Method::POST).extension(BodyLimit { bytes_max });
    if let Some(bytes) = announced {
        builder = builder.header(CONTENT_LENGTH, bytes);
    }
    let text = format!("{{\"x\":\"{}\"}}", "x".repeat(sent - 8));
    let (request, mut body) = builder.body(text).split();
    match read_bytes(&request, &mut body).await {
        Ok(bytes) => {
            assert_eq!(bytes.len(), sent);
            200
        }
        Err(problem) => problem.status().as_u16(),
    }
}

#[tokio::test]
async fn the_size_limit_holds_with_and_without_an_announced_length() {
    let rows = [
        (None, 1_000, 1_000, 200),
        (None, 1_001, 1_000, 413),
        (Some(1_000), 1_000, 1_000, 200),
        (Some(1_001), 1_001, 1_000, 413),
        (Some(10), 1_001, 1_000, 413),
        (Some(usize::MAX), 10, 1_000, 413),
        (None, BODY_BYTES_MAX, BODY_BYTES_MAX, 200),
        (None, BODY_BYTES_MAX + 1, BODY_BYTES_MAX, 413),
        (None, DRAIN_BYTES_MAX + 1, BODY_BYTES_MAX, 413),
    ];
    for (announced, sent, bytes_max, expected) in rows {
        assert_eq!(status_of(announced, sent, bytes_max).await, expected, "{sent}");
    }
}

#[tokio::test]
async fn any_content_type_or_none_is_taken() {
    let types = [None, Some("application/json"), Some("text/plain"), Some("x"), Some("")];
    for content_type in types {
        let mut builder = Request::builder().method(Method::POST);
        if let Some(content_type) = content_type {
            builder = builder.content_type(content_type);
        }
        let (request, mut body) = builder.body("{\"text\":\"a\"}").split();
        let options = ExtractParamOptions::default();
        let got = Body::<Note>::from_request(&request, &mut body, options).await.unwrap();
        assert_eq!(got.value.text.as_deref(), Some("a"), "{content_type:?}");
    }
}
