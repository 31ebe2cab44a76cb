//! `GetFunction`, `GetLayerVersion` and `GetLayerVersionByArn`.

use std::sync::Arc;

use axum::{
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::{Value, json};

use super::{Package, Version};
use crate::{
    ACCOUNT, FailureTarget,
    api::{ApiError, Service, answer, json_response, signed},
    cloud::{Cloud, arn},
};

pub(crate) async fn get_function(
    State(cloud): State<Arc<Cloud>>,
    Path(function): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(&cloud, Service::Lambda, "GetFunction", async |_| {
        signed(&headers)?;
        let qualifier = parameter(query.as_deref(), "Qualifier");
        let version = cloud.functions.find(&function, qualifier.as_deref())?;
        let arn = if qualifier.is_some() { version.qualified_arn() } else { version.function_arn() };
        let code = match &version.function.image_uri {
            Some(uri) => json!({ "RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": uri }),
            None => json!({ "RepositoryType": "S3", "Location": cloud.functions.location(&cloud, &version.package) }),
        };
        let configuration = configuration(&cloud, &version, &arn);
        Ok(json_response(&cloud, &json!({ "Configuration": configuration, "Code": code, "Tags": {} })))
    })
    .await
}

pub(crate) async fn get_layer_version(
    State(cloud): State<Arc<Cloud>>,
    Path((layer, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let name = layer.rsplit(':').next().unwrap_or_default();
    get_layer(&cloud, "GetLayerVersion", &headers, &arn("lambda", &format!("layer:{name}:{version}"))).await
}

pub(crate) async fn get_layer_version_by_arn(
    State(cloud): State<Arc<Cloud>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let arn = parameter(query.as_deref(), "Arn").unwrap_or_default();
    get_layer(&cloud, "GetLayerVersionByArn", &headers, &arn).await
}

async fn get_layer(cloud: &Cloud, operation: &str, headers: &HeaderMap, arn: &str) -> Response {
    answer(cloud, Service::Lambda, operation, async |_| {
        signed(headers)?;
        let package = cloud.functions.layer_by_arn(arn).ok_or_else(|| {
            ApiError::new(404, "ResourceNotFoundException", "The resource you requested does not exist.")
        })?;
        let (layer, version) = arn.rsplit_once(':').unwrap_or_default();
        Ok(json_response(
            cloud,
            &json!({
                "Content": {
                    "Location": cloud.functions.location(cloud, &package),
                    "CodeSha256": package.sha256,
                    "CodeSize": package.zip.len(),
                },
                "LayerArn": layer,
                "LayerVersionArn": arn,
                "Version": version.parse::<u64>().unwrap_or_default(),
                "CreatedDate": cloud.now().to_string(),
            }),
        ))
    })
    .await
}

/// Source: the `FunctionConfiguration` shape of the Lambda API.
fn configuration(cloud: &Cloud, version: &Version, arn: &str) -> Value {
    let function = &version.function;
    let image = function.image_uri.is_some();
    let mut configuration = json!({
        "FunctionName": function.name,
        "FunctionArn": arn,
        "Role": format!("arn:aws:iam::{ACCOUNT}:role/{}", function.name),
        "CodeSize": version.package.zip.len(),
        "CodeSha256": version.package.sha256,
        "Description": "",
        "Timeout": function.timeout.as_secs().max(1),
        "MemorySize": function.memory,
        "LastModified": cloud.now().to_string(),
        "Version": version.number,
        "RevisionId": version.revision,
        "TracingConfig": { "Mode": "PassThrough" },
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": if image { "Image" } else { "Zip" },
        "Architectures": [function.architecture],
        "EphemeralStorage": { "Size": 512 },
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{}", function.name) },
    });
    let mut set = |name: &str, value: Value| configuration[name] = value;
    if !image {
        set("Runtime", json!(function.runtime));
        set("Handler", json!(function.handler));
    }
    match &function.environment_error {
        Some((code, message)) => set("Environment", json!({ "Error": { "ErrorCode": code, "Message": message } })),
        None if function.environment.is_empty() => {}
        None => set("Environment", json!({ "Variables": function.environment })),
    }
    if !function.layers.is_empty() {
        let size = |arn: &str| cloud.functions.layer_by_arn(arn).map_or(0, |package: Package| package.zip.len());
        let layers = function.layers.iter().map(|arn| json!({ "Arn": arn, "CodeSize": size(arn) }));
        set("Layers", layers.collect());
    }
    if !function.file_systems.is_empty() {
        let systems = function.file_systems.iter().map(|(arn, path)| json!({ "Arn": arn, "LocalMountPath": path }));
        set("FileSystemConfigs", systems.collect());
    }
    if function.durable {
        set("DurableConfig", json!({ "ExecutionTimeout": 86_400, "RetentionPeriodInDays": 14 }));
    }
    if let Some(FailureTarget::DeadLetterConfig(arn)) = &function.on_failure {
        set("DeadLetterConfig", json!({ "TargetArn": arn }));
    }
    configuration
}

/// One parameter of a query, decoded.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| decode(value))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = hex.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded() {
        let query = Some("find=LayerVersion&Arn=arn%3Aaws%3Ax&Qualifier=%24LATEST&odd=%2");
        assert_eq!(parameter(query, "Arn").as_deref(), Some("arn:aws:x"));
        assert_eq!(parameter(query, "Qualifier").as_deref(), Some("$LATEST"));
        assert_eq!(parameter(query, "odd").as_deref(), Some("%2"));
        assert_eq!(parameter(query, "none"), None);
    }
}
