//! `baton export`: an account's events as a file.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use baton_audit::{Export, Form, Wanted};
use baton_domain::{AccountId, Actor, AgentId, ProjectId, TaskId, account::Account};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    config::Settings,
    wiring::{Core, StartError},
};

/// How long a ledger that runs may take to sign what there is.
const SIGNED_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What is not whole yet.
const DRAFT: &str = "new";

/// Which events, in which form, and where to.
#[derive(Args)]
pub(crate) struct ExportArguments {
    /// In which form; only jsonl can be verified.
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// The file; the standard output when left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Whose events.
    #[arg(long, default_value = "default")]
    account: String,
    /// Only those recorded at this time or later, such as 2026-03-17T10:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only those recorded before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only those that this agent caused: its id, also after it was deleted, or its name.
    #[arg(long)]
    agent: Option<String>,
    /// Only those about this project and the tasks in it.
    #[arg(long, value_name = "ID")]
    project: Option<String>,
    /// Only those about the tasks of the chain that this task is in.
    #[arg(long, value_name = "ID")]
    task: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One JSON object a line; the last one proves the others.
    Jsonl,
    /// A table.
    Csv,
}

/// Writes the export, which stands at its place only once it is whole; fails when what was read is
/// not what was signed.
#[expect(clippy::print_stderr, reason = "the export itself may go to the standard output")]
pub(crate) async fn run(
    settings: Settings,
    arguments: ExportArguments,
) -> Result<ExitCode, StartError> {
    let out = arguments.out.clone();
    let form = match arguments.format {
        Format::Jsonl => Form::Jsonl,
        Format::Csv => Form::Csv,
    };
    let core = Core::of_running(&settings).await?;
    let wanted = wanted(&core, arguments)?;
    let behind = unsigned(&core, &wanted.account).await?;
    let export = Export::begin(core.pool.clone(), core.ledger.clone(), wanted, form).await;
    let export = match out {
        None => write(export?, io::stdout().lock(), Path::new("the standard output")).await?,
        Some(path) => write_file(export?, path).await?,
    };
    core.log.shutdown().await;
    let (events, signed) = (export.events(), export.signed());
    eprintln!("exported {events} events, of {signed} that are signed");
    if behind > 0 {
        eprintln!("{behind} later events are not signed, and not in the export: no ledger runs");
    }
    match form == Form::Csv || export.is_as_signed() {
        true => Ok(ExitCode::SUCCESS),
        false => {
            eprintln!("these events are not those that were signed: run `baton verify`");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// How many events of the account are not signed, once a ledger that runs has had its time.
async fn unsigned(core: &Core, account: &str) -> Result<i64, StartError> {
    let head = core.log.account_head(account).await.map_err(baton_history::FoldError::Read)?.0;
    let deadline = Instant::now() + SIGNED_WITHIN;
    loop {
        let signed = core.ledger.checkpoint(account).await?.map_or(0, |signed| signed.size);
        let behind = head.saturating_sub_unsigned(signed);
        if behind <= 0 || Instant::now() >= deadline {
            return Ok(behind.max(0));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn write_file(export: Export, path: PathBuf) -> Result<Export, StartError> {
    let mut draft = path.clone().into_os_string();
    draft.push(".");
    draft.push(DRAFT);
    let draft = PathBuf::from(draft);
    let cannot = |cause| StartError::Write { path: path.clone(), cause };
    let file = File::create(&draft).map_err(cannot)?;
    let export = write(export, BufWriter::new(&file), &path).await?;
    file.sync_all().map_err(cannot)?;
    fs::rename(&draft, &path).map_err(cannot)?;
    Ok(export)
}

async fn write(mut export: Export, mut out: impl Write, path: &Path) -> Result<Export, StartError> {
    let cannot = |cause| StartError::Write { path: path.to_owned(), cause };
    while let Some(piece) = export.next().await? {
        out.write_all(&piece).map_err(cannot)?;
    }
    out.flush().map_err(cannot)?;
    Ok(export)
}

/// What is asked for, as the log names it.
fn wanted(core: &Core, arguments: ExportArguments) -> Result<Wanted, StartError> {
    let account: AccountId = arguments.account.parse().map_err(|_| StartError::AccountName)?;
    let directory = core.commands.directory().account(&account).state;
    Ok(Wanted {
        from: time("--from", arguments.from)?,
        to: time("--to", arguments.to)?,
        actor: arguments.agent.map(|reference| actor(&directory, &reference)).transpose()?,
        project: id::<ProjectId>("--project", arguments.project)?,
        task: id::<TaskId>("--task", arguments.task)?,
        account: account.to_string(),
    })
}

fn time(option: &'static str, text: Option<String>) -> Result<Option<Timestamp>, StartError> {
    let mend = "a time such as 2026-03-17T10:00:00Z";
    let parse = |text: String| text.parse().map_err(|_| StartError::Option { option, mend });
    text.map(parse).transpose()
}

fn id<T: std::str::FromStr>(
    option: &'static str,
    text: Option<String>,
) -> Result<Option<T>, StartError> {
    let parse = |text: String| {
        text.parse().map_err(|_| StartError::Option { option, mend: "an id as the API shows it" })
    };
    text.map(parse).transpose()
}

/// The agent with this id or name.
fn actor(directory: &Account, reference: &str) -> Result<String, StartError> {
    let mend = "the id or the name of an agent of the account";
    let by_id = reference.parse::<AgentId>().ok().filter(|id| directory.agents.contains_key(id));
    let found = by_id.or_else(|| directory.find(reference).map(|agent| agent.id));
    let agent = found.ok_or(StartError::Option { option: "--agent", mend })?;
    Ok(Actor::Agent(agent).to_string())
}
