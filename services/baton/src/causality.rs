//! `baton why` and `baton effects`: what led to an event, and what it led to. Change nothing, and
//! need the database only.

use std::collections::HashMap;

use baton_domain::Timestamp;
use baton_log::{Link, Trace, TraceBounds, Traced, causes, effects, link};
use uuid::Uuid;

use crate::{
    config::Settings,
    wiring::{StartError, looking_pool},
};

/// How much of a trace is printed.
const BOUNDS: TraceBounds = TraceBounds { depth_max: 100, events_max: 1_000 };

/// What is printed of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// What led to it.
    Causes,
    /// What it led to.
    Effects,
}

/// Prints the event, and below it the others.
#[expect(clippy::print_stdout, reason = "the tree is this command's output")]
pub(crate) async fn run(
    settings: &Settings,
    id: Uuid,
    direction: Direction,
) -> Result<(), StartError> {
    let pool = looking_pool(settings)?;
    let of = link(&pool, None, id).await?.ok_or(StartError::NoSuchEvent)?;
    let text = match direction {
        Direction::Causes => told_why(&of, &causes(&pool, &of, BOUNDS).await?),
        Direction::Effects => told_effects(&of, &effects(&pool, &of, BOUNDS).await?),
    };
    print!("{text}");
    Ok(())
}

fn told_why(of: &Link, trace: &Trace) -> String {
    let mut lines = vec![line(0, "", of)];
    lines.extend(trace.events.iter().map(|it| line(it.depth, "because of ", &it.link)));
    let first = trace.events.last().map_or(of, |traced| &traced.link);
    let depth = trace.events.len() + 1;
    if trace.is_cut {
        lines.push(indented(depth, "and so on"));
    } else if !first.actor.starts_with("system:") {
        lines.push(indented(depth, &format!("asked for by request {}", first.correlation_id)));
    }
    lines.concat()
}

fn told_effects(of: &Link, trace: &Trace) -> String {
    let mut led_to: HashMap<Option<Uuid>, Vec<&Traced>> = HashMap::new();
    // The last first: what is put on top of the others last is the first of them.
    for traced in trace.events.iter().rev() {
        led_to.entry(traced.link.causation_id).or_default().push(traced);
    }
    let mut lines = vec![line(0, "", of)];
    let mut next = led_to.remove(&Some(of.event_id)).unwrap_or_default();
    while let Some(Traced { depth, link }) = next.pop() {
        lines.push(line(*depth, "led to ", link));
        next.extend(led_to.remove(&Some(link.event_id)).unwrap_or_default());
    }
    if trace.is_cut {
        let TraceBounds { depth_max, events_max } = BOUNDS;
        lines.push(format!("and more: at most {events_max} in {depth_max} steps are shown\n"));
    }
    lines.concat()
}

fn line(depth: usize, how: &str, link: &Link) -> String {
    let Link { position, stream, event_id, event_type, actor, recorded_at, .. } = link;
    let at = Timestamp::from(*recorded_at);
    indented(
        depth,
        &format!("{how}{event_type} {stream} by {actor} at {at}, position {position}, {event_id}"),
    )
}

fn indented(depth: usize, text: &str) -> String {
    format!("{:width$}{text}\n", "", width = 2 * depth)
}

#[cfg(test)]
mod tests {
    use baton_log::StreamId;

    use super::*;

    fn traced(depth: usize, number: u128, cause: u128, actor: &str) -> Traced {
        let stream = StreamId { account: "a".into(), kind: "task".into(), id: "t".into() };
        let link = Link {
            position: i64::try_from(number).unwrap(),
            stream,
            version: 1,
            event_id: Uuid::from_u128(number),
            event_type: format!("e{number}"),
            actor: actor.to_owned(),
            correlation_id: Uuid::nil(),
            causation_id: (cause > 0).then(|| Uuid::from_u128(cause)),
            recorded_at: "2026-03-17T10:00:00Z".parse().unwrap(),
        };
        Traced { depth, link }
    }

    /// The first word of each line but for the verb, with its indentation.
    fn names(text: &str) -> Vec<String> {
        let name = |line: &str| {
            let indentation = line.len() - line.trim_start().len();
            let words = line.trim_start().trim_start_matches("led to ");
            let words = words.trim_start_matches("because of ");
            format!("{}{}", " ".repeat(indentation), words.split(' ').next().unwrap())
        };
        text.lines().map(name).collect()
    }

    #[test]
    fn causes_stand_below_each_other_down_to_the_request() {
        let of = traced(0, 3, 2, "system:policies").link;
        let events = vec![traced(1, 2, 1, "project"), traced(2, 1, 0, "project")];
        let text = told_why(&of, &Trace { events: events.clone(), is_cut: false });
        assert_eq!(names(&text), ["e3", "  e2", "    e1", "      asked"]);
        let place = "e3 a/task/t by system:policies at 2026-03-17T10:00:00.000Z, position 3";
        assert!(text.starts_with(place), "{text}");
        let text = told_why(&of, &Trace { events, is_cut: true });
        assert_eq!(names(&text), ["e3", "  e2", "    e1", "      and"]);
        // Nobody asked for what Baton did by itself.
        let own = traced(0, 1, 0, "system:scheduler").link;
        assert_eq!(names(&told_why(&own, &Trace::default())), ["e1"]);
    }

    #[test]
    fn effects_are_a_tree() {
        let of = traced(0, 1, 0, "project").link;
        let by = |depth, number, cause| traced(depth, number, cause, "project");
        let events = vec![by(1, 2, 1), by(1, 3, 1), by(2, 4, 2), by(2, 5, 3), by(3, 6, 4)];
        let text = told_effects(&of, &Trace { events, is_cut: false });
        assert_eq!(names(&text), ["e1", "  e2", "    e4", "      e6", "  e3", "    e5"]);
        let text = told_effects(&of, &Trace { events: vec![], is_cut: true });
        assert_eq!(names(&text), ["e1", "and"]);
    }
}
