//! `baton rebuild`.

use std::process::ExitCode;

use baton_projections::{Difference, Model, check, rebuild};

use crate::{
    config::Settings,
    wiring::{Core, StartError},
};

/// Rebuilds, or checks, one model or all.
#[expect(clippy::print_stdout, reason = "what was found is this command's output")]
pub(crate) async fn run(
    settings: Settings,
    model: Option<&str>,
    only_check: bool,
) -> Result<ExitCode, StartError> {
    let models = match model {
        None => Model::ALL.to_vec(),
        Some(name) => vec![Model::from_name(name).ok_or(StartError::NoSuchModel)?],
    };
    let core = Core::of_running(&settings).await?;
    let mut code = ExitCode::SUCCESS;
    for model in models {
        if only_check {
            let differences = check(&core.log, &core.pool, model).await?;
            for difference in &differences {
                let Difference { table, key, live, rebuilt } = difference;
                println!("{table} {key}: live {live:?}, by the log {rebuilt:?}");
            }
            match differences.len() {
                0 => println!("{}: equal to the log", model.name()),
                _ => code = ExitCode::FAILURE,
            }
        } else {
            let rebuilt = rebuild(&core.log, &core.pool, model).await?;
            let (name, position) = (model.name(), rebuilt.position);
            println!("{name}: rebuilt up to position {position} in {:?}", rebuilt.took);
        }
    }
    core.log.shutdown().await;
    Ok(code)
}
