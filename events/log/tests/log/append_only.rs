//! P2: the database itself refuses to change the log, also for its owner and in replica sessions.

use tokio_postgres::error::SqlState;

use crate::commands::{committed, task, write};
use crate::database::Database;

#[tokio::test]
async fn update_delete_and_truncate_are_refused() {
    let database = Database::migrated().await;
    let node = database.node().await;
    committed(node.append(write(task("a"), 0)).await);
    // Another node has nothing of it in memory: it reads the table.
    let reader = database.node().await;
    let before = reader.after(0, 10).await.unwrap();
    let (owner, replica) = (database.connect().await, database.connect_as_superuser().await);
    replica.batch_execute("set session_replication_role = replica").await.unwrap();
    for client in [owner, replica] {
        for statement in [
            "update public.events set actor = 'someone'",
            "delete from public.events",
            "truncate public.events",
            "truncate public.events cascade",
        ] {
            let refused = client.batch_execute(statement).await.unwrap_err();
            assert_eq!(refused.code(), Some(&SqlState::RESTRICT_VIOLATION), "{statement}");
        }
    }
    assert_eq!(reader.after(0, 10).await.unwrap(), before);
}

#[tokio::test]
async fn two_nodes_that_migrate_at_once_both_succeed() {
    let database = baton_harness::postgres::database().await;
    let (mut alfa, mut bravo) = (database.connect().await, database.connect().await);
    let (first, second) =
        tokio::join!(baton_log::Log::migrate(&mut alfa), baton_log::Log::migrate(&mut bravo));
    first.unwrap();
    second.unwrap();
    baton_log::Log::migrate(&mut alfa).await.unwrap();
    alfa.query_one("select 1 from public.events having count(*) = 0", &[]).await.unwrap();
}

/// Restarted in the middle of an upgrade, a node finds what the next release has done already.
#[tokio::test]
async fn a_node_starts_beside_migrations_of_a_later_release() {
    let database = baton_harness::postgres::database().await;
    let mut client = database.connect().await;
    baton_log::Log::migrate(&mut client).await.unwrap();
    client.batch_execute(include_str!("sql/later_migration.sql")).await.unwrap();
    baton_log::Log::migrate(&mut client).await.unwrap();
}
