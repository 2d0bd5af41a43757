//! `baton verify`: the log, or an export, held against what the ledger has signed. Changes nothing.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use baton_audit::{Anchors, AuditError, Proved, Report};
use baton_ledger::Verifier;

use crate::{
    config::Settings,
    wiring::{StartError, known_ledger_key, looking_pool},
};

/// What is verified, and by what.
pub(crate) struct Verification {
    /// An export; none: the log.
    pub(crate) file: Option<PathBuf>,
    /// A checkpoint that was kept elsewhere; none: those of the directory.
    pub(crate) checkpoint: Option<PathBuf>,
    /// The key that is trusted; none: this node's.
    pub(crate) key: Option<Verifier>,
}

/// Verifies, prints what was found, and fails when anything does not hold.
pub(crate) async fn run(
    settings: &Settings,
    verification: Verification,
) -> Result<ExitCode, StartError> {
    let key = match verification.key {
        Some(key) => Some(key),
        // Under which name is found in what was signed.
        None => known_ledger_key(settings)?.map(|key| key.verifier("baton")),
    };
    let began = Instant::now();
    let report = match verification.file {
        Some(file) => {
            let checkpoint = verification.checkpoint;
            let verified = tokio::task::spawn_blocking(move || {
                verify_file(&file, checkpoint.as_deref(), key.as_ref())
            });
            verified.await.expect("a verification is not cancelled")?
        }
        None => verify_log(settings, verification.checkpoint.as_deref(), key.as_ref()).await?,
    };
    print(&report, began.elapsed().as_secs_f64());
    match report.holds() {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::FAILURE),
    }
}

fn verify_file(
    file: &Path,
    checkpoint: Option<&Path>,
    key: Option<&Verifier>,
) -> Result<Report, StartError> {
    let anchors = match (checkpoint, key) {
        (None, _) => None,
        (Some(checkpoint), Some(key)) => Some(Anchors::of_file(checkpoint, key)?),
        (Some(_), None) => return Err(StartError::NoVerifier),
    };
    Ok(baton_audit::verify_file(file, key, anchors)?)
}

async fn verify_log(
    settings: &Settings,
    checkpoint: Option<&Path>,
    key: Option<&Verifier>,
) -> Result<Report, StartError> {
    let key = key.ok_or(StartError::NoVerifier)?;
    let anchors: Result<Anchors, AuditError> = match checkpoint {
        Some(checkpoint) => Anchors::of_file(checkpoint, key),
        None => Anchors::of_directory(&settings.checkpoints(), key),
    };
    let pool = looking_pool(settings)?;
    Ok(baton_audit::verify_log(&pool, anchors?, checkpoint.is_none()).await?)
}

/// What was found: first what does not hold, then what does.
#[expect(clippy::print_stdout, reason = "what was found is this command's output")]
fn print(report: &Report, seconds: f64) {
    for fault in &report.faults {
        println!("fault: {fault}");
    }
    if report.more_faults > 0 {
        println!("fault: and {} more", report.more_faults);
    }
    for Proved { account, events, beyond, checkpoint } in &report.proved {
        match checkpoint.is_empty() {
            true => println!("account {account}: no checkpoint proves any of {beyond} events"),
            false => println!("account {account}: {events} events as signed in {checkpoint}"),
        }
        if *beyond > 0 && !checkpoint.is_empty() {
            println!("account {account}: {beyond} events beyond that checkpoint are not proved");
        }
    }
    if let Some(key) = &report.key_of_the_file {
        println!("signed by the key in the file: compare it with the one you trust, or give --key");
        println!("  {key}");
    }
    let events = report.events;
    #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
    let rate = events as f64 / seconds.max(0.001);
    let outcome = if report.holds() { "verified" } else { "NOT verified" };
    println!("{outcome}: {events} events in {seconds:.1} s ({rate:.0} events/s)");
}
