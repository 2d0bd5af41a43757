//! Requests through all layers: successes, every kind of failure, spellings of path and query.

use poem::http::{Method, StatusCode};
use poem::{Endpoint, Request};
use serde_json::json;

use super::{call, send, server};
use crate::rate_limit::Rates;

#[tokio::test]
async fn a_success_with_all_its_headers() {
    let request = call(Method::POST, "/v1/notes")
        .header("Idempotency-Key", "k-1")
        .header("X-Dedup-Check", "yes")
        .body(r#"{"content": " a ", "labels": "x, @y", "assigned_to": 7, "unknown": [1]}"#);
    let answer = send(request).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.response.content_type(), Some("application/json"));
    assert_eq!(answer.response.header("Baton-Position"), Some("7"));
    assert!(answer.response.header("X-Request-Id").is_some());
    for (name, value) in [
        ("by", json!("writer")),
        ("content", json!(" a ")),
        ("priority", json!(2)),
        ("labels", json!(["x", "@y"])),
        ("assigned_to", json!("7")),
        ("key", json!("k-1")),
        ("dedup", json!(true)),
    ] {
        assert_eq!(answer.body[name], value, "{name}");
    }
}

#[tokio::test]
async fn both_prefixes_and_a_trailing_slash_are_the_same_resource() {
    let mut hashes = Vec::new();
    for path in ["/v1/notes", "/v1/notes/", "/api/notes", "/api/notes/"] {
        let answer = send(call(Method::POST, path).body(r#"{"content": "a"}"#)).await;
        assert_eq!(answer.status, 201, "{path}");
        hashes.push(answer.body["hash"].clone());
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 1, "the request hash does not depend on the spelling of the path");
}

#[tokio::test]
async fn bodies_with_every_kind_of_content_type_and_none() {
    for content_type in [None, Some("application/json"), Some("text/plain"), Some("nonsense")] {
        for (path, body, status) in [
            ("/v1/notes/1/done", "", 200),
            ("/v1/notes/1/done", "{}", 200),
            ("/v1/notes/1/done", r#"{"anything": 1}"#, 200),
            ("/v1/notes", r#"{"content": "a"}"#, 201),
            ("/v1/notes", "", 422),
        ] {
            let mut builder = call(Method::POST, path);
            if let Some(content_type) = content_type {
                builder = builder.content_type(content_type);
            }
            assert_eq!(send(builder.body(body)).await.status, status, "{content_type:?} {body}");
        }
    }
}

/// Every way a request can be wrong, with the row of protocol 0.9 it belongs to.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn every_error_leaves_as_a_problem() {
    let get = |path: &str| call(Method::GET, path).finish();
    let post = |body: &str| call(Method::POST, "/v1/notes").body(body.to_owned());
    let anonymous = |method, path: &str| Request::builder().method(method).uri_str(path).finish();
    let with = |name: &str, value: &str| {
        let builder = Request::builder().uri_str("/v1/notes").header(name, value);
        builder.finish()
    };
    let key = |key: &str| {
        call(Method::POST, "/v1/notes").header("Idempotency-Key", key).body(r#"{"content":"a"}"#)
    };
    let large = format!(r#"{{"content": "{}"}}"#, "x".repeat(1_000));
    let rows = [
        (anonymous(Method::GET, "/v1/notes"), 401, "A valid agent key"),
        (with("Authorization", "Bearer wrong"), 401, "A valid agent key"),
        (with("Authorization", "Basic dG9rZW4="), 401, "A valid agent key"),
        (with("X-Agent-Key", "dlg_wrong"), 401, "A valid agent key"),
        (get("/v1/notes/missing"), 404, "Note not found"),
        (get("/v1/nothing"), 404, "Nothing is served"),
        (get("/v2/notes"), 404, "Nothing is served"),
        (get("/"), 404, "Nothing is served"),
        (get("/v1"), 404, "Nothing is served"),
        (get("/v1/notes/%FF"), 404, "Resource not found"),
        (get("/v1/notes/a%00b"), 404, "Resource not found"),
        (call(Method::PUT, "/v1/notes").finish(), 405, "PUT is not offered"),
        (call(Method::TRACE, "/v1/notes").finish(), 405, "TRACE is not offered"),
        (call(Method::OPTIONS, "/v1/notes").finish(), 405, "OPTIONS is not offered"),
        (post("{"), 400, "The body is not valid JSON"),
        (post("content=a"), 400, "The body is not valid JSON"),
        (post("[]"), 422, "body must be a JSON object"),
        (post("null"), 422, "body must be a JSON object"),
        (post("{}"), 422, "content is required"),
        (post(r#"{"content": null}"#), 422, "content is required"),
        (post(r#"{"content": "  "}"#), 422, "content must not be blank"),
        (post(r#"{"content": "12345678901"}"#), 422, "content must be at most 10"),
        (post(r#"{"content": 5}"#), 422, "content must be a string"),
        (post(r#"{"content": "a", "priority": 6}"#), 422, "priority must be an integer from"),
        (post(r#"{"content": "a", "priority": "5"}"#), 422, "priority must be an integer from"),
        (post(r#"{"content": "a", "priority": 1.5}"#), 422, "priority must be an integer from"),
        (post(r#"{"content": "a", "x": "\u0000"}"#), 422, "x must not contain U+0000"),
        (post(&large), 413, "The body is larger than 1000 bytes"),
        (key(""), 422, "Idempotency-Key must be"),
        (key(&"k".repeat(256)), 422, "Idempotency-Key must be"),
        (get("/v1/notes?completed=maybe"), 422, "completed must be true or false"),
        (get("/v1/notes?limit=0"), 422, "limit must be an integer from 1 to 1000"),
        (get("/v1/notes/internal"), 500, "The server could not handle the request"),
        (get("/v1/notes/panic"), 500, "The server could not handle the request"),
    ];
    for (request, status, detail) in rows {
        let path = request.uri().path().to_owned();
        let what = format!("{} {path}: {detail}", request.method());
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        let content_type = answer.response.content_type();
        assert_eq!(content_type, Some("application/problem+json"), "{what}");
        assert!(answer.body["detail"].as_str().unwrap().starts_with(detail), "{what}");
        assert_eq!(answer.body["error"], answer.body["detail"], "{what}");
        assert_eq!(answer.body["status"], status, "{what}");
        assert_eq!(answer.body["instance"], path, "{what}");
        assert_eq!(answer.body["errors"].is_array(), status == 422, "{what}");
        assert!(answer.response.header("X-Request-Id").is_some(), "{what}");
        assert!(!answer.text.contains("dlg_writer"), "{what}");
        let challenge = answer.response.header("WWW-Authenticate");
        assert_eq!(challenge, (status == 401).then_some("Bearer"), "{what}");
    }
}

#[tokio::test]
async fn all_wrong_fields_come_in_one_answer() {
    let body = r#"{"priority": "high", "labels": ["a", 5, ""], "assigned_to": true}"#;
    let answer = send(call(Method::POST, "/v1/notes").body(body)).await;
    let fields: Vec<_> =
        answer.body["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
    assert_eq!(fields, ["content", "priority", "labels[1]", "labels[2]", "assigned_to"]);
    let answer = send(call(Method::GET, "/v1/notes?completed=x&limit=x&offset=-1").finish()).await;
    let fields: Vec<_> =
        answer.body["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
    assert_eq!(fields, ["completed", "limit", "offset"]);
}

#[tokio::test]
async fn a_caller_comes_before_everything_else() {
    let request = Request::builder().method(Method::POST).uri_str("/v1/notes").body("{");
    assert_eq!(send(request).await.status, 401);
}

#[tokio::test]
async fn queries_ids_and_literal_segments() {
    let answer = send(
        call(Method::GET, "/v1/notes?completed=True&labels=a&labels=b,c&x=1&limit=3").finish(),
    );
    assert_eq!(answer.await.body, json!(["writer", true, ["a", "b", "c"], 3, 0]));
    for (path, id) in [
        ("/v1/notes/42", "42"),
        ("/v1/notes/my%20agent", "my agent"),
        ("/v1/notes/a%2Fb", "a/b"),
        ("/v1/notes/%C3%A4/", "ä"),
        ("/v1/notes/%zz", "%zz"),
    ] {
        let answer = send(call(Method::GET, path).header("Baton-Min-Position", "3").finish()).await;
        assert_eq!(answer.body, json!({"id": id, "min": 3}), "{path}");
    }
    let answer = send(call(Method::POST, "/v1/notes/search").finish()).await;
    assert_eq!(answer.body, json!({"search": "writer", "key": null}));
    // A literal segment wins over an id, but does not swallow ids that start like it.
    assert_eq!(send(call(Method::GET, "/v1/notes/search").finish()).await.status, 405);
    for id in ["searching", "sea", "s"] {
        let answer = send(call(Method::GET, &format!("/v1/notes/{id}")).finish()).await;
        assert_eq!(answer.body["id"], id);
    }
    // An empty segment is not skipped: this is neither the list nor a literal.
    assert_eq!(send(call(Method::POST, "/v1/notes//done").finish()).await.status, 404);
    assert_eq!(send(call(Method::POST, "/v1//notes").finish()).await.status, 404);
}

#[tokio::test]
async fn an_open_operation_refuses_a_wrong_credential_but_not_a_missing_one() {
    let request = |key: Option<&str>| {
        let builder = Request::builder().method(Method::POST).uri_str("/v1/notes/search");
        let builder = builder.header("Idempotency-Key", "again");
        match key {
            Some(key) => builder.header("X-Agent-Key", key).finish(),
            None => builder.finish(),
        }
    };
    // An answer to nobody is nobody's to ask for again.
    let nobody = json!({"search": "nobody", "key": null});
    assert_eq!(send(request(None)).await.body, nobody);
    let writer = json!({"search": "writer", "key": "again"});
    assert_eq!(send(request(Some("dlg_writer"))).await.body, writer);
    assert_eq!(send(request(Some("dlg_wrong"))).await.status, 401);
}

#[tokio::test]
async fn no_content_head_and_cors() {
    let answer = send(call(Method::DELETE, "/v1/notes/1").finish()).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(answer.response.header("Baton-Position"), Some("9"));

    let answer = send(call(Method::HEAD, "/v1/notes/1").finish()).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));

    let origin = "http://localhost:5173";
    let answer = send(call(Method::GET, "/v1/notes/missing").header("Origin", origin).finish());
    let answer = answer.await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.response.content_type(), Some("application/problem+json"));
    assert_eq!(answer.body["detail"], "Note not found");
    assert_eq!(answer.response.header("Access-Control-Allow-Origin"), Some(origin));
}

#[tokio::test]
async fn over_the_rate_is_a_problem_with_retry_after() {
    let server = server(Rates { reads_per_minute: 1, writes_per_minute: 1 });
    let get = || call(Method::GET, "/v1/notes/1").finish();
    assert_eq!(server.call(get()).await.unwrap().status(), StatusCode::OK);
    let response = server.call(get()).await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.content_type(), Some("application/problem+json"));
    assert!(response.header("Retry-After").is_some());
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let rows = [
        (Method::PUT, "/v1/notes", Some("GET, HEAD, POST")),
        (Method::PATCH, "/api/notes/1", Some("DELETE, GET, HEAD")),
        (Method::GET, "/v1/notes/1/done", Some("POST")),
        (Method::GET, "/v1/notes/search/", Some("POST")),
    ];
    for (method, path, allow) in rows {
        let answer = send(call(method, path).finish()).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.response.header("Allow"), allow, "{path}");
    }
}
