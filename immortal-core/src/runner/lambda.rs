//! The Lambda adapter: `GetFunction` and `GetLayerVersionByArn`.
//!
//! Shapes: `botocore:lambda:GetFunctionResponse`, `GetLayerVersionResponse`.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::Method;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;

use super::{
    exit::Obstacle,
    function::{Function, Package, Secret},
    retry::{Failed, is_passing, patiently},
};
use crate::aws::{Aws, PART, Request, Service, Trouble};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetFunction {
    code: Option<Code>,
    configuration: Option<Configuration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Code {
    location: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    function_name: Option<String>,
    function_arn: Option<String>,
    version: Option<String>,
    runtime: Option<String>,
    handler: Option<String>,
    memory_size: Option<u32>,
    logging_config: Option<LoggingConfig>,
    environment: Option<Environment>,
    package_type: Option<String>,
    durable_config: Option<Something>,
    file_system_configs: Option<Vec<Something>>,
    architectures: Option<Vec<String>>,
    layers: Option<Vec<Layer>>,
    code_sha256: Option<String>,
}

/// What matters only by being there.
#[derive(Deserialize)]
struct Something {}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingConfig {
    log_group: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: Option<BTreeMap<String, String>>,
    error: Option<EnvironmentError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EnvironmentError {
    error_code: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Layer {
    arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetLayerVersion {
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    location: Option<String>,
    code_sha256: Option<String>,
}

/// Asks for a function, or for one of its versions.
pub(super) async fn function(aws: &Aws, name: &str, qualifier: Option<&str>) -> Result<Function, Obstacle> {
    let what = match qualifier {
        Some(qualifier) => format!("GetFunction of {name}, version {qualifier},"),
        None => format!("GetFunction of {name}"),
    };
    let request = get_function(name, qualifier);
    patiently(&what, || async {
        let answer = aws.json(&request).await;
        let answer = answer.map_err(|trouble| refused(trouble, &what, "lambda:GetFunction on the function"))?;
        plain(answer).ok_or_else(|| Failed::Again("an answer without a configuration".to_owned()))
    })
    .await
}

/// Asks for a version of a layer.
pub(super) async fn layer(aws: &Aws, arn: &str) -> Result<Package, Obstacle> {
    let what = format!("GetLayerVersion of {arn}");
    let request = get_layer(arn);
    let layer: GetLayerVersion = patiently(&what, || async {
        aws.json(&request)
            .await
            .map_err(|trouble| refused(trouble, &what, "lambda:GetLayerVersion on the layer (its owner must share it)"))
    })
    .await?;
    layer
        .content
        .and_then(|content| Some(Package { location: Secret(content.location?), sha256: content.code_sha256? }))
        .ok_or_else(|| Obstacle::NotNow(format!("{what} names no place to download it from")))
}

/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>.
fn get_function(name: &str, qualifier: Option<&str>) -> Request {
    let name = utf8_percent_encode(name, PART);
    get(match qualifier {
        Some(qualifier) => {
            format!("/2015-03-31/functions/{name}?Qualifier={}", utf8_percent_encode(qualifier, PART))
        }
        None => format!("/2015-03-31/functions/{name}"),
    })
}

/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersionByArn.html>.
fn get_layer(arn: &str) -> Request {
    get(format!("/2018-10-31/layers?find=LayerVersion&Arn={}", utf8_percent_encode(arn, PART)))
}

fn get(path: String) -> Request {
    Request { service: Service::Lambda, method: Method::GET, bucket: None, path, headers: vec![], body: Bytes::new() }
}

fn refused(trouble: Trouble, what: &str, permission: &str) -> Failed {
    let refused = match trouble {
        Trouble::Unanswered(why) => return Failed::Again(why),
        Trouble::Unsent(why) => {
            return Failed::For(Obstacle::NotNow(format!("{what} couldn't be asked for: {why}")));
        }
        Trouble::Refused(refused) => refused,
    };
    match refused.code.as_str() {
        _ if is_passing(&refused) => Failed::Again(refused.to_string()),
        "ResourceNotFoundException" => Failed::For(Obstacle::Never(format!(
            "{what} found nothing: {refused}; the function or this version of it was deleted, or lies in another region"
        ))),
        "ValidationException" | "InvalidParameterValueException" => Failed::For(Obstacle::Never(format!(
            "{what} was refused: {refused}; the order names what can't be a function"
        ))),
        _ => Failed::For(Obstacle::NotNow(format!("{what} was refused: {refused}; allow the task role {permission}"))),
    }
}

fn plain(answer: GetFunction) -> Option<Function> {
    let location = answer.code.and_then(|code| code.location);
    let configuration = answer.configuration?;
    let (variables, error) = match configuration.environment {
        Some(environment) => (environment.variables, environment.error),
        None => (None, None),
    };
    Some(Function {
        name: configuration.function_name.unwrap_or_default(),
        arn: configuration.function_arn.unwrap_or_default(),
        version: configuration.version.unwrap_or_default(),
        runtime: configuration.runtime,
        handler: configuration.handler,
        memory_mb: configuration.memory_size,
        log_group: configuration.logging_config.and_then(|logging| logging.log_group),
        variables_error: error
            .map(|error| [error.error_code, error.message].into_iter().flatten().collect::<Vec<_>>().join(": ")),
        variables: Secret(variables.unwrap_or_default()),
        is_image: configuration.package_type.as_deref() == Some("Image"),
        is_durable: configuration.durable_config.is_some(),
        has_file_system: configuration.file_system_configs.is_some_and(|configs| !configs.is_empty()),
        architectures: configuration.architectures.unwrap_or_default(),
        layers: configuration.layers.into_iter().flatten().filter_map(|layer| layer.arn).collect(),
        package: location
            .zip(configuration.code_sha256)
            .map(|(location, sha256)| Package { location: Secret(location), sha256 }),
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::Client;

    use super::*;
    use crate::aws::tests::{HERE, ours, read_by_theirs, theirs};

    const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:ingest";

    #[tokio::test]
    async fn requests_are_those_of_the_generated_client() {
        for (name, qualifier) in
            [("ingest", None), ("ingest", Some("7")), (ARN, Some("$LATEST")), ("a_b-c", Some("live"))]
        {
            let asked = theirs(HERE, async |config| {
                let call = Client::new(&config).get_function().function_name(name);
                call.set_qualifier(qualifier.map(str::to_owned)).send().await
            });
            assert_eq!(ours(&get_function(name, qualifier), HERE).await, asked.await, "{name} {qualifier:?}");
        }
        let layer = "arn:aws:lambda:eu-central-1:123456789012:layer:fonts:3";
        let asked =
            theirs(HERE, async |config| Client::new(&config).get_layer_version_by_arn().arn(layer).send().await);
        assert_eq!(ours(&get_layer(layer), HERE).await, asked.await);
    }

    #[tokio::test]
    async fn all_that_matters_is_read() {
        const ANSWER: &str = r#"{"Configuration":{"FunctionName":"ingest","FunctionArn":"a","Version":"7","Runtime":"provided.al2023",
            "Handler":"bootstrap","MemorySize":512,"LoggingConfig":{"LogFormat":"Text","LogGroup":"/aws/lambda/ingest"},
            "Environment":{"Variables":{"A":"1"}},"PackageType":"Zip","Architectures":["arm64"],"FileSystemConfigs":[],
            "Layers":[{"Arn":"l","CodeSize":5}],"CodeSha256":"h","SnapStart":{"ApplyOn":"None"}},
            "Code":{"RepositoryType":"S3","Location":"https://bucket/zip"},"Tags":{}}"#;
        let function = plain(serde_json::from_str(ANSWER).expect("JSON")).expect("a configuration");
        let theirs = read_by_theirs(ANSWER, async |config| {
            Client::new(&config).get_function().function_name("ingest").send().await.expect("an answer")
        });
        let theirs = theirs.await;
        let package = function.package.clone().expect("it names one");
        assert_eq!(theirs.code().and_then(|code| code.location()), Some(package.location.0.as_str()));
        let theirs = theirs.configuration().expect("a configuration");
        assert_eq!(theirs.code_sha256(), Some(package.sha256.as_str()));
        assert_eq!(
            (theirs.function_arn(), theirs.handler()),
            (Some(function.arn.as_str()), function.handler.as_deref())
        );
        assert_eq!(theirs.runtime().map(aws_sdk_lambda::types::Runtime::as_str), function.runtime.as_deref());
        assert_eq!(
            theirs.environment().and_then(|it| it.variables()).map(|variables| variables["A"].as_str()),
            Some("1")
        );
        assert_eq!((function.name.as_str(), function.version.as_str()), ("ingest", "7"));
        assert_eq!((function.memory_mb, function.log_group.as_deref()), (Some(512), Some("/aws/lambda/ingest")));
        assert_eq!((function.variables.0["A"].as_str(), function.layers.len()), ("1", 1));
        assert_eq!(function.package.map(|package| package.sha256).as_deref(), Some("h"));
        assert!(!function.is_image && !function.is_durable && !function.has_file_system);
        assert_eq!(function.architectures, ["arm64"]);

        let answer = r#"{"Configuration":{"PackageType":"Image","DurableConfig":{"ExecutionTimeout":9},
            "FileSystemConfigs":[{"Arn":"e","LocalMountPath":"/mnt/e"}],
            "Environment":{"Error":{"ErrorCode":"AccessDenied","Message":"kms"}}},"Code":{"ImageUri":"i"}}"#;
        let function = plain(serde_json::from_str(answer).expect("JSON")).expect("a configuration");
        assert!(function.is_image && function.is_durable && function.has_file_system && function.package.is_none());
        assert_eq!(function.variables_error.as_deref(), Some("AccessDenied: kms"));
        assert!(plain(serde_json::from_str("{}").expect("JSON")).is_none());
    }
}
