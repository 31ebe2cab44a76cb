//! Finds immortal's own errors in an error that a handler returns: dispatcher and runner decide by them.

use std::{any::Any, error::Error};

use lambda_runtime::Diagnostic;

use crate::{
    names::{STOPPED, SUPERSEDED},
    stopping::Stopped,
};

/// The error's diagnostic, with immortal's error type if the error or one of its sources is immortal's.
///
/// The message then begins with the type, since a `DeadLetterConfig` passes on the message alone.
pub(super) fn diagnostic_of<E: Into<Diagnostic> + 'static>(error: E) -> Diagnostic {
    let own = own_type(&error);
    let Diagnostic { error_type, error_message } = error.into();
    let error_type = own.map_or(error_type, str::to_owned);
    let is_ours = [STOPPED, SUPERSEDED].contains(&error_type.as_str());
    let says_so = error_message.strip_prefix(&error_type).is_some_and(|rest| rest.starts_with(':'));
    let error_message = if is_ours && !says_so { format!("{error_type}: {error_message}") } else { error_message };
    Diagnostic { error_type, error_message }
}

/// Immortal's error type of an error or of one of its sources.
fn own_type(error: &dyn Any) -> Option<&'static str> {
    std::iter::successors(Some(as_error(error)?), |error| (*error).source()).find_map(type_of)
}

/// The error in the types that can contain any error.
fn as_error(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    if let Some(boxed) = error.downcast_ref::<lambda_runtime::Error>() {
        return Some(&**boxed);
    }
    if let Some(boxed) = error.downcast_ref::<Box<dyn Error>>() {
        return Some(&**boxed);
    }
    #[cfg(feature = "anyhow")]
    if let Some(error) = error.downcast_ref::<anyhow::Error>() {
        return Some(error.as_ref());
    }
    #[cfg(feature = "eyre")]
    if let Some(report) = error.downcast_ref::<eyre::Report>() {
        return Some(report.as_ref());
    }
    None
}

fn type_of(error: &(dyn Error + 'static)) -> Option<&'static str> {
    #[cfg(feature = "progress")]
    if let Some(crate::progress::ProgressError::Superseded { .. }) = error.downcast_ref() {
        return Some(SUPERSEDED);
    }
    error.is::<Stopped>().then_some(STOPPED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("page 7 is saved")]
    struct PageSaved(#[source] Stopped);

    fn told(error: impl Into<Diagnostic> + 'static) -> (String, String) {
        let Diagnostic { error_type, error_message } = diagnostic_of(error);
        (error_type, error_message)
    }

    #[test]
    fn our_errors_keep_their_type_on_the_way() {
        let boxed = |error: PageSaved| lambda_runtime::Error::from(error);
        let own = Stopped.to_string();
        let table = [
            (told(Stopped), own.clone()),
            (told(lambda_runtime::Error::from(Stopped)), own.clone()),
            (told(Box::<dyn Error>::from(Stopped)), own),
            (told(boxed(PageSaved(Stopped))), "Immortal.Stopped: page 7 is saved".to_owned()),
            (
                told(Diagnostic { error_type: STOPPED.to_owned(), error_message: "saved".to_owned() }),
                "Immortal.Stopped: saved".to_owned(),
            ),
        ];
        for ((error_type, message), expected) in table {
            assert_eq!((error_type.as_str(), message), (STOPPED, expected));
        }
    }

    #[cfg(feature = "progress")]
    #[test]
    fn a_superseded_attempt_says_so() {
        let (request_id, by) = ("r-1".to_owned(), "attempt 2 has taken the place of this one".to_owned());
        let error = lambda_runtime::Error::from(crate::progress::ProgressError::Superseded { request_id, by });
        let (error_type, message) = told(error);
        assert_eq!(error_type, SUPERSEDED);
        assert!(message.starts_with("Immortal.Superseded: request r-1: attempt 2"), "{message}");
    }

    #[cfg(feature = "anyhow")]
    #[test]
    fn anyhow_keeps_it() {
        let error = anyhow::Error::from(Stopped).context("while saving");
        assert_eq!(told(error), (STOPPED.to_owned(), "Immortal.Stopped: while saving".to_owned()));
    }

    #[cfg(feature = "eyre")]
    #[test]
    fn eyre_keeps_it() {
        let error = eyre::Report::from(Stopped).wrap_err("while saving");
        assert_eq!(told(error), (STOPPED.to_owned(), "Immortal.Stopped: while saving".to_owned()));
    }

    #[test]
    fn others_are_told_as_they_are() {
        let text = "downstream said: Immortal.Stopped: x";
        assert_eq!(told(lambda_runtime::Error::from(text)).1, text);
        assert_eq!(told("Immortal.Stopped").1, "Immortal.Stopped");
    }
}
