//! What the SDK's errors mean, in our own words.

use std::error::Error;

use aws_sdk_ecs::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use super::answer::{Refused, Trouble};

/// A call that failed; the tasks that a Conflict names are the caller's to add.
pub(super) fn trouble<E>(error: &SdkError<E, HttpResponse>) -> Trouble
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => Trouble::Refused(Refused {
            status: service.raw().status().as_u16(),
            code: service.err().code().unwrap_or_default().to_owned(),
            message: service.err().message().unwrap_or_default().to_owned(),
            resource_ids: Vec::new(),
        }),
        // An error without a code, or an answer that can't be read: its status is all that is known.
        SdkError::ResponseError(response) => match response.raw().status().as_u16() {
            status @ (400..) => Trouble::Refused(Refused { status, message: chain(error), ..Refused::default() }),
            _ => Trouble::Unanswered(chain(error)),
        },
        SdkError::ConstructionFailure(_) => Trouble::Unsent(chain(error)),
        SdkError::DispatchFailure(failure) if failure.is_user() || chain(error).contains("credentials") => {
            Trouble::Unsent(chain(error))
        }
        _ => Trouble::Unanswered(chain(error)),
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
