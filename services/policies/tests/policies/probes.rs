//! Dependents are found by the keys of what they depend on, all of a batch in one question.

use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use crate::node::database;

const READ: &str = include_str!("../../src/sql/read_dependents.sql");
const SAVE: &str = include_str!("../../src/sql/save_dependent.sql");
const MANY: i64 = 10_000;

type Row = (String, Uuid, Uuid);

async fn save(client: &Client, account: &str, dependency: Uuid, dependent: Uuid) -> Row {
    client.execute(SAVE, &[&account, &dependent, &vec![dependency]]).await.unwrap();
    (account.to_owned(), dependency, dependent)
}

/// What is found, in order, and how many rows and index entries were looked at.
async fn read(transaction: &Transaction<'_>, asked: &[(&str, Uuid)]) -> (Vec<Row>, i64) {
    let (accounts, tasks): (Vec<&str>, Vec<Uuid>) = asked.iter().copied().unzip();
    let touched = include_str!("sql/rows_touched.sql");
    let before: i64 = transaction.query_one(touched, &[]).await.unwrap().get(0);
    let rows = transaction.query(READ, &[&accounts, &tasks]).await.unwrap();
    let after: i64 = transaction.query_one(touched, &[]).await.unwrap().get(0);
    let mut found: Vec<Row> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    found.sort();
    (found, after - before)
}

#[tokio::test]
async fn each_task_is_asked_for_in_its_own_account() {
    let database = database().await;
    let mut client = database.connect().await;
    let [one, two, other] = [(); 3].map(|()| Uuid::now_v7());
    let mut expected = vec![
        save(&client, "a", one, Uuid::now_v7()).await,
        save(&client, "a", one, Uuid::now_v7()).await,
        save(&client, "b", two, Uuid::now_v7()).await,
    ];
    expected.sort();
    // Those of nobody who is asked about.
    save(&client, "b", one, Uuid::now_v7()).await;
    save(&client, "a", two, Uuid::now_v7()).await;
    save(&client, "a", other, one).await;
    let transaction = client.transaction().await.unwrap();
    let none = Uuid::now_v7();
    let (found, _) = read(&transaction, &[("a", one), ("b", two), ("a", none), ("c", one)]).await;
    assert_eq!(found, expected);
    assert_eq!(read(&transaction, &[]).await.0, []);
}

#[tokio::test]
async fn what_was_planned_on_a_tiny_table_reads_no_more_once_it_is_large() {
    for rows in [0_i64, 1] {
        let database = database().await;
        let mut client = database.connect().await;
        let many = include_str!("sql/many_dependents.sql");
        client.execute(many, &[&"a", &rows]).await.unwrap();
        for sql in include_str!("sql/tiny_statistics.sql").split(';') {
            client.batch_execute(sql).await.unwrap();
        }
        let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
        let transaction = client.transaction().await.unwrap();
        // Makes the plan that is kept.
        read(&transaction, &[("a", one)]).await;
        transaction.execute(many, &[&"a", &MANY]).await.unwrap();
        transaction.execute(SAVE, &[&"a", &two, &vec![one]]).await.unwrap();
        let (found, touched) = read(&transaction, &[("a", one), ("b", one)]).await;
        assert_eq!(found, [("a".to_owned(), one, two)]);
        assert!((1..10).contains(&touched), "{touched} rows and entries looked at");
    }
}
