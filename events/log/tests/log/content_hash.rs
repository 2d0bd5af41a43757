//! The content hash is what ADR 0001 says, byte for byte, and holds for what is read back.

use baton_log::{HashedEvent, StreamWrite, content_hash};
use uuid::Uuid;

use crate::commands::{committed, event, nothing, task};
use crate::database::Database;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hashes were computed with Python's hashlib and struct from the ADR's table.
#[test]
fn the_hash_is_that_of_the_decision_record() {
    let vector = HashedEvent {
        stream: &task("0198c0de00007000800000000000002a"),
        version: 3,
        event_id: Uuid::from_u128(0x0198c0de_0000_7000_8000_000000000001),
        event_type: "task.completed",
        schema_version: 1,
        actor: "project",
        correlation_id: Uuid::from_u128(0x0198c0de_0000_7000_8000_000000000002),
        causation_id: None,
        payload: "{\"b\": 1.0, \"a\": \"\u{e9}\", \"n\": 1e5}",
    };
    assert_eq!(
        hex(&content_hash(&vector)),
        "14cdffa75852b13931fe264943dbdb7ce5267e46337747bd49f5a5c6e6f032c0"
    );
    let caused = HashedEvent {
        causation_id: Some(Uuid::from_u128(0x0198c0de_0000_7000_8000_000000000003)),
        ..vector
    };
    assert_eq!(
        hex(&content_hash(&caused)),
        "011be9b5872ca84a881fc6b6c39d46411a386ebcbd6c98e41a537d72e16b6369"
    );
}

#[tokio::test]
async fn payloads_are_kept_byte_for_byte_and_the_stored_hash_is_that_of_what_is_read() {
    let database = Database::migrated().await;
    let node = database.node().await;
    let payloads = [
        "{}",
        "{\"b\":1,\"a\":2,\"b\":3}",
        "{ \"z\" : 1.0 ,\n\t\"y\" : 1e5, \"x\": -0, \"w\": 100000000000000000000000000.10 }",
        "{\"text\": \"é \u{1f680} \\u00e9 \\/ \u{7f}\u{2028}\"}",
        " [1.0, 1.00, 1E+5, true, null, \"\"] ",
        "\"a string\"",
    ];
    let mut append = nothing();
    append.causation_id = Some(Uuid::now_v7());
    append.writes = vec![StreamWrite {
        stream: task("a"),
        expected_version: 0,
        events: payloads.into_iter().map(event).collect(),
    }];
    let sent = append.clone();
    committed(node.append(append).await);
    // Another node has nothing of it in memory: it reads the table.
    let events = database.node().await.after(0, 10).await.unwrap();
    assert_eq!(events.len(), payloads.len());
    for (read, (payload, sent_event)) in
        events.iter().zip(payloads.into_iter().zip(&sent.writes[0].events))
    {
        assert_eq!(read.payload, payload);
        assert_eq!(read.event_id, sent_event.event_id);
        assert_eq!(read.correlation_id, sent.correlation_id);
        assert_eq!(read.causation_id, sent.causation_id);
        assert_eq!(read.content_hash, content_hash(&HashedEvent::from(read)));
    }
}
