//! `GetFunctionEventInvokeConfig`: the configuration of asynchronous invocations.

use std::sync::Arc;

use super::{function::FailureTarget, service::LambdaService};
use crate::platform::{ApiError, ServiceKind, answer, json_response, query_parameter, require_signature};
use axum::{
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::json;

/// Shape: `botocore:lambda:FunctionEventInvokeConfig`.
pub(super) async fn get(
    State(lambda): State<Arc<LambdaService>>,
    Path(function): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(&lambda.platform, ServiceKind::Lambda, "GetFunctionEventInvokeConfig", async |_| {
        require_signature(&headers)?;
        let qualifier = query_parameter(query.as_deref(), "Qualifier");
        let version = lambda.find_version(&function, qualifier.as_deref())?;
        let destination = |arn: Option<&String>| arn.map_or(json!({}), |arn| json!({ "Destination": arn }));
        let on_failure = match &version.function.on_failure {
            Some(FailureTarget::OnFailure(arn)) => Some(arn),
            Some(FailureTarget::DeadLetterConfig(_)) | None => None,
        };
        let on_success = version.function.on_success.as_ref();
        if on_failure.is_none() && on_success.is_none() {
            let arn = version.qualified_arn();
            let message = format!("The function {arn} doesn't have an EventInvokeConfig");
            return Err(ApiError::new(404, "ResourceNotFoundException", message));
        }
        Ok(json_response(
            &lambda.platform,
            &json!({
                "LastModified": lambda.platform.now().as_second(),
                "FunctionArn": version.qualified_arn(),
                "MaximumRetryAttempts": version.function.retries,
                "DestinationConfig": { "OnSuccess": destination(on_success), "OnFailure": destination(on_failure) },
            }),
        ))
    })
    .await
}
