//! What the targets begin with: the golden files of the domain as lines of a history, and requests
//! with all their fields.

use std::{fs, io, sync::LazyLock};

use serde_json::{Value, json};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/domain/tests/golden");
const AGENT: &str = "agent:0198f000-0000-7000-8000-00000000000b";

/// One line for each stored form of an event that there ever was.
///
/// # Panics
/// Where the golden files cannot be read.
pub static EVENTS: LazyLock<Vec<String>> =
    LazyLock::new(|| golden_lines().expect("the golden files lie beside the domain"));

/// Requests that between them have every field, parameter and header.
pub static REQUESTS: LazyLock<Vec<String>> = LazyLock::new(requests);

fn golden_lines() -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(GOLDEN)? {
        let golden: Value = serde_json::from_slice(&fs::read(entry?.path())?)?;
        let event_type = golden["event_type"].as_str().unwrap_or_default();
        let version = &golden["schema_version"];
        let payload = &golden["payload"];
        lines.push(format!("{event_type} {version} 1773741600000 {AGENT} {payload}"));
    }
    // The same order on every machine: a seed repeats a run.
    lines.sort();
    Ok(lines)
}

fn requests() -> Vec<String> {
    let key = format!("X-Agent-Key: dlg_{}", "a".repeat(43));
    let id = "0198f0000000700080000000000000aa";
    let task = json!({
        "content": "Write", "title": "Write", "description": "d", "priority": 1,
        "labels": ["a", "@writer"], "tags": "a,b", "due_date": "2026-03-17", "due_time": "10:00",
        "reminder_time": "2026-03-17T10:00:00+01:00", "assigned_to": "writer",
        "assigned_to_agent_id": 7, "parent_task_id": id, "project_id": "p", "epic_id": "e",
        "metadata": {"a": [1, {"b": null}]}, "context": {"a": {"b": 1.5}},
        "evidence_policy": "required", "depends_on": [id], "workflow_slug": "w",
        "estimated_tokens": 5, "requirements": {"gpu": true}, "max_retries": 2,
        "recurring_type": "week", "recurring_interval": 2, "recurring_string": "weekly",
        "is_recurring": true, "delegation_depth": 0, "agent_id": "writer", "note": "n",
    });
    let update = json!({
        "status": "done", "completed": true, "execution_id": "run", "result_summary": null,
        "error_message": "e", "notes": ["n"], "expected_revision": 1, "claim_generation": 0,
        "evidence": [{"kind": "pr", "ref": "r", "summary": "s"}], "depends_on": "a,b",
        "labels": null, "reason": "r", "lease_seconds": 60, "state": "working", "detail": "d",
        "handoff": "h",
    });
    let agent = json!({
        "name": "writer", "label": "@w", "display_name": "W", "description": null,
        "role": "coordinator", "permissions": ["tasks.read_all"], "is_admin": false,
        "active": true,
    });
    let webhook = json!({
        "url": "https://example.com/hook", "events": ["task.completed", "*"], "secret": "s",
        "signature_scheme": "timestamped", "ordering": "strict", "active": true,
        "from_position": 0, "secret_overlap_seconds": 60,
    });
    let recurrence = json!({
        "content": "c", "rule_type": "weekly", "interval": 2, "timezone": "Europe/Berlin",
        "anchor_day": 31, "anchor_month": 2, "anchor_weekday": 0, "active": false,
        "next_due_at": "2026-03-17T10:00:00+01:00", "skip_if_open": true, "labels": "a,b",
        "project_id": null, "assigned_to_agent_id": "writer", "priority": 3,
    });
    let annotation = json!({
        "content": "c", "author": "A", "completed": true, "sort_order": -1, "kind": "pr",
        "ref": "41", "repo": "acme/site", "url": "https://example.com", "name": "p",
        "emoji": null, "color": "#2f6fed",
    });
    let queries = [
        "assigned_to=me&created_by=x&parent_task_id=1&label=a&labels=a,b&labels=c&tags=d&priority=3",
        "status=open,done&completed=true&include_completed=no&claimed=1&search=%C3%A4",
        "due=today&due_after=2026-03-17&due_before=2026-03-18&sort=due&limit=10&offset=20&view=summary",
        "include=pagination&after=5&types=task.completed,task.*&task=x&agent=me&wait=30",
        "correlation_id=8e03978e-40d5-43dd-bc93-6894a57f9324&until=completed&timeout=60&limit=1",
        "project_id=1&epic_id=2&assigned_to_agent_id=none&state=working",
    ];
    let mut seeds: Vec<String> = [task, update, agent, webhook, recurrence, annotation]
        .iter()
        .map(|body| format!("POST /v1/{id}\n{key}\nIdempotency-Key: k\n\n{body}"))
        .collect();
    seeds.extend(queries.iter().map(|query| format!("GET /api/x/?{query}\n{key}\n\n")));
    seeds.extend([
        "GET /v1/%FF\nAuthorization: Bearer token\nBaton-Min-Position: 42\n\n".to_owned(),
        "POST /v1/a%2Fb/literal\nAuthorization: Bearer dlg_x\nX-Dedup-Check: yes\n\n".to_owned(),
        "GET /v1/x\nLast-Event-ID: 7\nX-Request-Id: x\nHost: localhost:18890\n\n[1]".to_owned(),
        "OPTIONS /v1/x\nOrigin: http://localhost:5173\nAccess-Control-Request-Method: PUT\n\n"
            .to_owned(),
    ]);
    seeds
}
