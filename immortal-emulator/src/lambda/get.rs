//! `GetFunction`, `GetFunctionConfiguration`, `GetLayerVersion` and `GetLayerVersionByArn`.

use std::sync::Arc;

use super::{function::FailureTarget, service::LambdaService, version::FunctionVersion};
use crate::platform::{ACCOUNT, ApiError, ServiceKind, answer, arn, json_response, query_parameter, require_signature};
use axum::{
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::{Value, json};

pub(super) async fn get_function(
    State(lambda): State<Arc<LambdaService>>,
    Path(function): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(&lambda.platform, ServiceKind::Lambda, "GetFunction", async |_| {
        require_signature(&headers)?;
        let qualifier = query_parameter(query.as_deref(), "Qualifier");
        let version = lambda.find_version(&function, qualifier.as_deref())?;
        let arn = if qualifier.is_some() { version.qualified_arn() } else { version.function_arn() };
        let code = match (&version.function.image_uri, &version.function.code_error) {
            (Some(uri), _) => json!({ "RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": uri }),
            // Shape: `botocore:lambda:FunctionCodeLocation`.
            (None, Some((key, code, message))) => json!({
                "RepositoryType": "S3",
                "SourceKMSKeyArn": key,
                "Error": { "ErrorCode": code, "Message": message },
            }),
            (None, None) => json!({ "RepositoryType": "S3", "Location": lambda.presigned_url(&version.package) }),
        };
        let configuration = configuration(&lambda, &version, &arn);
        Ok(json_response(&lambda.platform, &json!({ "Configuration": configuration, "Code": code, "Tags": {} })))
    })
    .await
}

pub(super) async fn get_function_configuration(
    State(lambda): State<Arc<LambdaService>>,
    Path(function): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(&lambda.platform, ServiceKind::Lambda, "GetFunctionConfiguration", async |_| {
        require_signature(&headers)?;
        let qualifier = query_parameter(query.as_deref(), "Qualifier");
        let version = lambda.find_version(&function, qualifier.as_deref())?;
        let arn = if qualifier.is_some() { version.qualified_arn() } else { version.function_arn() };
        Ok(json_response(&lambda.platform, &configuration(&lambda, &version, &arn)))
    })
    .await
}

pub(super) async fn get_layer_version(
    State(lambda): State<Arc<LambdaService>>,
    Path((layer, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let name = layer.rsplit(':').next().unwrap_or_default();
    get_layer(&lambda, "GetLayerVersion", &headers, &arn("lambda", &format!("layer:{name}:{version}"))).await
}

pub(super) async fn get_layer_version_by_arn(
    State(lambda): State<Arc<LambdaService>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let arn = query_parameter(query.as_deref(), "Arn").unwrap_or_default();
    get_layer(&lambda, "GetLayerVersionByArn", &headers, &arn).await
}

async fn get_layer(lambda: &LambdaService, operation: &str, headers: &HeaderMap, arn: &str) -> Response {
    answer(&lambda.platform, ServiceKind::Lambda, operation, async |_| {
        require_signature(headers)?;
        let package = lambda.layer_by_arn(arn).ok_or_else(|| {
            ApiError::new(404, "ResourceNotFoundException", "The resource you requested does not exist.")
        })?;
        let (layer, version) = arn.rsplit_once(':').unwrap_or_default();
        Ok(json_response(
            &lambda.platform,
            &json!({
                "Content": {
                    "Location": lambda.presigned_url(&package),
                    "CodeSha256": package.sha256,
                    "CodeSize": package.zip.len(),
                },
                "LayerArn": layer,
                "LayerVersionArn": arn,
                "Version": version.parse::<u64>().unwrap_or_default(),
                "CreatedDate": lambda.platform.now().to_string(),
            }),
        ))
    })
    .await
}

/// Source: the `FunctionConfiguration` shape of the Lambda API.
fn configuration(lambda: &LambdaService, version: &FunctionVersion, arn: &str) -> Value {
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
        "LastModified": lambda.platform.now().to_string(),
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
    if let Some(level) = &function.json_log_level {
        configuration["LoggingConfig"]["LogFormat"] = json!("JSON");
        configuration["LoggingConfig"]["ApplicationLogLevel"] = json!(level);
        configuration["LoggingConfig"]["SystemLogLevel"] = json!("INFO");
    }
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
        let size = |arn: &str| lambda.layer_by_arn(arn).map_or(0, |package| package.zip.len());
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
