//! The Lambda client, behind the runner's own types.

use aws_sdk_lambda::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_function::GetFunctionOutput,
    types::PackageType,
};

use super::{
    cause::without_urls,
    exit::Obstacle,
    function::{Function, Package, Secret},
    retry::{Refused, is_passing, patiently},
};

/// Asks for a function, or for one of its versions.
pub(super) async fn function(client: &Client, name: &str, qualifier: Option<&str>) -> Result<Function, Obstacle> {
    let what = match qualifier {
        Some(qualifier) => format!("GetFunction of {name}, version {qualifier},"),
        None => format!("GetFunction of {name}"),
    };
    patiently(&what, || async {
        let answer = client.get_function().function_name(name).set_qualifier(qualifier.map(str::to_owned)).send().await;
        let answer = answer.map_err(|error| refused(&error, &what, "lambda:GetFunction on the function"))?;
        plain(answer).ok_or_else(|| Refused::Again("an answer without a configuration".to_owned()))
    })
    .await
}

/// Asks for a version of a layer.
pub(super) async fn layer(client: &Client, arn: &str) -> Result<Package, Obstacle> {
    let what = format!("GetLayerVersion of {arn}");
    let content = patiently(&what, || async {
        let answer = client.get_layer_version_by_arn().arn(arn).send().await;
        answer
            .map(|layer| layer.content)
            .map_err(|error| refused(&error, &what, "lambda:GetLayerVersion on the layer (its owner must share it)"))
    })
    .await?;
    content
        .and_then(|content| Some(Package { location: Secret(content.location?), sha256: content.code_sha256? }))
        .ok_or_else(|| Obstacle::NotNow(format!("{what} names no place to download it from")))
}

fn refused<E: ProvideErrorMetadata + std::error::Error + 'static>(
    error: &SdkError<E, aws_sdk_lambda::config::http::HttpResponse>,
    what: &str,
    permission: &str,
) -> Refused {
    if let SdkError::ResponseError(_) = error {
        // It was cut, or is none of Lambda's: its status says nothing.
        return Refused::Again(without_urls(error));
    }
    let (code, message) = (error.code(), error.message().unwrap_or_default());
    let Some(status) = error.raw_response().map(|response| response.status().as_u16()) else {
        return match error {
            SdkError::ConstructionFailure(_) => Refused::For(Obstacle::NotNow(format!(
                "{what} couldn't be asked for: {}; the task needs a role, and a region",
                without_urls(error)
            ))),
            _ => Refused::Again(without_urls(error)),
        };
    };
    let said = format!("{} {message}", code.unwrap_or("an error without a code"));
    match code {
        _ if is_passing(code, Some(status)) => Refused::Again(said),
        Some("ResourceNotFoundException") => Refused::For(Obstacle::Never(format!(
            "{what} found nothing: {said}; the function or this version of it was deleted, or lies in another region"
        ))),
        Some("ValidationException" | "InvalidParameterValueException") => Refused::For(Obstacle::Never(format!(
            "{what} was refused: {said}; the order names what can't be a function"
        ))),
        _ => Refused::For(Obstacle::NotNow(format!("{what} was refused: {said}; allow the task role {permission}"))),
    }
}

fn plain(output: GetFunctionOutput) -> Option<Function> {
    let location = output.code.and_then(|code| code.location);
    let configuration = output.configuration?;
    let environment = configuration.environment;
    Some(Function {
        name: configuration.function_name.unwrap_or_default(),
        arn: configuration.function_arn.unwrap_or_default(),
        version: configuration.version.unwrap_or_default(),
        runtime: configuration.runtime.map(|runtime| runtime.as_str().to_owned()),
        handler: configuration.handler,
        memory_mb: configuration.memory_size.and_then(|size| u32::try_from(size).ok()),
        log_group: configuration.logging_config.and_then(|logging| logging.log_group),
        variables_error: environment
            .as_ref()
            .and_then(|environment| environment.error.as_ref())
            .map(|error| [error.error_code(), error.message()].into_iter().flatten().collect::<Vec<_>>().join(": ")),
        variables: Secret(environment.and_then(|environment| environment.variables).into_iter().flatten().collect()),
        is_image: configuration.package_type == Some(PackageType::Image),
        is_durable: configuration.durable_config.is_some(),
        has_file_system: configuration.file_system_configs.is_some_and(|configs| !configs.is_empty()),
        architectures: configuration
            .architectures
            .into_iter()
            .flatten()
            .map(|architecture| architecture.as_str().to_owned())
            .collect(),
        layers: configuration.layers.into_iter().flatten().filter_map(|layer| layer.arn).collect(),
        package: location
            .zip(configuration.code_sha256)
            .map(|(location, sha256)| Package { location: Secret(location), sha256 }),
    })
}
