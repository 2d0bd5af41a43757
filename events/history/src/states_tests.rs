//! What is kept, against a plain fold: right whoever has put, asked or forgotten what before.

use baton_domain::{
    TaskId,
    stored::Event as _,
    task::{Changes, Task, TaskEvent},
};
use baton_harness::postgres::Database;
use baton_log::{Append, LogSettings, NewEvent, StreamWrite};
use deadpool_postgres::{Manager, Pool};
use tokio_postgres::NoTls;
use uuid::Uuid;

use super::*;
use crate::fold::task_stream;

const PLENTY: u64 = 48 * 1024 * 1024;

struct World {
    _database: Database,
    pool: Pool,
    log: Log,
}

/// A stream with its events, and its states after each.
struct Told {
    stream: StreamId,
    events: Vec<RecordedEvent>,
    states: Vec<Task>,
}

impl World {
    async fn new() -> Self {
        let database = baton_harness::postgres::database().await;
        Log::migrate(&mut database.connect().await).await.unwrap();
        let manager = Manager::new(database.config(), NoTls);
        let pool = Pool::builder(manager).max_size(4).build().unwrap();
        let settings = LogSettings::default();
        let log = Log::open(database.config(), pool.clone(), settings).await.unwrap();
        Self { _database: database, pool, log }
    }

    fn states(&self, bytes_max: u64) -> States<Task> {
        States::new(self.log.clone(), bytes_max)
    }

    async fn tell(&self, changes: usize) -> Told {
        let stream = task_stream(&"default".parse().unwrap(), TaskId(Uuid::now_v7()));
        let events = (0..changes).map(change).collect();
        self.append(StreamWrite { stream: stream.clone(), expected_version: 0, events }).await;
        let events = self.log.stream(&stream, 0, Cut::Head).await.unwrap();
        let mut state = Task::default();
        let mut states = Vec::new();
        for event in &events {
            state = fold(state, event).unwrap();
            states.push(state.clone());
        }
        Told { stream, events, states }
    }

    async fn append(&self, write: StreamWrite) {
        let append = Append {
            account: "default".to_owned(),
            actor: "project".to_owned(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            writes: vec![write],
            guards: vec![],
            head: None,
            key: None,
        };
        self.log.append(append).await.unwrap();
    }
}

fn change(number: usize) -> NewEvent {
    let content = Some(format!("change {number}"));
    let changes = Changes { content, ..Changes::default() };
    let stored = TaskEvent::Updated { changes, transition: None }.encode();
    NewEvent {
        event_id: Uuid::now_v7(),
        event_type: stored.event_type,
        schema_version: stored.schema_version,
        payload: stored.payload,
        causation_id: None,
    }
}

impl Told {
    fn at(&self, version: i64) -> Versioned<Task> {
        let state = Arc::new(self.states[version as usize - 1].clone());
        Versioned { state, version }
    }
}

/// One of the things that commands, followers and readers of the past do.
async fn anything(states: &States<Task>, told: &Told, random: &mut fastrand::Rng) {
    let head = told.events.len() as i64;
    let version = random.i64(1..=head);
    let event = &told.events[version as usize - 1];
    match random.u8(..6) {
        0 => states.put(&told.stream, told.at(version)),
        1 => assert_eq!(*states.after(event).await.unwrap(), *told.at(version).state),
        2 => assert_eq!(*states.at(&told.stream, version).await.unwrap(), *told.at(version).state),
        3 => {
            let latest = states.latest(&told.stream).await.unwrap();
            assert_eq!(*latest.state, *told.at(latest.version).state);
        }
        4 => assert_eq!(states.fresh(&told.stream).await.unwrap().version, head),
        _ => {
            let known = random.bool().then(|| told.at(random.i64(1..=version)));
            let past = states.past(known, event).await.unwrap();
            assert_eq!((past.version, &*past.state), (version, &*told.at(version).state));
        }
    }
}

#[tokio::test]
async fn whatever_is_kept_every_answer_is_that_of_a_plain_fold() {
    let world = World::new().await;
    let mut told = Vec::new();
    for changes in [1, 2, 7, 12] {
        told.push(world.tell(changes).await);
    }
    // Room for everything, for some of it, and for nothing.
    for bytes_max in [PLENTY, 64 * 1024, 1] {
        for seed in 0..40 {
            let mut random = fastrand::Rng::with_seed(seed);
            let states = world.states(bytes_max);
            for _ in 0..30 {
                let told = &told[random.usize(..told.len())];
                anything(&states, told, &mut random).await;
            }
        }
    }
}

#[tokio::test]
async fn what_was_warmed_needs_no_log_and_is_what_the_log_has() {
    let world = World::new().await;
    let (one, two) = (world.tell(1).await, world.tell(WARM_EVENTS_MAX).await);
    let (seen, long) = (world.tell(3).await, world.tell(WARM_EVENTS_MAX + 1).await);
    let nothing = task_stream(&"default".parse().unwrap(), TaskId(Uuid::now_v7()));
    let states = world.states(PLENTY);
    states.put(&seen.stream, seen.at(2));
    let all = [&one.stream, &seen.stream, &nothing, &long.stream, &two.stream];
    states.warm(all.into_iter().cloned().collect()).await.unwrap();
    world.pool.close();
    for told in [&one, &two] {
        let latest = states.latest(&told.stream).await.unwrap();
        let expected = told.at(told.events.len() as i64);
        assert_eq!((latest.version, &*latest.state), (expected.version, &*expected.state));
    }
    assert_eq!(states.latest(&seen.stream).await.unwrap().version, 2, "it was here already");
    assert!(states.latest(&long.stream).await.is_err(), "nobody had asked for so much");
    assert!(states.latest(&nothing).await.is_err(), "it may have come since");
    states.warm(vec![one.stream.clone()]).await.expect("nothing is read");
    assert!(states.warm(vec![nothing]).await.is_err());
}

#[tokio::test]
async fn a_follower_finds_what_commands_left_behind_however_it_lags() {
    let world = World::new().await;
    let told = world.tell(9).await;
    let states = world.states(PLENTY);
    // Commands of one, two and three events, all before the follower asks for the first.
    for version in [1, 3, 4, 7, 9] {
        states.put(&told.stream, told.at(version));
    }
    world.pool.close();
    assert!(states.fresh(&told.stream).await.is_err(), "the log cannot be read");
    let asked_from = |version: usize| told.events.iter().zip(&told.states).skip(version - 1);
    // Whoever begins in the middle, and whoever follows from the first event.
    for (event, expected) in asked_from(4).chain(asked_from(1)) {
        assert_eq!(*states.after(event).await.unwrap(), *expected);
        assert_eq!(states.latest(&told.stream).await.unwrap().version, 9, "it stays the latest");
    }
    // A second one finds what the first has folded.
    for (event, expected) in told.events.iter().zip(&told.states) {
        assert_eq!(*states.exactly(&told.stream, event.version).unwrap(), *expected);
    }
}

#[tokio::test]
async fn what_a_follower_far_behind_comes_by_is_not_the_latest() {
    let world = World::new().await;
    let told = world.tell(2).await;
    let near = world.states(PLENTY);
    near.after(&told.events[0]).await.unwrap();
    assert_eq!(near.latest(&told.stream).await.unwrap().version, 1, "as good as level");
    for _ in 0..=LEVEL_WITHIN / 500 {
        world.tell(500).await;
    }
    let far = world.states(PLENTY);
    far.after(&told.events[0]).await.unwrap();
    assert_eq!(far.latest(&told.stream).await.unwrap().version, 2, "as the log has it");
}

#[tokio::test]
async fn what_is_new_stays_until_it_is_asked_for_however_much_is_asked_for_again() {
    let world = World::new().await;
    let states = world.states(PLENTY / 6);
    let account = "default".parse().unwrap();
    let stream = || task_stream(&account, TaskId(Uuid::now_v7()));
    let state = Versioned { state: Arc::new(Task::default()), version: 1 };
    let room = PLENTY / 6 / (ENTRY_BYTES + state.state.weight_bytes());
    for _ in 0..2 * room {
        let known = stream();
        states.put(&known, state.clone());
        assert!(states.seen(&known).is_some() && states.seen(&known).is_some());
    }
    let new: Vec<StreamId> = std::iter::repeat_with(stream).take(room as usize / 4).collect();
    new.iter().for_each(|stream| states.put(stream, state.clone()));
    let there = new.iter().filter(|stream| states.seen(stream).is_some()).count();
    assert_eq!(there, new.len());
}
