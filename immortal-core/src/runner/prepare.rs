//! Everything before the handler runs: the event, the function, its code and layers on disk.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use tokio::try_join;

use super::{
    cause::without_urls,
    config::{Config, Variables},
    download::Downloader,
    environment::EXEC_WRAPPER,
    event,
    exit::Obstacle,
    extract::{self, Budget, CallOff, Links, Unsound},
    function::{Function, refuse, wanted},
    lambda,
};
use crate::{
    aws::{self, Aws},
    order::Order,
};

/// All that a run of the handler needs.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) event: Bytes,
    pub(super) function: Function,
    pub(super) bootstrap: PathBuf,
}

/// Fetches event, code and layers.
pub(super) async fn prepare(order: &Order, config: &Config, variables: &Variables) -> Result<Prepared, Obstacle> {
    let http = aws::http_client().map_err(|error| Obstacle::Broken(format!("HTTPS can't be set up: {error}")))?;
    let downloader = Downloader::new(http.clone(), config.stall_timeout);
    let aws = Aws::new(http, |name| variables.get(name));
    let event = event::read(&order.event, &aws);
    let code = code(order, config, &aws, &downloader);
    let (event, (function, bootstrap)) = try_join!(event, code)?;
    Ok(Prepared { event, function, bootstrap })
}

async fn code(
    order: &Order,
    config: &Config,
    aws: &Aws,
    downloader: &Downloader,
) -> Result<(Function, PathBuf), Obstacle> {
    let (name, qualifier) = wanted(&order.context)?;
    let (name, qualifier) = (name.as_str(), qualifier.as_deref());
    let function = lambda::function(aws, name, qualifier).await?;
    refuse(&function, std::env::consts::ARCH)?;
    let located = |function: &Function| {
        function
            .package
            .clone()
            .ok_or_else(|| Obstacle::NotNow(format!("GetFunction of {name} names no place to download its code from")))
    };
    let package = located(&function)?;
    let newer = Mutex::new(None);
    let zip = downloader
        .fetch(&format!("the code of function {name}"), &package, || async {
            let function = lambda::function(aws, name, qualifier).await?;
            refuse(&function, std::env::consts::ARCH)?;
            let package = located(&function);
            *newer.lock().unwrap_or_else(PoisonError::into_inner) = Some(function);
            package
        })
        .await?;
    // What was deployed while it was fetched runs as one: code, variables and layers.
    let function = newer.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or(function);
    let hash = function.package.as_ref().map_or("", |package| &package.sha256);
    tracing::info!("function {name}, version {}, runs with the code of hash {hash}", function.version);
    let budget = Arc::new(Budget::default());
    unpack(&format!("the code of function {name}"), zip, &config.task_root, &budget, Links::new()).await?;
    let mut links = Links::new();
    for layer in &function.layers {
        let what = format!("layer {layer}");
        let package = lambda::layer(aws, layer).await?;
        let zip = downloader.fetch(&what, &package, || lambda::layer(aws, layer)).await?;
        links = unpack(&what, zip, &config.layer_root, &budget, links).await?;
    }
    ignored(&function, config);
    let bootstrap = bootstrap(config, &function)?;
    Ok((function, bootstrap))
}

async fn unpack(what: &str, zip: File, root: &Path, budget: &Arc<Budget>, mut links: Links) -> Result<Links, Obstacle> {
    let call_off = CallOff::default();
    let (root, budget, flag) = (root.to_owned(), Arc::clone(budget), call_off.flag());
    let unpacked =
        tokio::task::spawn_blocking(move || extract::extract(zip, &root, &budget, &mut links, &flag).map(|()| links));
    match unpacked.await {
        Ok(Ok(links)) => Ok(links),
        Ok(Err(error @ (Unsound::Disk { .. } | Unsound::CalledOff))) => {
            Err(Obstacle::Broken(format!("{what} can't be unpacked: {}", without_urls(&error))))
        }
        Ok(Err(error)) => Err(Obstacle::Never(format!(
            "{what} can't be unpacked, though its hash holds: {}; deploy another zip",
            without_urls(&error)
        ))),
        Err(error) => Err(Obstacle::Broken(format!("{what} can't be unpacked: {error}"))),
    }
}

/// Says in one line what of the function isn't honoured here.
fn ignored(function: &Function, config: &Config) {
    let mut ignored = Vec::new();
    if let Ok(extensions) = fs::read_dir(config.layer_root.join("extensions")) {
        let names = extensions.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        ignored.extend(names.map(|name| format!("the extension {name}")));
    }
    if function.variables.0.contains_key(EXEC_WRAPPER) {
        ignored.push(format!("the wrapper script of {EXEC_WRAPPER}"));
    }
    if !ignored.is_empty() {
        tracing::warn!("function {} has what isn't started here: {}", function.name, ignored.join(", "));
    }
}

/// The program to run: the function's own, a layer's, or that of the image.
///
/// A managed runtime's is always the image's: `bootstrap` in its zip is a file like any other.
fn bootstrap(config: &Config, function: &Function) -> Result<PathBuf, Obstacle> {
    let name = &function.name;
    let roots = [&config.task_root, &config.layer_root, &config.runtime_root];
    let candidates = roots.map(|root| root.join("bootstrap"));
    let ours = if function.managed().is_some() { &candidates[2..] } else { &candidates[..] };
    let Some((path, metadata)) = ours.iter().find_map(|path| Some((path, fs::metadata(path).ok()?))) else {
        return Err(Obstacle::Never(format!(
            "function {name} has no bootstrap, and neither has the runner's image; for a managed runtime, build the \
             image on AWS's base image of that language, which has {}",
            candidates[2].display()
        )));
    };
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err(Obstacle::Never(format!(
            "{} of function {name} isn't an executable file; give it mode 755 in the zip",
            path.display()
        )));
    }
    Ok(path.clone())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn config(root: &Path) -> Config {
        Config {
            task_root: root.join("task"),
            layer_root: root.join("opt"),
            runtime_root: root.join("runtime"),
            stop_timeout: Duration::from_secs(30),
            start_timeout: Duration::from_mins(15),
            stall_timeout: Duration::from_secs(30),
        }
    }

    fn put(path: &Path, mode: u32) {
        fs::create_dir_all(path.parent().expect("below a root")).expect("ours");
        fs::write(path, "#!/bin/sh\n").expect("ours");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    }

    #[test]
    fn the_functions_own_bootstrap_comes_first() {
        let root = tempfile::tempdir().expect("a directory");
        let config = config(root.path());
        let own = Function::default();
        assert!(matches!(bootstrap(&config, &own), Err(Obstacle::Never(message)) if message.contains("no bootstrap")));
        for directory in [&config.runtime_root, &config.layer_root, &config.task_root] {
            let path = directory.join("bootstrap");
            put(&path, 0o755);
            assert_eq!(bootstrap(&config, &own), Ok(path));
        }
        let managed = Function { runtime: Some("nodejs22.x".into()), ..own };
        assert_eq!(bootstrap(&config, &managed), Ok(config.runtime_root.join("bootstrap")));
    }

    #[test]
    fn a_bootstrap_must_be_executable() {
        let root = tempfile::tempdir().expect("a directory");
        let config = config(root.path());
        put(&config.task_root.join("bootstrap"), 0o644);
        let refused = bootstrap(&config, &Function::default());
        assert!(matches!(refused, Err(Obstacle::Never(message)) if message.contains("mode 755")));
    }
}
