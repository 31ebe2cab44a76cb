//! ECR: repositories, the images in them, and the login of a Docker client.

use std::fmt;

use aws_sdk_ecr::{Client, types::ImageIdentifier};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{call_error::CallError, connect::AwsConnection};

/// What a Docker client logs in to the account's registry with, for twelve hours.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RegistryLogin {
    pub(crate) user: String,
    /// No log may show it.
    pub(crate) password: String,
}

impl fmt::Debug for RegistryLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryLogin").field("user", &self.user).finish_non_exhaustive()
    }
}

impl AwsConnection {
    fn ecr(&self) -> Client {
        Client::new(&self.config)
    }

    /// The address of a repository of this account; `None` where there is none.
    pub(crate) async fn repository_address(&self, repository: &str) -> Result<Option<String>, CallError> {
        let output = self.ecr().describe_repositories().repository_names(repository).send().await;
        let failed = |error| CallError::new("ecr:DescribeRepositories", &format!("the repository {repository}"), error);
        match output.map_err(failed) {
            Ok(output) => {
                let repository = output.repositories.unwrap_or_default().into_iter().next();
                Ok(repository.and_then(|repository| repository.repository_uri))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a repository; returns its address.
    pub(crate) async fn create_repository(&self, repository: &str) -> Result<String, CallError> {
        let output = self.ecr().create_repository().repository_name(repository).send().await;
        let failed = |error| CallError::new("ecr:CreateRepository", &format!("the repository {repository}"), error);
        let address = output.map_err(failed)?.repository.and_then(|repository| repository.repository_uri);
        Ok(address.unwrap_or_default())
    }

    /// Whether a repository has an image of this tag or, behind an `@`, of this digest.
    pub(crate) async fn has_image(&self, repository: &str, reference: &str) -> Result<bool, CallError> {
        let image = ImageIdentifier::builder();
        let image = match reference.strip_prefix('@') {
            Some(digest) => image.image_digest(digest),
            None => image.image_tag(reference),
        };
        let call = self.ecr().describe_images().repository_name(repository).image_ids(image.build());
        match call.send().await {
            Ok(output) => Ok(!output.image_details.unwrap_or_default().is_empty()),
            Err(error) => {
                let is_gone = error.as_service_error().is_some_and(|error| {
                    error.is_image_not_found_exception() || error.is_repository_not_found_exception()
                });
                let failed = || CallError::new("ecr:DescribeImages", &format!("the repository {repository}"), error);
                if is_gone { Ok(false) } else { Err(failed()) }
            }
        }
    }

    /// Asks for a login to the account's registry.
    ///
    /// Its token is `USER:PASSWORD` as base64:
    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_AuthorizationData.html>
    pub(crate) async fn registry_login(&self) -> Result<RegistryLogin, CallError> {
        const ACTION: &str = "ecr:GetAuthorizationToken";
        let output = self.ecr().get_authorization_token().send().await;
        let output = output.map_err(|error| CallError::new(ACTION, "the registry", error))?;
        let token = output.authorization_data.unwrap_or_default().into_iter().next();
        let token = token.and_then(|data| data.authorization_token).unwrap_or_default();
        let text = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let (user, password) = text.split_once(':').unwrap_or_default();
        Ok(RegistryLogin { user: user.to_owned(), password: password.to_owned() })
    }
}
