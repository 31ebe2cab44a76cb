//! The environment variables of a sandbox.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>

use std::{net::SocketAddr, path::Path};

use super::version::FunctionVersion;
use crate::platform::Platform;

/// The variables that Lambda sets, and the function's own. Nothing is inherited from the emulator's process.
pub(super) fn sandbox_environment(
    platform: &Platform,
    version: &FunctionVersion,
    api: SocketAddr,
    root: &Path,
    temporary: &Path,
) -> Vec<(String, String)> {
    let function = &version.function;
    let root = root.to_string_lossy();
    let date = platform.now().strftime("%Y/%m/%d").to_string();
    let mut environment = platform.environment();
    environment.extend(
        [
            ("_HANDLER", function.handler.clone()),
            ("AWS_ACCESS_KEY_ID", "ASIAEMULATORFUNCTION".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "emulator".to_owned()),
            ("AWS_SESSION_TOKEN", "emulator".to_owned()),
            ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory.to_string()),
            ("AWS_LAMBDA_FUNCTION_VERSION", version.number.clone()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", format!("{date}/[{}]{}", version.number, platform.ids.hex(32))),
            ("AWS_LAMBDA_RUNTIME_API", api.to_string()),
            ("LAMBDA_TASK_ROOT", root.to_string()),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
            ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin".to_owned()),
            ("LD_LIBRARY_PATH", format!("/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:{root}:{root}/lib:/opt/lib")),
            ("LANG", "en_US.UTF-8".to_owned()),
            ("TZ", ":UTC".to_owned()),
            // In Lambda each sandbox has its own `/tmp`; plain processes share one.
            ("TMPDIR", temporary.to_string_lossy().into_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    // Not set for OS-only runtimes.
    if !function.runtime.starts_with("provided") {
        environment.push(("AWS_EXECUTION_ENV".to_owned(), format!("AWS_Lambda_{}", function.runtime)));
    }
    if let Some(level) = &function.json_log_level {
        environment.push(("AWS_LAMBDA_LOG_FORMAT".to_owned(), "JSON".to_owned()));
        environment.push(("AWS_LAMBDA_LOG_LEVEL".to_owned(), level.clone()));
    }
    environment.extend(function.environment.clone());
    environment
}
