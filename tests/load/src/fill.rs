//! Large data sets, made the way that everything is made: the domain decides, the log appends,
//! and whoever follows the log follows it. Only HTTP is left out.
//!
//! Must not: write a table behind the log's back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use baton_domain::account::Role;
use baton_domain::stored::Event as _;
use baton_domain::task::{self, Changes, Draft, Finish, Parent, Task, TaskCommand, Tasks, fold};
use baton_domain::{Actor, AgentId, Envelope, Order, Standing, TaskId, Timestamp};
use baton_harness::postgres::Database;
use baton_log::{Append, Appended, Log, LogSettings, NewEvent, StreamId, StreamWrite};
use deadpool_postgres::{Manager, Pool};
use esrs::Aggregate as _;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::extent::IN_FLIGHT;

/// The account of everything.
const ACCOUNT: &str = "default";
/// Connections for reads, of which there are hardly any.
const CONNECTIONS_MAX: usize = 4;
/// So many of the trees of tasks are remembered, to be asked for.
const SAMPLE_MAX: u64 = 2_000;

/// What a data set is made of.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// About so many events: whole lives of two tasks each, create, delegate, complete, complete.
    Events(u64),
    /// About so many tasks, eight at a time: one delegated to another, six alone, two of them
    /// completed.
    Tasks(u64),
    /// So many tasks alone, each completed.
    Completed(u64),
    /// So many open tasks, for anybody.
    Open(u64),
    /// So many open tasks, each about something else: all but a thousandth are the first agent's,
    /// the others the second's.
    About(u64),
}

/// What was written.
#[derive(Debug)]
pub struct Filled {
    /// Events.
    pub events: u64,
    /// Tasks.
    pub tasks: u64,
    /// Some roots with a child.
    pub roots: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// The log of this database, in this process.
///
/// # Panics
///
/// When it cannot be opened.
pub async fn log_on(database: &Database) -> Log {
    let config = database.config();
    let pool = Pool::builder(Manager::new(config.clone(), NoTls)).max_size(CONNECTIONS_MAX);
    let pool = pool.build().expect("a pool");
    Log::open(config, pool, LogSettings::default()).await.expect("a log")
}

/// Writes a data set, many commands in flight.
///
/// # Panics
///
/// When a command is refused.
pub async fn fill(log: &Log, agents: &[AgentId], goal: Goal) -> Filled {
    let start = Instant::now();
    let families = Arc::new(AtomicU64::new(0));
    let (wanted, each) = match goal {
        Goal::Events(events) => (events, 6),
        Goal::Tasks(tasks) => (tasks, 8),
        Goal::Completed(tasks) | Goal::Open(tasks) | Goal::About(tasks) => (tasks, 1),
    };
    let wanted = wanted.div_ceil(each);
    let sample_every = wanted.div_ceil(SAMPLE_MAX);
    let mut writers = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (log, agents, families) = (log.clone(), agents.to_vec(), families.clone());
        writers.spawn(async move {
            let mut writer = Writer { log, agents, events: 0, tasks: 0 };
            let mut roots = Vec::new();
            loop {
                let family = families.fetch_add(1, Ordering::Relaxed);
                if family >= wanted {
                    return (writer.events, writer.tasks, roots);
                }
                let root = writer.family(goal, family).await;
                roots.extend(root.filter(|_| family % sample_every == 0));
            }
        });
    }
    let mut filled = Filled { events: 0, tasks: 0, roots: Vec::new(), took: Duration::ZERO };
    while let Some(written) = writers.join_next().await {
        let (events, tasks, roots) = written.expect("no command is refused");
        filled.events += events;
        filled.tasks += tasks;
        filled.roots.extend(roots);
    }
    Filled { took: start.elapsed(), ..filled }
}

/// The fields of a task whose creation is an event of about
/// [`crate::yardstick::PAYLOAD_BYTES`].
#[must_use]
pub fn changes() -> Changes {
    let metadata = json!({ "source": "bench", "ticket": "OPS-4711", "attempt": 1 });
    Changes {
        content: Some("Research the three largest competitors and prices".to_owned()),
        description: Some(Some("Primary sources only; one table with dates. ".repeat(4))),
        priority: Some(2),
        metadata: metadata.as_object().cloned(),
        ..Changes::default()
    }
}

/// What the task of a number is about: words that many share, that some share, and its own.
#[must_use]
pub fn content(number: u64) -> String {
    const DEEDS: [&str; 8] =
        ["Review", "Renew", "Research", "Repair", "Translate", "Migrate", "Measure", "Document"];
    const THINGS: [&str; 16] = [
        "certificate",
        "invoice",
        "contract",
        "database",
        "dashboard",
        "pipeline",
        "changelog",
        "backup",
        "pricing page",
        "login form",
        "mail server",
        "test suite",
        "search index",
        "release notes",
        "access rights",
        "error budget",
    ];
    // Neighbours differ in everything.
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let pick =
        |words: &'static [&'static str], by: u64| words[(mixed >> by) as usize % words.len()];
    let (deed, thing) = (pick(&DEEDS, 8), pick(&THINGS, 16));
    let (site, team) = ((mixed >> 24) % 997, (mixed >> 40) % 41);
    format!("{deed} the {thing} of site{site} together with team{team} as in ticket {number}")
}

/// A command that creates a task, and nothing but that.
#[must_use]
pub fn creation(by: &Standing) -> Append {
    let (_, write) = Thing::created(by, None);
    append(by, vec![write])
}

/// Who creates.
#[must_use]
pub fn worker(agent: AgentId) -> Standing {
    let actor = Actor::Agent(agent);
    Standing { actor, role: Some(Role::Worker), permissions: Vec::new(), routes: Vec::new() }
}

struct Writer {
    log: Log,
    agents: Vec<AgentId>,
    events: u64,
    tasks: u64,
}

impl Writer {
    async fn family(&mut self, goal: Goal, number: u64) -> Option<String> {
        let (one, other) = (self.agent(number), self.agent(number + 1));
        match goal {
            Goal::Events(_) => {
                let (mut parent, mut child) = self.pair(&one, &other).await;
                self.complete(&other, &mut child).await;
                self.complete(&one, &mut parent).await;
                Some(parent.state.id.to_string())
            }
            Goal::Tasks(_) => {
                let (parent, _) = self.pair(&one, &other).await;
                for n in 0..6 {
                    let mut single = self.create(&one, &other).await;
                    if n < 2 {
                        self.complete(&other, &mut single).await;
                    }
                }
                Some(parent.state.id.to_string())
            }
            Goal::Completed(_) => {
                let mut single = self.create(&one, &other).await;
                self.complete(&other, &mut single).await;
                None
            }
            Goal::Open(_) => {
                let (_, created) = Thing::created(&one, None);
                self.append(&one, vec![created]).await;
                self.tasks += 1;
                None
            }
            Goal::About(_) => {
                let by = self.agent(u64::from(number.is_multiple_of(1_000)));
                let changes = Changes { content: Some(content(number)), ..changes() };
                let (_, created) = Thing::with(&by, changes, None);
                self.append(&by, vec![created]).await;
                self.tasks += 1;
                None
            }
        }
    }

    fn agent(&self, number: u64) -> Standing {
        let at = usize::try_from(number).expect("a number of this machine") % self.agents.len();
        worker(self.agents[at])
    }

    async fn pair(&mut self, one: &Standing, other: &Standing) -> (Thing, Thing) {
        let mut parent = self.create(one, one).await;
        let of = Parent {
            parent_id: parent.state.id,
            root_id: parent.state.root,
            depth: parent.state.delegation_depth + 1,
            accountable: parent.state.accountable,
        };
        let (child, created) = Thing::draft(one, other.agent(), Some(of));
        let noted = parent.told(one, TaskCommand::AddChild { child: child.state.id });
        self.append(one, vec![created, noted]).await;
        self.tasks += 1;
        (parent, child)
    }

    async fn create(&mut self, by: &Standing, to: &Standing) -> Thing {
        let (thing, write) = Thing::created(by, to.agent());
        self.append(by, vec![write]).await;
        self.tasks += 1;
        thing
    }

    async fn complete(&mut self, by: &Standing, thing: &mut Thing) {
        let write = thing.told(by, TaskCommand::Complete(Box::<Finish>::default()));
        self.append(by, vec![write]).await;
    }

    async fn append(&mut self, by: &Standing, writes: Vec<StreamWrite>) {
        let events: usize = writes.iter().map(|write| write.events.len()).sum();
        let appended = self.log.append(append(by, writes)).await.expect("the log takes it");
        assert!(matches!(appended, Appended::Committed(_)), "no key, no replay");
        self.events += u64::try_from(events).expect("a few events");
    }
}

/// A task with its version in the log.
struct Thing {
    state: Task,
    stream: StreamId,
    version: i64,
}

impl Thing {
    fn created(by: &Standing, to: Option<AgentId>) -> (Thing, StreamWrite) {
        Thing::draft(by, to, None)
    }

    fn draft(by: &Standing, to: Option<AgentId>, parent: Option<Parent>) -> (Thing, StreamWrite) {
        let assigned_to = to.map(Some);
        Thing::with(by, Changes { assigned_to, ..changes() }, parent)
    }

    fn with(by: &Standing, changes: Changes, parent: Option<Parent>) -> (Thing, StreamWrite) {
        let id = TaskId(Uuid::now_v7());
        let (dependencies, origin) = (task::Dependencies::default(), None);
        let draft = Draft { id, changes, parent, dependencies, origin };
        let stream = StreamId {
            account: ACCOUNT.to_owned(),
            kind: task::KIND.to_owned(),
            id: id.to_string(),
        };
        let mut thing = Thing { state: Task::default(), stream, version: 0 };
        let write = thing.told(by, TaskCommand::Create(Box::new(draft)));
        (thing, write)
    }

    /// Decides and folds; what is to be recorded.
    fn told(&mut self, by: &Standing, command: TaskCommand) -> StreamWrite {
        let at = Timestamp::from(jiff::Timestamp::now());
        let order = Order { by: by.clone(), at, command };
        let decided = Tasks::handle_command(&self.state, order).expect("the domain agrees");
        let expected_version = self.version;
        let envelope = Envelope { at, actor: by.actor.clone() };
        let mut events = Vec::with_capacity(decided.len());
        for event in decided {
            let stored = event.encode();
            events.push(NewEvent {
                event_id: Uuid::now_v7(),
                event_type: stored.event_type,
                schema_version: stored.schema_version,
                payload: stored.payload,
                causation_id: None,
            });
            self.state = fold(std::mem::take(&mut self.state), &envelope, event);
            self.version += 1;
        }
        StreamWrite { stream: self.stream.clone(), expected_version, events }
    }
}

fn append(by: &Standing, writes: Vec<StreamWrite>) -> Append {
    Append {
        account: ACCOUNT.to_owned(),
        actor: by.actor.to_string(),
        correlation_id: Uuid::now_v7(),
        causation_id: None,
        writes,
        guards: Vec::new(),
        head: None,
        key: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yardstick::PAYLOAD_BYTES;

    #[test]
    fn a_creation_is_as_large_as_a_row_of_the_yardstick() {
        let append = creation(&worker(AgentId::default()));
        let [write] = &append.writes[..] else { panic!("one stream: {append:?}") };
        let [event] = &write.events[..] else { panic!("one event: {write:?}") };
        let bytes = event.payload.len();
        assert!(bytes.abs_diff(PAYLOAD_BYTES) <= 20, "{bytes} bytes: {}", event.payload);
    }
}
