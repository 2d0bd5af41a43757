//! One request, read by everything in this crate that reads requests: what the fuzz targets run.
//!
//! It is there with the feature `fuzzing` and in tests only. It panics where a reader breaks a
//! promise; a request that is refused as it should be is fine. It must not need a database.

use std::sync::LazyLock;

use futures_util::FutureExt;
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use poem::{Endpoint, Request, Response, Route, endpoint};
use poem_openapi::types::ParseFromParameter;
use poem_openapi::{ApiExtractor, ExtractParamOptions};
use serde_json::Value;

use crate::body::{self, BodyLimit};
use crate::caller::Origin;
use crate::cors::{DEFAULT_ORIGINS, Origins};
use crate::credential::{AGENT_KEY_PREFIX, Credential};
use crate::edge::{EdgeSettings, edge, routes};
use crate::event_stream::LastEventId;
use crate::path::Id;
use crate::problem::{CONTENT_TYPE, Problem};
use crate::proxy::TrustedProxies;
use crate::rate_limit::Rates;
use crate::request_id::RequestId;
use crate::resources::{read_bodies, read_queries};
use crate::{header, moment, request_id};

/// Small, so that bodies over the limit are tried too.
const BODY_BYTES_MAX: usize = 8_192;

/// A client shows no more of a `detail` (protocol 0.9).
const DETAIL_CHARS_MAX: usize = 300;

/// Reads one request through all layers, in the form in which it stands on the wire: method and
/// address, header lines, an empty line, the body. What has not this form is skipped.
///
/// # Panics
/// Where a reader panics, or an answer is not what the protocol allows.
pub fn read_request(text: &[u8]) {
    static SERVER: LazyLock<BoxEndpoint<'static, Response>> = LazyLock::new(server);
    let Some(request) = parse(text) else {
        return;
    };
    let answer = SERVER.call(request).now_or_never().expect("nothing here waits");
    check_answer(answer.expect("the edge never fails"));
}

fn parse(text: &[u8]) -> Option<Request> {
    let end = text.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&text[..end], &text[end + 2..]),
        None => (text, &b""[..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut first = lines.next()?.splitn(2, |byte| *byte == b' ');
    let method = Method::from_bytes(first.next()?).ok()?;
    let uri = Uri::try_from(first.next()?).ok()?;
    let mut request = Request::builder().method(method).uri(uri).body(body.to_vec());
    for line in lines {
        let at = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..at]).ok()?;
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?;
        request.headers_mut().append(name, value);
    }
    Some(request)
}

fn server() -> BoxEndpoint<'static, Response> {
    let reader = || endpoint::make(read_everything);
    let api = Route::new().at("/:id", reader()).at("/:id/literal", reader()).at("/", reader());
    let settings = EdgeSettings {
        body: BodyLimit { bytes_max: BODY_BYTES_MAX },
        rates: Rates { reads_per_minute: 0, writes_per_minute: 0 },
        origins: Origins::new(DEFAULT_ORIGINS).expect("the default origins are well formed"),
        proxies: TrustedProxies::default(),
    };
    edge(routes(api, Route::new()), settings)
}

/// Answers with the first thing that some reader refuses the request for.
async fn read_everything(mut request: Request) -> poem::Result<Response> {
    let mut body = poem::RequestBody::new(request.take_body());
    let bytes = body::read_bytes(&request, &mut body).await?;
    let pairs = request.params::<Vec<(String, String)>>().unwrap_or_default();
    let mut problems = read_bodies(&bytes);
    problems.extend(read_queries(&pairs));
    problems.extend(read_headers(request.headers()));
    let last_event_id =
        LastEventId::from_request(&request, &mut body, ExtractParamOptions::default()).await;
    read_id(&request);
    pairs.iter().for_each(|(_, text)| read_moments(text));
    if let Ok(body) = serde_json::from_slice(&bytes) {
        read_values(&body);
    }
    problems.iter().for_each(check_problem);
    // Only asked for in order to run.
    let _ = (Origin::of(&request).is_local(), RequestId::of(&request), last_event_id?);
    match problems.into_iter().next() {
        Some(problem) => Err(problem.into()),
        None => Ok(Response::builder().body("read")),
    }
}

fn read_headers(headers: &HeaderMap) -> Vec<Problem> {
    let credential = Credential::of(headers);
    let (shown, secret) = match &credential {
        Credential::AgentKey(secret) => ("AgentKey((secret))", secret.expose()),
        Credential::ProjectToken(secret) => ("ProjectToken((secret))", secret.expose()),
        Credential::User(_) | Credential::None => ("None", ""),
    };
    assert_eq!(format!("{credential:?}"), shown, "a secret is never shown");
    let is_key = secret.starts_with(AGENT_KEY_PREFIX);
    assert!(!is_key || matches!(credential, Credential::AgentKey(_)), "a key is no token");
    assert_eq!(credential.fingerprint().is_none(), credential == Credential::None);
    header::dedup_check(headers);
    let key = header::idempotency_key(headers);
    let position = header::min_position(headers);
    assert!(!matches!(position, Ok(Some(position)) if position < 0));
    [key.err(), position.err()].into_iter().flatten().collect()
}

fn read_id(request: &Request) {
    let Some(text) = request.raw_path_param("id") else {
        return;
    };
    if let Ok(id) = Id::parse_from_parameter(text) {
        assert_eq!(id.as_str(), text, "an id is kept as it is");
    }
}

/// Reads every text as a moment and every number as money.
fn read_values(value: &Value) {
    match value {
        Value::String(text) => read_moments(text),
        Value::Number(number) => {
            let money = moment::money(number.as_f64().unwrap_or_default());
            assert!(money.is_err() || money.is_ok_and(|money| money >= 0));
        }
        Value::Array(items) => items.iter().for_each(read_values),
        Value::Object(members) => members.values().for_each(read_values),
        Value::Null | Value::Bool(_) => (),
    }
}

fn read_moments(text: &str) {
    if let Ok(date) = moment::date(text) {
        assert_eq!(date.to_string(), text, "a date has one spelling");
    }
    if let Ok(time) = moment::time_of_day(text.to_owned()) {
        assert_eq!(time, text, "a time is kept as it is");
    }
    if let Ok(time) = moment::timestamp(text) {
        assert_eq!(time.as_nanosecond() % 1_000_000, 0, "a timestamp is cut to milliseconds");
        let kept = baton_domain::Timestamp::from_millis(time.as_millisecond());
        let again = kept.map(|kept| moment::timestamp(&kept.to_string()));
        assert!(again.is_none_or(|again| again == Ok(time)), "{text} is kept and read again");
    }
}

fn check_problem(problem: &Problem) {
    let status = problem.status();
    assert!(matches!(status.as_u16(), 400 | 422), "{problem:?}");
    let chars = problem.detail().chars().count();
    assert!((1..=DETAIL_CHARS_MAX).contains(&chars), "{chars} characters: {problem:?}");
}

fn check_answer(mut answer: Response) {
    assert!(!answer.status().is_server_error(), "{}", answer.status());
    assert!(answer.headers().contains_key(request_id::HEADER), "every answer has its id");
    let (status, is_problem) = (answer.status(), answer.content_type() == Some(CONTENT_TYPE));
    assert_eq!(is_problem, !status.is_success(), "{status}");
    if !is_problem {
        return;
    }
    let text = answer.take_body().into_vec().now_or_never().expect("it is in memory");
    let body: Value = serde_json::from_slice(&text.expect("it can be read")).expect("it is JSON");
    assert_eq!(body["status"], status.as_u16(), "{body}");
    assert!(body["error"].is_string() && body["error"] == body["detail"], "{body}");
    assert_eq!(body["errors"].is_array(), status == StatusCode::UNPROCESSABLE_ENTITY, "{body}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(text: &str) -> Option<u16> {
        let answer = server().call(parse(text.as_bytes())?).now_or_never().unwrap().unwrap();
        Some(answer.status().as_u16())
    }

    #[test]
    fn requests_reach_the_readers() {
        for (text, status) in [
            ("POST /v1/x\n\n", Some(422)),
            ("POST /api/\n\n{\"content\": \"c\"", Some(400)),
            ("POST /v1/x?limit=0\nX-Agent-Key: dlg_a\n\n{}", Some(422)),
            ("POST /v2/x\n\n{}", Some(404)),
            ("POST /v1/x y\n\n{}", None),
            ("POST /v1/x\nno header\n\n{}", None),
        ] {
            read_request(text.as_bytes());
            assert_eq!(status_of(text), status, "{text}");
        }
        let large = format!("POST /v1/x\n\n{}", " ".repeat(BODY_BYTES_MAX + 1));
        assert_eq!(status_of(&large), Some(413));
    }
}
