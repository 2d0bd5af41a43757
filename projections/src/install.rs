//! Makes the models ready before anything is served: missing ones are made, those that other
//! code made are built again.

use baton_log::Log;
use deadpool_postgres::Pool;

use crate::error::InstallError;
use crate::model::Model;
use crate::rebuild::{Alone, replace};

const REGISTRY: &str = include_str!("sql/registry.sql");
const REGISTRY_LOCK: &str = include_str!("sql/registry_lock.sql");
const MODEL_VERSION: &str = include_str!("sql/model_version.sql");

/// Makes every model ready. Log and feed must be migrated; any number of nodes may do so at once.
///
/// # Errors
/// When a model cannot be made or built; what is there stays as it is.
pub async fn install(log: &Log, pool: &Pool) -> Result<(), InstallError> {
    make_registry(pool).await?;
    for model in Model::ALL {
        if made_by(pool, model).await? == Some(model.definition().version) {
            continue;
        }
        let alone = Alone::with(pool, model).await;
        let alone = alone.map_err(|cause| InstallError::Build { model, cause })?;
        // Another node may have built it meanwhile.
        let found = made_by(pool, model).await?;
        if found != Some(model.definition().version) {
            tracing::info!(%model, found, version = model.definition().version, "building");
            let built = replace(log, pool, &alone).await;
            built.map_err(|cause| InstallError::Build { model, cause })?;
        }
    }
    Ok(())
}

async fn make_registry(pool: &Pool) -> Result<(), InstallError> {
    let mut client = pool.get().await.map_err(InstallError::Pool)?;
    let made = async {
        let transaction = client.transaction().await?;
        transaction.batch_execute(REGISTRY_LOCK).await?;
        transaction.batch_execute(REGISTRY).await?;
        transaction.commit().await
    };
    made.await.map_err(InstallError::Registry)
}

/// The version of the code that made the model; none where there is no such model.
async fn made_by(pool: &Pool, model: Model) -> Result<Option<i32>, InstallError> {
    let client = pool.get().await.map_err(InstallError::Pool)?;
    let row = client.query_opt(MODEL_VERSION, &[&model.name()]).await;
    let row = row.map_err(InstallError::Registry)?;
    row.map(|row| row.try_get("version")).transpose().map_err(InstallError::Registry)
}
