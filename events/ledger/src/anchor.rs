//! Copies what was signed to the directory outside the database, once a second, and writes down how
//! far that is.
//!
//! Only the holder of the subscription does so, beside it: a disk that is slow or full delays no
//! signature, and no signature gets lost. A checkpoint that is newer than the database's is left as
//! it is, and one that is of another ledger too.

use std::time::Duration;

use baton_feed::Progress;
use jiff::Timestamp;
use metrics::counter;
use tokio::time::sleep;
use tokio_postgres::Row;
use tokio_util::sync::CancellationToken;

use crate::directory::CheckpointDir;
use crate::error::LedgerError;
use crate::nodes::{count, size};
use crate::note::Verifier;
use crate::reader::Ledger;

/// How often at most.
const EVERY: Duration = Duration::from_secs(1);
/// Accounts of one round trip.
const PAGE: i64 = 500;

const ANCHORED: &str = "baton_ledger_anchored_total";
const FAILURES: &str = "baton_ledger_anchor_failures_total";

const READ_UNANCHORED: &str = include_str!("sql/read_unanchored.sql");
const SAVE_ANCHORED: &str = include_str!("sql/save_anchored.sql");

/// An account's last checkpoint, to be kept.
struct Unanchored {
    account: String,
    size: u64,
    note: String,
    signed_at: Timestamp,
}

/// Copies until told to stop, while this process holds the subscription whose progress this is.
pub async fn anchor(
    ledger: Ledger,
    directory: CheckpointDir,
    progress: Progress,
    stop: CancellationToken,
) {
    // Watched from the start, not from the first time on.
    counter!(ANCHORED).increment(0);
    counter!(FAILURES).increment(0);
    let mut position = progress.position();
    let (mut is_level, mut told) = (false, String::new());
    // Who begins looks at all of them: the directory may be a new one.
    let mut everything = true;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(EVERY) => {}
        }
        if !progress.is_held() {
            (is_level, everything) = (false, true);
            continue;
        }
        // Seen before the read: what is signed after it is copied in the next round.
        let is_news = position.has_changed().unwrap_or_default();
        position.mark_unchanged();
        if is_level && !is_news {
            continue;
        }
        let copied = copy(&ledger, &directory, everything).await;
        is_level = copied.is_ok();
        everything = everything && !is_level;
        let failure = copied.err().map(|error| chain(&error)).unwrap_or_default();
        if !failure.is_empty() {
            counter!(FAILURES).increment(1);
            if failure != told {
                tracing::error!(error = failure, "cannot keep checkpoints in the directory");
            }
        }
        told = failure;
    }
}

/// Copies what is not there yet, or looks at all of it.
async fn copy(
    ledger: &Ledger,
    directory: &CheckpointDir,
    everything: bool,
) -> Result<(), LedgerError> {
    let mut after = String::new();
    loop {
        let page = read(ledger, &after, everything).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.account);
        let (copier, place) = (ledger.clone(), directory.clone());
        let kept = tokio::task::spawn_blocking(move || keep_all(&copier, &place, page)).await;
        let (kept, failed) = kept.map_err(LedgerError::Stopped)?;
        save(ledger, &kept).await?;
        failed.map_or(Ok(()), Err)?;
    }
}

/// Keeps one after the other; those that were kept, and why no more were.
fn keep_all(
    ledger: &Ledger,
    directory: &CheckpointDir,
    page: Vec<Unanchored>,
) -> (Vec<(String, i64)>, Option<LedgerError>) {
    let (mut kept, mut failed) = (Vec::new(), None);
    for signed in page {
        match keep(&ledger.verifier(&signed.account), directory, &signed) {
            Ok(()) => kept.push((signed.account, count(signed.size))),
            // Of another account there may be nothing wrong.
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    counter!(ANCHORED).increment(kept.len() as u64);
    (kept, failed)
}

/// Keeps a checkpoint, unless one is there that is as new.
fn keep(
    verifier: &Verifier,
    directory: &CheckpointDir,
    signed: &Unanchored,
) -> Result<(), LedgerError> {
    let account = &signed.account;
    if let Some(note) = directory.latest(account)? {
        let foreign = |cause| LedgerError::Foreign { account: account.clone(), cause };
        let there = verifier.open(&note).map_err(foreign)?;
        if there.size >= signed.size {
            return Ok(());
        }
    }
    Ok(directory.keep(account, &signed.note, signed.signed_at)?)
}

async fn read(
    ledger: &Ledger,
    after: &str,
    everything: bool,
) -> Result<Vec<Unanchored>, LedgerError> {
    let client = ledger.pool().get().await.map_err(LedgerError::Pool)?;
    let statement = client.prepare_cached(READ_UNANCHORED).await?;
    let rows = client.query(&statement, &[&after, &everything, &PAGE]).await?;
    Ok(rows.iter().map(unanchored).collect::<Result<_, _>>()?)
}

fn unanchored(row: &Row) -> Result<Unanchored, tokio_postgres::Error> {
    Ok(Unanchored {
        account: row.try_get("account_id")?,
        size: size(row.try_get("size")?),
        note: row.try_get("note")?,
        signed_at: row.try_get("signed_at")?,
    })
}

async fn save(ledger: &Ledger, kept: &[(String, i64)]) -> Result<(), LedgerError> {
    if kept.is_empty() {
        return Ok(());
    }
    let (accounts, sizes): (Vec<&str>, Vec<i64>) =
        kept.iter().map(|(account, size)| (account.as_str(), *size)).unzip();
    let client = ledger.pool().get().await.map_err(LedgerError::Pool)?;
    let statement = client.prepare_cached(SAVE_ANCHORED).await?;
    client.execute(&statement, &[&accounts, &sizes]).await?;
    Ok(())
}

/// An error with all its causes, on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

#[cfg(test)]
mod tests {
    use crate::note::{Checkpoint, LedgerKey};

    use super::*;

    #[test]
    fn a_newer_checkpoint_and_one_of_another_ledger_keep_their_place() {
        let path = std::env::temp_dir().join(format!("baton-anchor-{}", uuid::Uuid::now_v7()));
        let (directory, origin) = (CheckpointDir::new(path), "baton/ledger/acme");
        let signed = |key: &LedgerKey, size: u64| {
            let root = [u8::try_from(size).unwrap(); 32];
            let note = key.sign(&Checkpoint { origin: origin.to_owned(), size, root });
            let signed_at = "2026-03-17T10:00:00Z".parse().unwrap();
            Unanchored { account: "acme".to_owned(), size, note, signed_at }
        };
        let [key, other] = ["07", "08"].map(|byte| LedgerKey::parse(&byte.repeat(32)).unwrap());
        let latest = || directory.latest("acme").unwrap();
        for (size, kept) in [(4, 4), (2, 4), (4, 4), (5, 5)] {
            keep(&key.verifier(origin), &directory, &signed(&key, size)).unwrap();
            assert_eq!(latest(), Some(signed(&key, kept).note), "after one of size {size}");
        }
        let refused = keep(&other.verifier(origin), &directory, &signed(&other, 9));
        assert!(matches!(refused, Err(LedgerError::Foreign { .. })), "{refused:?}");
        assert_eq!(latest(), Some(signed(&key, 5).note));
        std::fs::remove_dir_all(directory.path()).unwrap();
    }
}
