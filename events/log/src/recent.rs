//! The events that this process committed last, in memory, so that its followers need not read
//! back what it has just written.
//!
//! Holds committed events only, one stretch of positions without a gap, bounded. It must not be
//! taken for the log: other processes commit as well, and what is not here may still be there.

use std::collections::VecDeque;
use std::sync::RwLock;

use crate::append::{Append, Prepared, Receipt};
use crate::event::{Position, RecordedEvent};

/// Events kept at most.
const EVENTS_MAX: usize = 4_096;
/// Bytes kept at most, near enough.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// What an event occupies beside its texts: itself, and what the allocator rounds up.
const EVENT_BYTES: usize = size_of::<RecordedEvent>() + 100;

const UNPOISONED: &str = "no holder of the lock panics";

/// The last events of this process. Shared by the appender, which fills it, and by readers.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Positions follow each other.
    events: VecDeque<RecordedEvent>,
    bytes: usize,
}

impl Recent {
    /// Adds committed events, in order. Where a position does not follow the last one, somebody
    /// else has committed in between, and what was kept before goes.
    pub(crate) fn push(&self, events: Vec<RecordedEvent>) {
        let mut kept = self.kept.write().expect(UNPOISONED);
        for event in events {
            kept.push(event);
        }
    }

    /// Forgets everything: the next connection may lead to a server with another end of the log.
    pub(crate) fn clear(&self) {
        *self.kept.write().expect(UNPOISONED) = Kept::default();
    }

    /// The events above `position`, at most `limit`; `None` where the table must be asked: the
    /// first of them is not here, or there are fewer than `limit` and the log is known to go on,
    /// to `heard`.
    pub(crate) fn after(
        &self,
        position: Position,
        limit: i64,
        heard: Position,
    ) -> Option<Vec<RecordedEvent>> {
        let kept = self.kept.read().expect(UNPOISONED);
        let first = kept.events.front()?.position;
        let skipped = usize::try_from(position.checked_add(1)?.checked_sub(first)?).ok()?;
        let found = kept.events.len().checked_sub(skipped).filter(|found| *found > 0)?;
        let limit = usize::try_from(limit).ok()?;
        let is_level = kept.events.back()?.position >= heard;
        (found >= limit || is_level)
            .then(|| kept.events.iter().skip(skipped).take(limit).cloned().collect())
    }
}

impl Kept {
    fn push(&mut self, event: RecordedEvent) {
        if self.events.back().is_some_and(|last| last.position + 1 != event.position) {
            *self = Self::default();
        }
        self.bytes += bytes(&event);
        self.events.push_back(event);
        while self.events.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some(first) = self.events.pop_front() else { break };
            self.bytes -= bytes(&first);
        }
    }
}

fn bytes(event: &RecordedEvent) -> usize {
    let stream = &event.stream;
    let names = stream.account.len() + stream.kind.len() + stream.id.len();
    EVENT_BYTES + names + event.event_type.len() + event.actor.len() + event.payload.len()
}

/// Adds the events of a committed command to `recorded`, as the log holds them.
///
/// They are the only ones of their command, of one account, and follow each other in both
/// numbers: the receipt's, of the last one, give those of all.
pub(crate) fn record(command: Prepared, receipt: &Receipt, recorded: &mut Vec<RecordedEvent>) {
    let Prepared { append, hashes, .. } = command;
    let Append { actor, correlation_id, causation_id, writes, .. } = append;
    let mut position = receipt.first_position;
    let mut account_seq = receipt.account_seq - (receipt.position - receipt.first_position);
    let mut hashes = hashes.into_iter();
    for write in writes {
        let versions = write.expected_version + 1..;
        for ((event, version), content_hash) in
            write.events.into_iter().zip(versions).zip(&mut hashes)
        {
            recorded.push(RecordedEvent {
                position,
                account_seq,
                stream: write.stream.clone(),
                version,
                event_id: event.event_id,
                event_type: event.event_type.to_owned(),
                schema_version: event.schema_version,
                payload: event.payload,
                actor: actor.clone(),
                correlation_id,
                causation_id: event.causation_id.or(causation_id),
                recorded_at: receipt.recorded_at,
                content_hash,
            });
            position += 1;
            account_seq += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::event::StreamId;

    fn event(position: Position, payload_bytes: usize) -> RecordedEvent {
        RecordedEvent {
            position,
            account_seq: position,
            stream: StreamId {
                account: "default".to_owned(),
                kind: "task".to_owned(),
                id: position.to_string(),
            },
            version: 1,
            event_id: Uuid::now_v7(),
            event_type: "task.updated".to_owned(),
            schema_version: 1,
            payload: " ".repeat(payload_bytes),
            actor: "project".to_owned(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            recorded_at: Timestamp::UNIX_EPOCH,
            content_hash: [0; 32],
        }
    }

    fn push(recent: &Recent, positions: std::ops::RangeInclusive<Position>) {
        recent.push(positions.map(|position| event(position, 0)).collect());
    }

    fn positions(
        recent: &Recent,
        after: Position,
        limit: i64,
        heard: Position,
    ) -> Option<Vec<Position>> {
        let events = recent.after(after, limit, heard)?;
        Some(events.iter().map(|event| event.position).collect())
    }

    #[test]
    fn it_answers_where_the_first_event_asked_for_is_kept() {
        let recent = Recent::default();
        assert_eq!(positions(&recent, 0, 10, 0), None);
        push(&recent, 5..=7);
        push(&recent, 8..=8);
        for (after, limit, expected) in [
            (3, 10, None),
            (4, 10, Some(vec![5, 6, 7, 8])),
            (4, 2, Some(vec![5, 6])),
            (4, 0, Some(vec![])),
            (7, 10, Some(vec![8])),
            (8, 10, None),
            (9, 10, None),
            (-1, 10, None),
            (Position::MIN, 10, None),
            (Position::MAX, 10, None),
        ] {
            assert_eq!(positions(&recent, after, limit, 8), expected, "{after} {limit}");
        }
    }

    #[test]
    fn a_short_answer_is_given_only_where_no_more_was_heard_of() {
        let recent = Recent::default();
        push(&recent, 5..=8);
        assert_eq!(positions(&recent, 6, 10, 8), Some(vec![7, 8]));
        assert_eq!(positions(&recent, 6, 10, 9), None);
        assert_eq!(positions(&recent, 6, 2, 9), Some(vec![7, 8]));
        assert_eq!(positions(&recent, 6, 3, 9), None);
    }

    #[test]
    fn after_a_gap_or_a_step_back_only_what_follows_is_kept() {
        for restart in [7, 6, 4, 1] {
            let recent = Recent::default();
            push(&recent, 3..=5);
            push(&recent, restart..=restart + 1);
            let followed = restart == 6;
            let expected = if followed { vec![3, 4, 5, 6, 7] } else { vec![restart, restart + 1] };
            let first = expected[0];
            assert_eq!(positions(&recent, first - 1, 10, 0), Some(expected), "{restart}");
            assert_eq!(positions(&recent, first - 2, 10, 0), None, "{restart}");
        }
    }

    #[test]
    fn what_was_forgotten_is_not_answered() {
        let recent = Recent::default();
        push(&recent, 1..=3);
        recent.clear();
        assert_eq!(positions(&recent, 0, 10, 0), None);
        push(&recent, 4..=4);
        assert_eq!(positions(&recent, 3, 10, 0), Some(vec![4]));
    }

    #[test]
    fn events_and_bytes_are_bounded_and_the_last_ones_stay() {
        let recent = Recent::default();
        let events_max = i64::try_from(EVENTS_MAX).unwrap();
        push(&recent, 1..=events_max + 10);
        assert_eq!(positions(&recent, 9, 1, 0), None);
        assert_eq!(positions(&recent, 10, 1, 0), Some(vec![11]));
        let kept = positions(&recent, 10, i64::MAX, 0).unwrap();
        assert_eq!(kept.len(), EVENTS_MAX);

        let recent = Recent::default();
        recent.push((1..=9).map(|position| event(position, BYTES_MAX / 4)).collect());
        assert_eq!(positions(&recent, 5, 10, 0), None);
        assert_eq!(positions(&recent, 6, 10, 0), Some(vec![7, 8, 9]));
        let occupied: usize = recent.kept.read().unwrap().events.iter().map(bytes).sum();
        assert_eq!(recent.kept.read().unwrap().bytes, occupied);
        // One that is too large for the bound is not kept, nor what came before it.
        recent.push(vec![event(10, BYTES_MAX)]);
        assert_eq!(positions(&recent, 8, 10, 0), None);
        assert_eq!(recent.kept.read().unwrap().bytes, 0);
        push(&recent, 11..=11);
        assert_eq!(positions(&recent, 10, 10, 0), Some(vec![11]));
    }
}
