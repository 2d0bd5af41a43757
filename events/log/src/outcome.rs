//! What `baton_append_batch` answered, as the outcome of each command.
//!
//! The function says where the batch began and which commands it refused. The events of all others
//! were numbered from there in the order of the batch: counted here as they were there.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::append::{Appended, Receipt, Replay};
use crate::batch::Waiting;
use crate::error::AppendError;
use crate::event::{Position, StreamId};
use crate::parameters::Parameters;

/// What became of one command.
pub(crate) type Outcome = Result<Appended, AppendError>;

/// One outcome per command, in the order of the batch.
pub(crate) fn outcomes(
    batch: &[Waiting],
    parameters: &Parameters<'_>,
    row: &Row,
) -> Result<Vec<Outcome>, tokio_postgres::Error> {
    let mut refused = refused(batch, row)?;
    let mut position: Position = row.try_get("head_position")?;
    let head = position;
    let recorded_at: Timestamp = row.try_get("recorded_at")?;
    let heads: Vec<i64> = row.try_get("account_seqs")?;
    let mut account_seqs = heads.clone();
    let outcome = |(waiting, refused): (&Waiting, Option<Outcome>)| {
        if let Some(refused) = refused {
            return refused;
        }
        let account = parameters.account_index(&waiting.command.append.account);
        let account = account.expect("every command's account was sent");
        let events = i64::try_from(waiting.command.hashes.len()).expect("a batch is bounded");
        if events == 0 {
            let (first_position, account_seq) = (head, heads[account]);
            return Ok(committed(first_position, head, account_seq, recorded_at));
        }
        let first_position = position + 1;
        position += events;
        account_seqs[account] += events;
        Ok(committed(first_position, position, account_seqs[account], recorded_at))
    };
    Ok(batch.iter().zip(refused.drain(..)).map(outcome).collect())
}

fn committed(
    first_position: Position,
    position: Position,
    account_seq: i64,
    recorded_at: Timestamp,
) -> Appended {
    Appended::Committed(Receipt { first_position, position, recorded_at, account_seq })
}

/// One element per command: why nothing of it was appended, if so.
fn refused(batch: &[Waiting], row: &Row) -> Result<Vec<Option<Outcome>>, tokio_postgres::Error> {
    let mut refused: Vec<Option<Outcome>> = batch.iter().map(|_| None).collect();
    // The last one written stands: a replay is told before a conflict.
    for conflicting in ordinals(row, "conflicting")? {
        refused[conflicting] = Some(Err(AppendError::Conflict));
    }
    for reused in ordinals(row, "reused")? {
        refused[reused] = Some(Err(AppendError::KeyReused));
    }
    let replayed = ordinals(row, "replayed")?;
    if !replayed.is_empty() {
        for (command, replay) in replayed.into_iter().zip(replays(batch, row)?) {
            refused[command] = Some(Ok(Appended::Replayed(replay)));
        }
    }
    Ok(refused)
}

/// Indexes of commands; none where the column is null.
fn ordinals(row: &Row, column: &str) -> Result<Vec<usize>, tokio_postgres::Error> {
    let ordinals: Option<Vec<i32>> = row.try_get(column)?;
    let index = |ordinal: i32| usize::try_from(ordinal - 1).expect("ordinals count from 1");
    Ok(ordinals.unwrap_or_default().into_iter().map(index).collect())
}

/// What was stored with the keys of the replayed commands, in their order.
fn replays(batch: &[Waiting], row: &Row) -> Result<Vec<Replay>, tokio_postgres::Error> {
    let positions: Vec<Position> = row.try_get("replayed_positions")?;
    let recorded_at: Vec<Timestamp> = row.try_get("replayed_recorded_at")?;
    let kinds: Vec<String> = row.try_get("replayed_stream_kinds")?;
    let ids: Vec<String> = row.try_get("replayed_stream_ids")?;
    let versions: Vec<i64> = row.try_get("replayed_versions")?;
    let sealed: Vec<Option<Vec<u8>>> = row.try_get("replayed_sealed")?;
    let accounts = ordinals(row, "replayed")?.into_iter();
    let accounts = accounts.map(|command| batch[command].command.append.account.clone());
    let subjects = accounts.zip(kinds).zip(ids);
    let subjects = subjects.map(|((account, kind), id)| StreamId { account, kind, id });
    let stored = positions.into_iter().zip(recorded_at).zip(versions).zip(sealed);
    let replay = |(subject, (((position, recorded_at), subject_version), sealed))| Replay {
        subject,
        subject_version,
        position,
        recorded_at,
        sealed,
    };
    Ok(subjects.zip(stored).map(replay).collect())
}
