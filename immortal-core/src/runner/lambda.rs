//! The Lambda adapter: `GetFunction` and `GetLayerVersionByArn`.
//!
//! Shapes: `botocore:lambda:GetFunctionResponse`, `GetLayerVersionResponse`.

use aws_sdk_lambda::{
    Client,
    operation::get_function::GetFunctionOutput,
    types::{EnvironmentError, FunctionCodeLocationError, LoggingConfig, PackageType},
};

use super::{
    deployed_function::{CodePackage, DecryptionError, DeployedFunction, SecretValue},
    error::RunnerError,
    retry::{CallError, call_error, with_retries},
};
use crate::aws::{AwsClients, AwsError};

/// The Lambda client of the runner.
#[derive(Clone, Debug)]
pub(super) struct LambdaClient(Client);

impl LambdaClient {
    pub(super) fn new(aws: &AwsClients) -> Self {
        Self(Client::new(&aws.config))
    }

    /// Gets a function, or one of its versions.
    pub(super) async fn function(&self, name: &str, qualifier: Option<&str>) -> Result<DeployedFunction, RunnerError> {
        let what = match qualifier {
            Some(qualifier) => format!("GetFunction of {name}, version {qualifier},"),
            None => format!("GetFunction of {name}"),
        };
        with_retries(&what, || async {
            let call = self.0.get_function().function_name(name).set_qualifier(qualifier.map(str::to_owned));
            let answer = call.send().await;
            let answer = answer.map_err(|error| refused(error.into(), &what, "lambda:GetFunction on the function"))?;
            plain(answer).ok_or_else(|| CallError::Transient("an answer without a configuration".to_owned()))
        })
        .await
    }

    /// Gets a version of a layer.
    pub(super) async fn layer(&self, arn: &str) -> Result<CodePackage, RunnerError> {
        let what = format!("GetLayerVersion of {arn}");
        let permission = "lambda:GetLayerVersion on the layer (its owner must share it)";
        let layer = with_retries(&what, || async {
            let answer = self.0.get_layer_version_by_arn().arn(arn).send().await;
            answer.map_err(|error| refused(error.into(), &what, permission))
        });
        layer
            .await?
            .content
            .and_then(|content| {
                Some(CodePackage { location: SecretValue(content.location?), sha256: content.code_sha256? })
            })
            .ok_or_else(|| RunnerError::Transient(format!("{what} returned no download URL")))
    }
}

fn refused(error: AwsError, what: &str, permission: &str) -> CallError {
    call_error(error, what, |refusal| match refusal.code.as_str() {
        "ResourceNotFoundException" => RunnerError::Permanent(format!(
            "{what} found nothing: {refusal}; the function or this version of it was deleted, or is in another region"
        )),
        "ValidationException" | "InvalidParameterValueException" => {
            RunnerError::Permanent(format!("{what} was refused: {refusal}; the order names what can't be a function"))
        }
        _ => RunnerError::Transient(format!("{what} was refused: {refusal}; allow the task role {permission}")),
    })
}

fn plain(answer: GetFunctionOutput) -> Option<DeployedFunction> {
    let code = answer.code;
    let (location, code_error, code_key) =
        code.map(|code| (code.location, code.error, code.source_kms_key_arn)).unwrap_or_default();
    let configuration = answer.configuration?;
    let (variables, error) = match configuration.environment {
        Some(environment) => (environment.variables, environment.error),
        None => (None, None),
    };
    let logging = configuration.logging_config.unwrap_or_else(|| LoggingConfig::builder().build());
    let architectures = configuration.architectures.unwrap_or_default().into_iter();
    Some(DeployedFunction {
        name: configuration.function_name.unwrap_or_default(),
        arn: configuration.function_arn.unwrap_or_default(),
        version: configuration.version.unwrap_or_default(),
        runtime: configuration.runtime.map(|runtime| runtime.as_str().to_owned()),
        handler: configuration.handler,
        memory_mb: configuration.memory_size.and_then(|size| u32::try_from(size).ok()),
        log_group: logging.log_group,
        log_format: logging.log_format.map(|format| format.as_str().to_owned()),
        log_level: logging.application_log_level.map(|level| level.as_str().to_owned()),
        tracing_mode: (configuration.tracing_config).and_then(|tracing| Some(tracing.mode?.as_str().to_owned())),
        variables_error: error.map(DecryptionError::from),
        code_error: code_error.map(DecryptionError::from),
        code_key,
        variables: SecretValue(variables.unwrap_or_default().into_iter().collect()),
        is_image: configuration.package_type == Some(PackageType::Image),
        is_durable: configuration.durable_config.is_some(),
        has_file_system: configuration.file_system_configs.is_some_and(|configs| !configs.is_empty()),
        architectures: architectures.map(|architecture| architecture.as_str().to_owned()).collect(),
        vpc: configuration.vpc_config.and_then(|vpc| vpc.vpc_id).filter(|id| !id.is_empty()),
        layers: configuration.layers.into_iter().flatten().filter_map(|layer| layer.arn).collect(),
        package: location
            .zip(configuration.code_sha256)
            .map(|(location, sha256)| CodePackage { location: SecretValue(location), sha256 }),
    })
}

impl From<EnvironmentError> for DecryptionError {
    fn from(EnvironmentError { error_code, message, .. }: EnvironmentError) -> Self {
        Self { code: error_code.unwrap_or_default(), message: message.unwrap_or_default() }
    }
}

impl From<FunctionCodeLocationError> for DecryptionError {
    fn from(FunctionCodeLocationError { error_code, message, .. }: FunctionCodeLocationError) -> Self {
        Self { code: error_code.unwrap_or_default(), message: message.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::{
        Architecture, DurableConfig, EnvironmentResponse, FileSystemConfig, FunctionCodeLocation,
        FunctionConfiguration, Layer, Runtime, VpcConfigResponse,
    };

    use super::*;

    fn answer(configuration: FunctionConfiguration, code: FunctionCodeLocation) -> GetFunctionOutput {
        GetFunctionOutput::builder().configuration(configuration).code(code).build()
    }

    #[test]
    fn all_that_matters_is_read() {
        let configuration = FunctionConfiguration::builder()
            .function_name("ingest")
            .function_arn("a")
            .version("7")
            .runtime(Runtime::Providedal2023)
            .handler("bootstrap")
            .memory_size(512)
            .logging_config(LoggingConfig::builder().log_group("/aws/lambda/ingest").build())
            .environment(EnvironmentResponse::builder().variables("A", "1").build())
            .package_type(PackageType::Zip)
            .architectures(Architecture::Arm64)
            .set_file_system_configs(Some(vec![]))
            .layers(Layer::builder().arn("l").build())
            .vpc_config(VpcConfigResponse::builder().vpc_id("vpc-1").build())
            .code_sha256("h");
        let code = FunctionCodeLocation::builder().location("https://bucket/zip").build();
        let function = plain(answer(configuration.build(), code)).expect("a configuration");
        assert_eq!((function.name.as_str(), function.arn.as_str(), function.version.as_str()), ("ingest", "a", "7"));
        assert_eq!(function.runtime.as_deref(), Some("provided.al2023"));
        assert_eq!((function.handler.as_deref(), function.memory_mb), (Some("bootstrap"), Some(512)));
        assert_eq!(function.log_group.as_deref(), Some("/aws/lambda/ingest"));
        assert_eq!((function.variables.0["A"].as_str(), function.layers.len()), ("1", 1));
        let package = function.package.as_ref().expect("it names one");
        assert_eq!((package.location.0.as_str(), package.sha256.as_str()), ("https://bucket/zip", "h"));
        assert!(!function.is_image && !function.is_durable && !function.has_file_system);
        assert_eq!(function.architectures, ["arm64"]);
        assert_eq!(function.vpc.as_deref(), Some("vpc-1"));
    }

    #[test]
    fn what_cant_run_is_told_apart() {
        let error = EnvironmentError::builder().error_code("AccessDenied").message("kms").build();
        let file_system = FileSystemConfig::builder().arn("e").local_mount_path("/mnt/e").build().expect("both");
        let configuration = FunctionConfiguration::builder()
            .package_type(PackageType::Image)
            .durable_config(DurableConfig::builder().execution_timeout(9).build())
            .file_system_configs(file_system)
            .environment(EnvironmentResponse::builder().error(error).build())
            // A function outside any VPC, as GetFunction shows it.
            .vpc_config(VpcConfigResponse::builder().vpc_id("").build());
        let error = FunctionCodeLocationError::builder().error_code("AccessDeniedException").message("key").build();
        let code = FunctionCodeLocation::builder().image_uri("i").source_kms_key_arn("k").error(error).build();
        let function = plain(answer(configuration.build(), code)).expect("a configuration");
        assert!(function.is_image && function.is_durable && function.has_file_system && function.package.is_none());
        assert_eq!(function.vpc, None);
        let text = |error: Option<DecryptionError>| error.map(|error| error.to_string());
        assert_eq!(text(function.variables_error).as_deref(), Some("AccessDenied: kms"));
        assert_eq!(text(function.code_error).as_deref(), Some("AccessDeniedException: key"));
        assert_eq!(function.code_key.as_deref(), Some("k"));
        assert!(plain(GetFunctionOutput::builder().build()).is_none());
    }
}
