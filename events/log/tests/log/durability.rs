//! P1: an answered command is durable, also where the database's own default says otherwise.

use crate::commands::{committed, task, write};
use crate::database::Database;

#[tokio::test]
async fn what_is_answered_is_on_disk_whatever_the_database_defaults_to() {
    let database = Database::migrated().await;
    let client = database.connect().await;
    client.batch_execute(include_str!("sql/careless_database.sql")).await.unwrap();
    client.batch_execute(include_str!("sql/witness.sql")).await.unwrap();
    let node = database.node().await;
    for version in 0..20 {
        committed(node.append(write(task("a"), version)).await);
        let row = client.query_one(include_str!("sql/flushed.sql"), &[]).await.unwrap();
        assert!(row.get::<_, bool>("flushed"), "version {version}");
        assert_eq!(row.get::<_, Vec<String>>("synchronous_commit"), ["on"]);
    }
}
