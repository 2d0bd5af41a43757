//! Subjects of a history that cannot be read: whoever asks, and however it came there, is told
//! the same.

use baton_history::{Directory, Excerpts, History, Subjects};
use baton_log::{NewEvent, StreamWrite};
use uuid::Uuid;

use crate::support::{World, append, stream, world};

async fn happen(world: &World, kind: &str, id: &str, event_type: &'static str, payload: &str) {
    let stream = stream(kind, id);
    let event = NewEvent {
        event_id: Uuid::now_v7(),
        event_type,
        schema_version: 1,
        payload: payload.to_owned(),
        causation_id: None,
    };
    let version = world.log.versions(std::slice::from_ref(&stream)).await.unwrap()[0];
    let write = StreamWrite { stream, expected_version: version, events: vec![event] };
    append(&world.log, "project", write).await;
}

#[tokio::test]
async fn an_account_that_cannot_be_read_stays_so_for_every_follower() {
    let world = world().await;
    happen(&world, "thing", "one", "thing.happened", "{}").await;
    happen(&world, "account", "default", "account.opened", r#"{"token_hash": 7}"#).await;
    happen(&world, "thing", "one", "thing.happened", "{}").await;
    happen(&world, "account", "default", "account.exploded", "{}").await;
    happen(&world, "thing", "two", "thing.happened", "{}").await;
    let events = world.log.after(0, 10).await.unwrap();
    let expected = [true, false, false, false, false];

    let mut subjects = Subjects::new(History::new(world.log.clone()));
    let mut followed = Vec::new();
    for event in &events {
        followed.push(subjects.subject(event).await.is_ok());
    }
    assert_eq!(followed, expected, "by one who has followed from the beginning");

    for (from, expected) in expected.iter().enumerate() {
        let mut subjects = Subjects::new(History::new(world.log.clone()));
        let subject = subjects.subject(&events[from]).await;
        assert_eq!(subject.is_ok(), *expected, "by one who begins at {}", from + 1);
    }

    let directory = Directory::open(world.log.clone()).await.unwrap();
    let excerpts = Excerpts::new(History::new(world.log.clone()), directory);
    for page in [5, 2, 1] {
        let mut reading = excerpts.reading();
        let mut read = Vec::new();
        for events in events.chunks(page) {
            reading.page(events).await.unwrap();
            for event in events {
                read.push(reading.subject(event).await.unwrap().is_some());
            }
        }
        assert_eq!(read, expected, "by one who reads pages of {page}");
    }
}
