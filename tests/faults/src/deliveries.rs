//! What the receiver got, held against the log: every public event, each with one delivery id and
//! one body however often it came, and a task's events in order while the receiver answered.
//!
//! Must not: forget what came in earlier rounds: it may come again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use baton_harness::receiver::Received;
use baton_harness::record::Recorded;
use baton_harness::signature::verify_body;
use tokio_postgres::Client;

use crate::world::SECRET;
use crate::{Violation, must};

const ATTEMPTS: &str =
    "select position, attempt, state from public.webhook_deliveries where position > $1";
/// Events of tasks that only Baton itself hears of.
const INTERNAL: [&str; 1] = ["task.child_delegated"];

/// An event's name and its task.
type Named = (String, String);

/// A delivery: what it is of, and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Delivery {
    of: Named,
    /// The task's revision tells events of one name and task apart, and puts them in order.
    revision: i64,
    body: Vec<u8>,
}

/// All that came so far.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// Requests looked at.
    looked: usize,
    by_id: HashMap<String, Delivery>,
    /// By revision: the delivery, and which of all arrivals was its first.
    by_event: HashMap<Named, BTreeMap<i64, (String, usize)>>,
}

impl Arrivals {
    /// Looks at what came since.
    ///
    /// # Errors
    ///
    /// When a request is not signed, or an event has two ids, or an id two events.
    pub fn take(&mut self, requests: &[Received]) -> Result<(), Violation> {
        for (at, request) in requests.iter().enumerate().skip(self.looked) {
            verify_body(request, SECRET)?;
            let (event, json) = (request.event().to_owned(), request.json());
            let task = json["task"]["id"].as_str().unwrap_or_default().to_owned();
            let revision = json["task"]["revision"].as_i64().unwrap_or_default();
            let (of, body) = ((event, task), request.body.to_vec());
            let id = request.header("X-Delega-Delivery").to_owned();
            let firsts = self.by_event.entry(of.clone()).or_default();
            let (first, _) = firsts.entry(revision).or_insert_with(|| (id.clone(), at));
            must!(*first == id, "{of:?} came as delivery {first} and as {id}");
            let delivery = Delivery { of, revision, body };
            let known = self.by_id.entry(id.clone()).or_insert_with(|| delivery.clone());
            must!(*known == delivery, "delivery {id} was {known:?} and came as {delivery:?}");
        }
        self.looked = requests.len();
        Ok(())
    }

    /// The receiver has every public event of this part of the log once. With `in_order`, each
    /// task's came first in the log's order where none of them needed a second attempt: retries
    /// do not block later events (protocol 4.4).
    ///
    /// # Errors
    ///
    /// When not.
    pub async fn check(
        &self,
        log: &[Recorded],
        database: &Client,
        in_order: bool,
    ) -> Result<(), Violation> {
        let Some(first) = log.first() else { return Ok(()) };
        let mut attempts = attempts(database, first.position).await?;
        let mut tasks: BTreeMap<&str, Vec<(usize, &Recorded)>> = BTreeMap::new();
        let mut repeated = BTreeSet::new();
        for (named, events) in by_name(log) {
            let firsts = self.by_event.get(&named);
            let (arrived, expected) = (firsts.map_or(0, BTreeMap::len), events.len());
            must!(arrived == expected, "the receiver got {arrived} of {expected}: {events:?}");
            for (event, (_, (_, at))) in events.into_iter().zip(firsts.into_iter().flatten()) {
                let planned = attempts.remove(&event.position);
                let planned = planned.ok_or_else(|| format!("no delivery of {event:?}"))?;
                let (attempts, state) = planned;
                must!(state == "delivered", "{event:?} arrived, and its delivery is {state}");
                tasks.entry(&event.stream.1).or_default().push((*at, event));
                if attempts != 1 {
                    repeated.insert(&event.stream.1);
                }
            }
        }
        must!(attempts.is_empty(), "deliveries of no public event: {attempts:?}");
        tasks.retain(|task, _| in_order && !repeated.iter().any(|repeated| repeated == task));
        for (task, mut events) in tasks {
            events.sort_by_key(|(_, event)| event.version);
            must!(events.is_sorted_by_key(|(at, _)| *at), "{task} arrived as {events:?}");
        }
        Ok(())
    }

    /// No event arrived that the whole log does not have.
    ///
    /// # Errors
    ///
    /// When one did.
    pub fn check_true(&self, log: &[Recorded]) -> Result<(), Violation> {
        let recorded = by_name(log);
        for (named, arrived) in &self.by_event {
            let found = recorded.get(named).map_or(0, Vec::len);
            must!(found == arrived.len(), "{named:?} arrived {arrived:?}; the log has {found}");
        }
        Ok(())
    }
}

/// Public events, in the log's order.
fn by_name(log: &[Recorded]) -> BTreeMap<Named, Vec<&Recorded>> {
    let mut events: BTreeMap<Named, Vec<&Recorded>> = BTreeMap::new();
    for event in log {
        if event.stream.0 == "task" && !INTERNAL.contains(&event.event.as_str()) {
            let named = (event.event.clone(), event.stream.1.clone());
            events.entry(named).or_default().push(event);
        }
    }
    events
}

/// By position, from the first on: attempts made, and what became of it.
async fn attempts(
    database: &Client,
    first: i64,
) -> Result<BTreeMap<i64, (i32, String)>, Violation> {
    let rows = database.query(ATTEMPTS, &[&(first - 1)]).await;
    let mut attempts = BTreeMap::new();
    for row in &rows.map_err(|cause| cause.to_string())? {
        let before = attempts.insert(row.get(0), (row.get(1), row.get(2)));
        must!(before.is_none(), "position {} has two deliveries", row.get::<_, i64>(0));
    }
    Ok(attempts)
}
