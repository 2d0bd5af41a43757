//! `baton nats rebuild`: the JetStream stream is deleted and published again from the log.

use std::{process::ExitCode, time::Duration};

use baton_feed::relay::{self, Relay, RelaySettings, StreamState};
use baton_log::Position;
use tokio::time::Instant;

use crate::{
    config::Settings,
    wiring::{Core, NATS_URL_FILE, StartError},
};

/// How often the command looks how far the relay is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often it says so.
const SAY_EVERY: Duration = Duration::from_secs(1);
/// Without any progress for so long it gives up; the relay does not.
const PATIENCE: Duration = Duration::from_secs(60);

/// Deletes the stream and waits until the relay has published the whole log again: the one of a
/// running node, or this command's own, where no node holds the subscription.
///
/// A stream of another log is left alone unless it is `forced`: it may be another Baton's.
#[expect(clippy::print_stdout, reason = "how far it is, is this command's output")]
pub(crate) async fn rebuild(settings: Settings, forced: bool) -> Result<ExitCode, StartError> {
    let url = match &settings.nats_url {
        Some(url) => url.clone(),
        None => local_nats(&settings)?,
    };
    let core = Core::of_running(&settings).await?;
    let client = relay::connect(&url).await.map_err(StartError::Nats)?;
    let stream = RelaySettings::default();
    if !forced && !relay::is_of_log(&client, &stream, &core.log).await? {
        core.log.shutdown().await;
        return Err(StartError::StreamOfAnother { stream: stream.stream });
    }
    let deleted = relay::delete_stream(&client, &stream).await?;
    let last = deleted.map_or(0, |state| state.last);
    println!("deleted the stream {}, which ended at {last}", stream.stream);
    // Stands by where a node holds the subscription, and steps in should that node end.
    let history = core.commands.history().clone();
    let own = Relay::new(history, client.clone(), stream.clone());
    let own = baton_feed::spawn(core.log.clone(), core.pool.clone(), Relay::subscription(), own);
    let filled = filled(&core, &client, &stream).await;
    own.shutdown().await;
    core.log.shutdown().await;
    let (state, head) = filled?;
    let is_whole = state.first == 1.min(head) && state.messages == state.last;
    println!("published {} events, up to position {}", state.messages, state.last);
    match is_whole && state.last >= head {
        true => Ok(ExitCode::SUCCESS),
        false => {
            println!("the stream holds {} to {}, not all of the log", state.first, state.last);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Waits until the stream has reached the log's head; what it holds then, and that head.
#[expect(clippy::print_stdout, reason = "how far it is, is this command's output")]
async fn filled(
    core: &Core,
    client: &relay::NatsClient,
    stream: &RelaySettings,
) -> Result<(StreamState, Position), StartError> {
    let head = core.log.head().await.map_err(baton_history::FoldError::Read)?;
    let (mut reached, mut moved_at, mut said_at) = (0, Instant::now(), Instant::now());
    loop {
        let state = relay::stream_state(client, stream).await?.unwrap_or_default();
        if state.last >= head {
            return Ok((state, head));
        }
        if state.last > reached {
            (reached, moved_at) = (state.last, Instant::now());
        }
        if moved_at.elapsed() >= PATIENCE {
            return Err(StartError::NatsRebuild { reached, head, waited: PATIENCE });
        }
        if said_at.elapsed() >= SAY_EVERY {
            println!("published {reached} of {head} events");
            said_at = Instant::now();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The private NATS of a running node in local mode.
fn local_nats(settings: &Settings) -> Result<String, StartError> {
    let text = std::fs::read_to_string(settings.data_dir.join(NATS_URL_FILE));
    text.map(|text| text.trim().to_owned()).map_err(|_| StartError::NoNats)
}
