//! The identity of this process among the writers of its job's progress.

use std::time::Duration;

use serde::Deserialize;
use tokio::sync::OnceCell;

use super::fence::{AttemptRank, ProgressWriter};
use crate::{aws::AwsClients, names::env, start::attempt, stderr};

/// The variable with ECS's metadata endpoint.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html>
const METADATA: &str = "ECS_CONTAINER_METADATA_URI_V4";

/// The timeout of the metadata endpoint, which is on the same host.
const METADATA_TIMEOUT: Duration = Duration::from_secs(2);

/// On Fargate the task's ARN, which says where to look; in Lambda, where a process has one invocation after the other,
/// a random id each time.
pub(super) async fn process_writer(aws: &AwsClients) -> ProgressWriter {
    static TASK: OnceCell<String> = OnceCell::const_new();
    let series = std::env::var(env::SERIES).ok().and_then(|series| series.parse().ok()).unwrap_or(0);
    let rank = AttemptRank { series, attempt: attempt() };
    let random = || format!("{:032x}", fastrand::u128(..));
    let id = if rank.attempt == 0 {
        random()
    } else {
        TASK.get_or_init(|| async { task_arn(aws).await.unwrap_or_else(random) }).await.clone()
    };
    ProgressWriter { rank, id }
}

#[derive(Deserialize)]
struct TaskMetadata {
    #[serde(rename = "TaskARN")]
    arn: String,
}

async fn task_arn(aws: &AwsClients) -> Option<String> {
    let url = format!("{}/task", std::env::var(METADATA).ok()?);
    let asked = tokio::time::timeout(METADATA_TIMEOUT, aws.http.get_text(&url)).await;
    let problem = match asked.map(|answer| answer.map(|text| serde_json::from_str::<TaskMetadata>(&text))) {
        Ok(Ok(Ok(task))) => return Some(task.arn),
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    stderr::line(format_args!(
        "the task's ARN can't be read from {url}, so progress is saved under a random id: {problem}"
    ));
    None
}
