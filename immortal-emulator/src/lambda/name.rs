//! Function names and ARNs, and the checks of `CreateFunction`.

use super::function::Function;
use immortal_core::names::RESERVED;

use crate::platform::{ACCOUNT, EmulatorError, REGION};

/// A function name, partial ARN or ARN, as callers give it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FunctionName<'a> {
    pub(super) function: &'a str,
    pub(super) qualifier: Option<&'a str>,
    /// Whether region and account are the emulator's.
    pub(super) is_local: bool,
}

impl<'a> FunctionName<'a> {
    /// Source: the `FunctionName` parameter of <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<_> = text.split(':').collect();
        let (is_local, rest) = match &parts[..] {
            ["arn", _, "lambda", region, account, "function", rest @ ..] => {
                (*region == REGION && *account == ACCOUNT, rest)
            }
            [account, "function", rest @ ..] => (*account == ACCOUNT, rest),
            rest => (true, rest),
        };
        let (function, qualifier) = match rest {
            [function] => (*function, None),
            [function, qualifier] => (*function, Some(*qualifier)),
            _ => return None,
        };
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_valid = !function.is_empty() && function.len() <= 64 && function.chars().all(is_allowed);
        is_valid.then_some(Self { function, qualifier, is_local })
    }
}

/// Rejects what `CreateFunction` rejects.
pub(super) fn check_function(function: &Function) -> Result<(), EmulatorError> {
    let refuse =
        |message: String| Err(EmulatorError::Refused { code: "InvalidParameterValueException".to_owned(), message });
    if FunctionName::parse(&function.name).is_none_or(|name| name.function != function.name) {
        return refuse(format!("{:?} is not a valid function name", function.name));
    }
    // https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
    if function.retries > 2 {
        return refuse(format!("MaximumRetryAttempts is {}, and must be 0 to 2", function.retries));
    }
    if function.image_uri.is_none() && function.zip.is_empty() {
        return refuse("Uploaded file must be a non-empty zip".to_owned());
    }
    // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html: keys start with a letter.
    let is_refused =
        |name: &&String| !name.starts_with(|c: char| c.is_ascii_alphabetic()) || RESERVED.contains(&name.as_str());
    if let Some(name) = function.environment.keys().find(is_refused) {
        return refuse(format!("{name} can't be set on a function: it is reserved, or does not begin with a letter"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_variables_are_rejected() {
        let with = |name: &str| Function {
            environment: [(name.to_owned(), "x".to_owned())].into(),
            ..Function::new("ingest", vec![1])
        };
        assert!(check_function(&with("TABLE")).is_ok());
        for name in RESERVED {
            assert!(check_function(&with(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_function_is_named_by_name_partial_arn_or_arn() {
        let name = |function, qualifier, is_local| Some(FunctionName { function, qualifier, is_local });
        let table = [
            ("ingest", name("ingest", None, true)),
            ("ingest:7", name("ingest", Some("7"), true)),
            ("123456789012:function:ingest", name("ingest", None, true)),
            ("arn:aws:lambda:eu-central-1:123456789012:function:ingest", name("ingest", None, true)),
            ("arn:aws:lambda:eu-central-1:123456789012:function:ingest:$LATEST", name("ingest", Some("$LATEST"), true)),
            ("arn:aws:lambda:eu-west-1:123456789012:function:ingest", name("ingest", None, false)),
            ("arn:aws:lambda:eu-central-1:1:function:ingest", name("ingest", None, false)),
            ("", None),
            ("a b", None),
            ("a:b:c", None),
        ];
        for (text, expected) in table {
            assert_eq!(FunctionName::parse(text), expected, "{text}");
        }
    }
}
