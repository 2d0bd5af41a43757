//! Clients under faults: they create, delegate, update, complete and fail tasks, some of which
//! wait for others. Who gets no clear answer asks again with the same key at another node.
//!
//! Must not: take an answer that only says "not now" for an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use baton_harness::client::{Answer, Client, try_send};
use fastrand::Rng;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::deeds::{Deed, Dependent, Told};
use crate::world::LIMIT;

/// After so long without an answer a client asks elsewhere.
const PATIENCE: Duration = Duration::from_millis(2_500);
/// Between two questions at least.
const ASK_AGAIN: Duration = Duration::from_millis(30);
/// Between the beginnings of two stories of one client.
const PACE: Duration = Duration::from_millis(50);
/// What stands in the way of a repetition whose first request has not ended.
const KEY_IN_USE: &str = "still running";

/// An agent that acts at all API nodes in turn.
#[derive(Debug)]
pub struct Storyteller {
    /// Its client at each API node.
    pub nodes: Vec<Client>,
    /// Whom it hands tasks to.
    pub assignee: String,
    /// In every text of its commands, and in no other.
    pub name: String,
    /// What it does.
    pub rng: Rng,
    /// Commands acknowledged, of all clients.
    pub acknowledged: Arc<AtomicUsize>,
    /// What it was told.
    pub told: Told,
    /// Commands given.
    pub given: usize,
}

impl Storyteller {
    /// Tells stories until told to stop, and then what it was told.
    ///
    /// # Panics
    ///
    /// When an answer is not one of those that its story can have, or none ever comes.
    pub async fn run(mut self, stop: watch::Receiver<bool>) -> Told {
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*stop.borrow() {
            pace.tick().await;
            match self.rng.u8(..8) {
                0 => self.complete_one().await,
                1 => self.delegate_a_child().await,
                2 => self.hand_over().await,
                3 => self.update_and_fail().await,
                4 | 5 => self.one_after_another().await,
                6 => self.completes_while_its_dependent_is_made().await,
                _ => self.waits_for_two().await,
            }
        }
        self.told
    }

    async fn complete_one(&mut self) {
        let task = self.create(&[]).await;
        self.complete(&task.id).await;
    }

    async fn delegate_a_child(&mut self) {
        let task = self.create(&[]).await;
        let says = self.says();
        let path = format!("/v1/tasks/{}/delegate", task.id);
        let answer = self.post(&path, json!({ "content": says })).await;
        let child = id(&answer.body);
        let position = position(&answer);
        self.tell("task.created", &child, &says, position);
        self.tell("task.delegated", &child, "", position);
        self.tell("task.child_delegated", &task.id, &child, position);
        self.complete(&child).await;
        self.complete(&task.id).await;
    }

    async fn hand_over(&mut self) {
        let task = self.create(&[]).await;
        let (says, path) = (self.says(), format!("/v1/tasks/{}/delegate", task.id));
        let body = json!({ "agent_id": self.assignee, "note": says });
        let answer = self.post(&path, body).await;
        self.tell("task.delegated", &task.id, &says, position(&answer));
        self.complete(&task.id).await;
    }

    async fn update_and_fail(&mut self) {
        let task = self.create(&[]).await;
        let (says, path) = (self.says(), format!("/v1/tasks/{}", task.id));
        // Without a key: told twice, it is one change.
        self.ask(Method::PATCH, &path, json!({ "metadata": { "draft": says } }), None).await;
        self.tell("task.updated", &task.id, &says, None);
        self.fail(&task.id).await;
    }

    async fn one_after_another(&mut self) {
        let first = self.create(&[]).await;
        let then = self.create(&[&first.id]).await;
        assert!(then.is_blocked, "{} waits for {}, which is open", then.id, first.id);
        let is_due = self.rng.u8(..4) > 0;
        if is_due {
            self.complete(&first.id).await;
        } else {
            self.fail(&first.id).await;
        }
        self.expect_opened(&then, is_due);
    }

    async fn completes_while_its_dependent_is_made(&mut self) {
        let first = self.create(&[]).await;
        let mut other = self.apart();
        let on = [first.id.as_str()];
        let (then, ()) = tokio::join!(self.create(&on), other.complete(&first.id));
        self.join(other);
        self.expect_opened(&then, true);
    }

    async fn waits_for_two(&mut self) {
        let (one, two) = (self.create(&[]).await, self.create(&[]).await);
        let then = self.create(&[&one.id, &two.id]).await;
        assert!(then.is_blocked, "{} waits for {} and {}", then.id, one.id, two.id);
        let mut other = self.apart();
        tokio::join!(self.complete(&one.id), other.complete(&two.id));
        self.join(other);
        self.expect_opened(&then, true);
    }

    async fn create(&mut self, depends_on: &[&str]) -> Made {
        let says = self.says();
        let body = match depends_on {
            [] => json!({ "content": says }),
            _ => json!({ "content": says, "depends_on": depends_on }),
        };
        let answer = self.post("/v1/tasks", body).await;
        let made =
            Made { id: id(&answer.body), is_blocked: answer.body["status"] == json!("blocked") };
        self.tell("task.created", &made.id, &says, position(&answer));
        made
    }

    async fn complete(&mut self, task: &str) {
        let (says, path) = (self.says(), format!("/v1/tasks/{task}/complete"));
        let answer = self.post(&path, json!({ "metadata": { "result": says } })).await;
        self.tell("task.completed", task, &says, position(&answer));
    }

    async fn fail(&mut self, task: &str) {
        let (says, path) = (self.says(), format!("/v1/tasks/{task}/fail"));
        let answer = self.post(&path, json!({ "error_message": says })).await;
        self.tell("task.failed", task, &says, position(&answer));
    }

    async fn post(&mut self, path: &str, body: Value) -> Answer {
        let key = format!("{}-{}", self.name, self.given);
        self.ask(Method::POST, path, body, Some(&key)).await
    }

    /// Asks until there is a clear answer, each time at another node.
    async fn ask(&mut self, method: Method, path: &str, body: Value, key: Option<&str>) -> Answer {
        let first = self.rng.usize(..self.nodes.len());
        let (asked, mut again) = (Instant::now(), tokio::time::interval(ASK_AGAIN));
        for node in self.nodes.iter().cycle().skip(first) {
            again.tick().await;
            let late = asked.elapsed() > LIMIT;
            assert!(!late, "{method} {path} with key {key:?} was not answered in {LIMIT:?}");
            let request = node.request(method.clone(), path).json(&body).timeout(PATIENCE);
            let request = match key {
                Some(key) => request.header("Idempotency-Key", key),
                None => request,
            };
            let Ok(answer) = try_send(request).await else { continue };
            let (status, text) = (answer.status, &answer.text);
            if status == 503 || (status == 409 && text.contains(KEY_IN_USE)) {
                continue;
            }
            let is_done = matches!(status, 200 | 201);
            assert!(is_done, "{method} {path} {body} answered {status}: {text}");
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
            return answer;
        }
        unreachable!("there is a node, and they go round")
    }

    fn says(&mut self) -> String {
        self.given += 1;
        format!("{}/{}.", self.name, self.given)
    }

    fn tell(&mut self, event: &'static str, task: &str, says: &str, position: Option<i64>) {
        let (task, says) = (task.to_owned(), says.to_owned());
        self.told.deeds.push(Deed { event, task, says, position });
    }

    fn expect_opened(&mut self, made: &Made, is_due: bool) {
        let (task, was_blocked) = (made.id.clone(), made.is_blocked);
        self.told.dependents.push(Dependent { task, was_blocked, is_due });
    }

    /// The same agent at the same time elsewhere.
    fn apart(&mut self) -> Storyteller {
        self.given += 1;
        Storyteller {
            nodes: self.nodes.clone(),
            assignee: self.assignee.clone(),
            name: format!("{}+{}", self.name, self.given),
            rng: self.rng.fork(),
            acknowledged: self.acknowledged.clone(),
            told: Told::default(),
            given: 0,
        }
    }

    fn join(&mut self, other: Storyteller) {
        self.told.add(other.told);
    }
}

/// A task as its creation was answered.
struct Made {
    id: String,
    is_blocked: bool,
}

fn id(document: &Value) -> String {
    document["id"].as_str().expect("a task has an id").to_owned()
}

fn position(answer: &Answer) -> Option<i64> {
    let position = answer.header("Baton-Position").parse();
    Some(position.expect("a write answers its position"))
}
