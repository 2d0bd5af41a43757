//! The `baton` binary: which subcommand, and nothing else. Settings are in `config`, what is
//! connected to what in `wiring`; rules live in the crates.

mod account;
mod causality;
mod config;
mod doctor;
mod export;
mod followers;
mod logging;
mod nats;
mod rebuild;
mod roles;
mod serve;
mod status;
mod verify;
mod watching;
mod wiring;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

use crate::{causality::Direction, config::Settings};

/// Requests make many small, short-lived things on several threads.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Coordination backend for teams of AI agents.
#[derive(Parser)]
#[command(name = "baton", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve HTTP and run every follower of the log.
    Serve {
        /// Only these roles; processes around the same Postgres and NATS do the rest.
        #[arg(long, value_enum, value_delimiter = ',')]
        roles: Vec<roles::Role>,
    },
    /// Build read models again from the log, beside the live ones, and let them take their place.
    Rebuild {
        /// Name of one model; all when left out.
        model: Option<String>,
        /// Change nothing: build, compare with the live model row for row, and print what differs.
        #[arg(long)]
        check: bool,
    },
    /// Show where every subscription stands; fails when one stands still.
    Status,
    /// Build every read model once more from the log, beside the live one, and name each row and
    /// value that differs; fails when any does. Changes nothing.
    Doctor,
    /// Hold the log, or an export, against what the ledger has signed, and name the place of what
    /// differs; fails unless everything holds. Changes nothing.
    Verify {
        /// An export to verify, without a database.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// A checkpoint that was kept elsewhere; those in BATON_CHECKPOINT_DIR when left out.
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// The public key that is trusted, as `/v1/ledger/checkpoint` shows it; when left out, that
        /// of this node, or for an export without one the key in the file.
        #[arg(long)]
        key: Option<baton_ledger::Verifier>,
    },
    /// Write the events of an account into a file that can be verified anywhere.
    Export(export::ExportArguments),
    /// Show what led to an event: the event that did, what led to that, down to the request.
    Why {
        /// The event's id.
        event: uuid::Uuid,
    },
    /// Show what an event led to, and what that led to.
    Effects {
        /// The event's id.
        event: uuid::Uuid,
    },
    /// Manage accounts: each is a world of its own, with its own agents, tasks and webhooks.
    Account {
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Manage what is published on NATS.
    Nats {
        #[command(subcommand)]
        command: NatsCommand,
    },
    /// Print the OpenAPI document of the HTTP API.
    Openapi,
}

#[derive(Subcommand)]
enum NatsCommand {
    /// Delete the stream and publish the whole log again, with the same ids in the same order.
    Rebuild {
        /// Also where the stream is not of this log, and may be another Baton's.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum AccountCommand {
    /// Open an account and print its project token, which is never shown again.
    Create {
        /// A slug: 1 to 63 of a-z, 0-9 and -, beginning with a letter.
        name: String,
    },
    /// List the accounts, with how many agents each has.
    List,
    /// Make a new project token for an account and print it; every node refuses the old one
    /// within a second. Of two made at once, the one recorded last is good.
    RotateToken {
        /// The account. The token of "default" is a setting, BATON_PROJECT_TOKEN.
        name: String,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            say_why(&*error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    if matches!(command, Command::Openapi) {
        return print_openapi();
    }
    let settings = Settings::from_env()?;
    logging::start(&settings);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command {
        Command::Serve { roles } => {
            runtime.block_on(serve::serve(settings, roles::Roles::of(roles)))?;
        }
        Command::Rebuild { model, check } => {
            return Ok(runtime.block_on(rebuild::run(settings, model.as_deref(), check))?);
        }
        Command::Status => return Ok(runtime.block_on(status::run(&settings))?),
        Command::Doctor => return Ok(runtime.block_on(doctor::run(&settings))?),
        Command::Verify { file, checkpoint, key } => {
            let verification = verify::Verification { file, checkpoint, key };
            return Ok(runtime.block_on(verify::run(&settings, verification))?);
        }
        Command::Export(arguments) => {
            return Ok(runtime.block_on(export::run(settings, arguments))?);
        }
        Command::Why { event } => {
            runtime.block_on(causality::run(&settings, event, Direction::Causes))?;
        }
        Command::Effects { event } => {
            runtime.block_on(causality::run(&settings, event, Direction::Effects))?;
        }
        Command::Account { command } => runtime.block_on(account::run(settings, command))?,
        Command::Nats { command: NatsCommand::Rebuild { force } } => {
            return Ok(runtime.block_on(nats::rebuild(settings, force))?);
        }
        Command::Openapi => return print_openapi(),
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "the document is this command's output")]
fn print_openapi() -> Result<ExitCode, Box<dyn Error>> {
    print!("{}", baton_api::openapi());
    Ok(ExitCode::SUCCESS)
}

/// One line: what failed, and each cause behind it.
#[expect(clippy::print_stderr, reason = "this is how a command says why it failed")]
fn say_why(error: &dyn Error) {
    let mut line = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    eprintln!("{line}");
}
