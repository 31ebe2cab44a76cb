//! The function to run, and the checks whether the runner can run it.

use std::{collections::BTreeMap, fmt};

use super::error::RunnerError;
use crate::{
    context::Context,
    function::{FunctionArn, FunctionName},
};

/// A function as `GetFunction` returns it.
#[derive(Clone, Debug, Default)]
pub(super) struct DeployedFunction {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) version: String,
    /// `python3.13`, `provided.al2023`, …; images have none.
    pub(super) runtime: Option<String>,
    pub(super) handler: Option<String>,
    pub(super) memory_mb: Option<u32>,
    pub(super) log_group: Option<String>,
    /// `JSON` or `Text`.
    pub(super) log_format: Option<String>,
    /// The level of the function's own lines, where the format is JSON.
    pub(super) log_level: Option<String>,
    /// How X-Ray traces invocations: `Active` or `PassThrough`.
    pub(super) tracing_mode: Option<String>,
    /// The function's own variables.
    pub(super) variables: SecretValue<BTreeMap<String, String>>,
    /// Why the variables couldn't be decrypted.
    pub(super) variables_error: Option<DecryptionError>,
    /// Why the code couldn't be decrypted.
    pub(super) code_error: Option<DecryptionError>,
    /// The ARN of the customer's key that the code is encrypted with.
    pub(super) code_key: Option<String>,
    pub(super) is_image: bool,
    pub(super) is_durable: bool,
    pub(super) has_file_system: bool,
    /// The id of the VPC that the function is in.
    pub(super) vpc: Option<String>,
    /// `x86_64` or `arm64`.
    pub(super) architectures: Vec<String>,
    /// The ARNs of the layers' versions, in order.
    pub(super) layers: Vec<String>,
    pub(super) package: Option<CodePackage>,
}

impl DeployedFunction {
    /// Whether the lines of the function and its platform are JSON.
    pub(super) fn has_json_logs(&self) -> bool {
        self.log_format.as_deref() == Some("JSON")
    }

    /// Whether X-Ray traces invocations.
    pub(super) fn is_traced(&self) -> bool {
        self.tracing_mode.as_deref() == Some("Active")
    }

    /// The runtime's name, unless the function brings its own.
    pub(super) fn managed(&self) -> Option<&str> {
        self.runtime.as_deref().filter(|runtime| !runtime.starts_with("provided"))
    }
}

/// Why Lambda couldn't decrypt a part of the function for the caller of `GetFunction`.
///
/// Shapes: `botocore:lambda:EnvironmentError`, `FunctionCodeLocationError`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DecryptionError {
    pub(super) code: String,
    pub(super) message: String,
}

impl DecryptionError {
    /// Whether the key service refused, which no later attempt changes; else it was busy, or failed.
    ///
    /// Source of the codes: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>, its KMS errors.
    fn is_refusal(&self) -> bool {
        const REFUSALS: [&str; 4] = ["AccessDenied", "Disabled", "InvalidState", "NotFound"];
        REFUSALS.iter().any(|refusal| self.code.contains(refusal))
    }
}

impl fmt::Display for DecryptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.as_str(), self.message.as_str()) {
            (code, "") => f.write_str(code),
            ("", message) => f.write_str(message),
            (code, message) => write!(f, "{code}: {message}"),
        }
    }
}

/// A zip file to fetch: its URL and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodePackage {
    /// A presigned URL.
    pub(super) location: SecretValue<String>,
    /// Base64 of the zip's SHA-256.
    pub(super) sha256: String,
}

/// A value that must not be logged.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct SecretValue<T>(pub(super) T);

impl<T> fmt::Debug for SecretValue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Which function `GetFunction` is asked for, and which version of it.
///
/// The function is the one that the context's ARN names, so that its account and region hold; without an ARN it is the
/// one of the context's name. The version that failed is the context's; without one, it is what was invoked.
pub(super) fn requested(context: &Context) -> Result<(String, Option<String>), RunnerError> {
    let version = Some(context.function_version.clone()).filter(|version| !version.is_empty());
    if let Ok(invoked) = context.invoked_function_arn.parse::<FunctionArn>() {
        return Ok((invoked.unqualified().to_string(), version.or(invoked.qualifier)));
    }
    let text = if context.function_name.is_empty() { &context.invoked_function_arn } else { &context.function_name };
    let named: FunctionName =
        text.parse().map_err(|error| RunnerError::Permanent(format!("the order can't be run: {error}")))?;
    let name = named.to_arn().map_or(named.name, |arn| arn.unqualified().to_string());
    Ok((name, version.or(named.qualifier)))
}

/// Rejects functions that can't run here; the error says what to do instead.
///
/// `architecture` is this machine's, as Rust names it.
pub(super) fn refuse(function: &DeployedFunction, architecture: &str) -> Result<(), RunnerError> {
    let name = &function.name;
    let never = |why: String| Err(RunnerError::Permanent(why));
    if function.is_image {
        return never(format!(
            "function {name} is a container image, and the runner unpacks zip files only; deploy it as a zip, \
             or run its image as a task of its own"
        ));
    }
    if function.is_durable {
        return never(format!(
            "function {name} is a durable function, which resumes by Lambda's checkpoints; \
             take the long step out of it, into a function of its own"
        ));
    }
    if function.has_file_system {
        return never(format!(
            "function {name} mounts a file system (EFS), which the task doesn't have; \
             have the handler read those files from S3, or bring them in a layer"
        ));
    }
    if let Some(error) = &function.variables_error {
        return Err(undecrypted(&format!("the environment of function {name}"), error, "the function's KMS key"));
    }
    if let Some(error) = &function.code_error {
        let key = function.code_key.as_deref().unwrap_or("the KMS key of the function's code");
        return Err(undecrypted(&format!("the code of function {name}"), error, key));
    }
    let own = match architecture {
        "aarch64" => "arm64",
        other => other,
    };
    // The default architecture is x86_64.
    let theirs = function.architectures.first().map_or("x86_64", String::as_str);
    if theirs != own {
        return never(format!(
            "function {name} is built for {theirs}, and this task runs on {own}; \
             set runtimePlatform.cpuArchitecture of the task definition to {}",
            theirs.to_uppercase()
        ));
    }
    Ok(())
}

fn undecrypted(what: &str, error: &DecryptionError, key: &str) -> RunnerError {
    if error.is_refusal() {
        RunnerError::Permanent(format!(
            "{what} can't be decrypted ({error}); allow the task role kms:Decrypt on {key}, and see that the key is enabled"
        ))
    } else {
        RunnerError::Transient(format!("{what} can't be decrypted now ({error}); the next attempt may succeed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_do_instead() {
        let plain = || DeployedFunction {
            name: "ingest".into(),
            architectures: vec!["x86_64".into()],
            ..DeployedFunction::default()
        };
        assert_eq!(refuse(&plain(), "x86_64"), Ok(()));
        assert_eq!(refuse(&DeployedFunction { architectures: vec![], ..plain() }, "x86_64"), Ok(()));
        assert_eq!(refuse(&DeployedFunction { architectures: vec!["arm64".into()], ..plain() }, "aarch64"), Ok(()));
        let table = [
            (DeployedFunction { is_image: true, ..plain() }, "deploy it as a zip"),
            (DeployedFunction { is_durable: true, ..plain() }, "into a function of its own"),
            (DeployedFunction { has_file_system: true, ..plain() }, "(EFS)"),
            (
                DeployedFunction { architectures: vec!["arm64".into()], ..plain() },
                "cpuArchitecture of the task definition to ARM64",
            ),
        ];
        for (function, remedy) in table {
            match refuse(&function, "x86_64") {
                Err(RunnerError::Permanent(message)) => {
                    assert!(message.contains(remedy) && message.contains("ingest"), "{message}");
                }
                other => panic!("{remedy}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_key_that_refuses_is_permanent_and_one_that_is_busy_is_not() {
        const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1";
        let table = [
            ("AccessDeniedException", true),
            ("KMSAccessDeniedException", true),
            ("KMSDisabledException", true),
            ("KMSInvalidStateException", true),
            ("KMSNotFoundException", true),
            ("ThrottlingException", false),
            ("KMSInternalException", false),
            ("InternalError", false),
            ("", false),
        ];
        for (code, is_refusal) in table {
            let error = Some(DecryptionError { code: code.into(), message: "said".into() });
            let function = DeployedFunction { name: "ingest".into(), ..DeployedFunction::default() };
            let variables = DeployedFunction { variables_error: error.clone(), ..function.clone() };
            let code = DeployedFunction { code_error: error, code_key: Some(KEY.into()), ..function };
            for (function, key) in [(variables, "the function's KMS key"), (code, KEY)] {
                match refuse(&function, "x86_64") {
                    Err(RunnerError::Permanent(message)) if is_refusal => {
                        assert!(message.contains(&format!("kms:Decrypt on {key}")), "{message}");
                    }
                    Err(RunnerError::Transient(message)) if !is_refusal => {
                        assert!(message.contains("said"), "{message}");
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn the_version_that_failed_is_asked_for() {
        const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:ingest";
        for (name, arn, version, expected) in [
            ("ingest", "", "", ("ingest", None)),
            ("ingest", "", "7", ("ingest", Some("7"))),
            ("ingest", &format!("{ARN}:prod"), "7", (ARN, Some("7"))),
            ("ingest", &format!("{ARN}:prod"), "", (ARN, Some("prod"))),
            ("ingest", ARN, "$LATEST", (ARN, Some("$LATEST"))),
            ("ingest", "ingest:prod", "", ("ingest", None)),
            ("", &format!("{ARN}:prod"), "7", (ARN, Some("7"))),
            ("", &format!("{ARN}:prod"), "", (ARN, Some("prod"))),
            ("ingest:3", "", "", ("ingest", Some("3"))),
        ] {
            let context = Context {
                function_name: name.into(),
                invoked_function_arn: arn.into(),
                function_version: version.into(),
                ..Context::default()
            };
            let expected = Ok((expected.0.to_owned(), expected.1.map(str::to_owned)));
            assert_eq!(requested(&context), expected, "{name:?} {arn:?} {version:?}");
        }
        let context = Context { function_name: "no function".into(), ..Context::default() };
        assert!(matches!(requested(&context), Err(RunnerError::Permanent(_))));
    }

    #[test]
    fn secrets_arent_shown() {
        let package =
            CodePackage { location: SecretValue("https://host/?X-Amz-Signature=1".into()), sha256: "h".into() };
        assert!(!format!("{package:?}").contains("Amz"));
    }
}
