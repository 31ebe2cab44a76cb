//! The process that runs in place of a task's container.

use std::{
    fs, io,
    os::unix::process::ExitStatusExt as _,
    process::ExitStatus,
    sync::{Arc, Mutex},
};

use immortal_core::names::env;

use super::EcsTask;
use crate::platform::{ChildProcess, Platform, ProcessSetup};

impl EcsTask {
    pub(super) async fn start(&self, platform: &Arc<Platform>) -> io::Result<ChildProcess> {
        let directory = platform.temporary_directory("task-")?;
        let root = directory.path();
        let (task, layers, temporary) = (root.join("task"), root.join("opt"), root.join("tmp"));
        for path in [&task, &layers, &temporary] {
            fs::create_dir(path)?;
        }
        let mut environment = platform.environment();
        // A container's id begins with its task's, as `DockerId` does in
        // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html
        let metadata = format!("{}/_/metadata/{}-0000000001", platform.endpoint(), self.id());
        environment.extend(
            [
                ("AWS_EXECUTION_ENV", "AWS_ECS_FARGATE".to_owned()),
                // On Fargate this is a link-local address; SDKs also allow loopback.
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/_/credentials", platform.endpoint())),
                ("ECS_CONTAINER_METADATA_URI_V4", metadata),
                ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
                // Stands in for the writable part of the container's file system.
                (env::TASK_ROOT, task.to_string_lossy().into_owned()),
                (env::LAYER_ROOT, layers.to_string_lossy().into_owned()),
                ("TMPDIR", temporary.to_string_lossy().into_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        environment.extend(self.environment.clone());
        let setup = ProcessSetup {
            owner: self.arn.clone(),
            command: self.command.clone(),
            environment,
            working_directory: root.to_owned(),
            directory,
            source: Arc::new(Mutex::new(self.source())),
            memory: self.size.1,
        };
        ChildProcess::start(platform, setup).await
    }
}

/// A container's exit code: 128 plus the signal's number if a signal ended it.
pub(super) fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}
