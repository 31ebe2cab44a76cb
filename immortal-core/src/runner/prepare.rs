//! Everything before the handler runs: the event, the function, its code and layers on disk.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use tokio::try_join;

use super::{
    bootstrap,
    config::RunnerConfig,
    deployed_function::{DeployedFunction, refuse, requested},
    download::CodeDownloader,
    environment::EXEC_WRAPPER,
    error::RunnerError,
    event,
    extract::{self, CallOff, UnpackBudget},
    identity::FunctionIdentity,
    lambda::LambdaClient,
};
use crate::{
    aws::{AwsClients, error_chain},
    names::env,
    order::Order,
};

/// Everything that a run of the handler needs.
#[derive(Debug)]
pub(super) struct PreparedAttempt {
    pub(super) event: Bytes,
    pub(super) function: DeployedFunction,
    pub(super) identity: FunctionIdentity,
    pub(super) bootstrap: PathBuf,
    #[cfg(feature = "destinations")]
    pub(super) aws: AwsClients,
}

/// Fetches event, code and layers.
pub(super) async fn prepare(order: &Order, config: &RunnerConfig) -> Result<PreparedAttempt, RunnerError> {
    let aws = AwsClients::from_environment().await.map_err(|missing| RunnerError::Transient(missing.to_string()))?;
    let downloader = CodeDownloader::new(aws.http.clone(), config.stall_timeout);
    let lambda = LambdaClient::new(&aws);
    let event = event::read(&order.event, &aws);
    let code = code(order, config, &lambda, &downloader);
    let (event, (function, bootstrap)) = try_join!(event, code)?;
    let identity = FunctionIdentity::from_order(order, &function);
    Ok(PreparedAttempt {
        event,
        function,
        identity,
        bootstrap,
        #[cfg(feature = "destinations")]
        aws,
    })
}

async fn code(
    order: &Order,
    config: &RunnerConfig,
    lambda: &LambdaClient,
    downloader: &CodeDownloader,
) -> Result<(DeployedFunction, PathBuf), RunnerError> {
    let (name, qualifier) = requested(&order.context)?;
    let (name, qualifier) = (name.as_str(), qualifier.as_deref());
    let function = lambda.function(name, qualifier).await?;
    refuse(&function, std::env::consts::ARCH)?;
    let located = |function: &DeployedFunction| {
        function
            .package
            .clone()
            .ok_or_else(|| RunnerError::Transient(format!("GetFunction of {name} returned no download URL")))
    };
    let package = located(&function)?;
    let newer = Mutex::new(None);
    let zip = downloader
        .fetch(&format!("the code of function {name}"), &package, || async {
            let function = lambda.function(name, qualifier).await?;
            refuse(&function, std::env::consts::ARCH)?;
            let package = located(&function);
            *newer.lock().unwrap_or_else(PoisonError::into_inner) = Some(function);
            package
        })
        .await?;
    // Code, variables and layers come from one response, so they belong together.
    let function = newer.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or(function);
    let hash = function.package.as_ref().map_or("", |package| &package.sha256);
    tracing::info!("function {name}, version {}, runs with the code of hash {hash}", function.version);
    let budget = Arc::new(UnpackBudget::default());
    unpack(&format!("the code of function {name}"), zip, &config.task_root, &budget).await?;
    for layer in &function.layers {
        let what = format!("layer {layer}");
        let package = lambda.layer(layer).await?;
        let zip = downloader.fetch(&what, &package, || lambda.layer(layer)).await?;
        unpack(&what, zip, &config.layer_root, &budget).await?;
    }
    ignored(&function, config);
    let bootstrap = bootstrap::find(config, &function)?;
    Ok((function, bootstrap))
}

async fn unpack(what: &str, zip: File, root: &Path, budget: &Arc<UnpackBudget>) -> Result<(), RunnerError> {
    let call_off = CallOff::default();
    let (root, budget, flag) = (root.to_owned(), Arc::clone(budget), call_off.flag());
    let unpacked = tokio::task::spawn_blocking(move || extract::extract(zip, &root, &budget, &flag));
    match unpacked.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            let kind = if error.is_permanent() { RunnerError::Permanent } else { RunnerError::Internal };
            Err(kind(format!("{what} can't be unpacked: {}", error_chain(&error))))
        }
        Err(error) => Err(RunnerError::Internal(format!("{what} can't be unpacked: {error}"))),
    }
}

/// Logs which settings of the function are ignored here.
fn ignored(function: &DeployedFunction, config: &RunnerConfig) {
    let mut ignored = Vec::new();
    if let Ok(extensions) = fs::read_dir(config.layer_root.join("extensions")) {
        let names = extensions.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        ignored.extend(names.map(|name| format!("the extension {name}")));
    }
    if function.variables.0.contains_key(EXEC_WRAPPER) {
        ignored.push(format!("the wrapper script of {EXEC_WRAPPER}"));
    }
    if !ignored.is_empty() {
        tracing::warn!("function {} has settings that are ignored here: {}", function.name, ignored.join(", "));
    }
    // Which VPC the task is in can't be asked here: ECS's metadata has only addresses.
    if let Some(vpc) = &function.vpc {
        tracing::info!(
            "function {} is in {vpc}; what the handler reaches only there, it reaches here only if the dispatcher's {} are \
             of that VPC",
            function.name,
            env::SUBNETS
        );
    }
}
