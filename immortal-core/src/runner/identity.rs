//! The function's identity as its handler sees it.

use super::deployed_function::DeployedFunction;
use crate::order::Order;

/// The function as its handler sees it, from the context and from `GetFunction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FunctionIdentity {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) arn: String,
    pub(super) memory_mb: u32,
    pub(super) log_group: String,
    pub(super) log_stream: Option<String>,
    pub(super) handler: String,
}

impl FunctionIdentity {
    /// If both the context and `GetFunction` have a value, the context's is used.
    pub(super) fn from_order(order: &Order, function: &DeployedFunction) -> Self {
        let context = &order.context;
        let first = |ours: &str, theirs: &str| if ours.is_empty() { theirs.to_owned() } else { ours.to_owned() };
        let name = first(&context.function_name, &function.name);
        // The context may name an alias; Lambda's own context never does.
        let mut versions = [&context.function_version, &function.version].into_iter();
        let version = versions.find(|version| is_version(version)).map_or("$LATEST", String::as_str).to_owned();
        let log_group = function.log_group.clone().unwrap_or_else(|| format!("/aws/lambda/{name}"));
        Self {
            arn: first(&context.invoked_function_arn, &function.arn),
            version,
            // The default memory of a function is 128 MB.
            memory_mb: context.memory_limit_in_mb.parse().ok().or(function.memory_mb).unwrap_or(128),
            log_group: first(&context.log_group_name, &log_group),
            log_stream: Some(context.log_stream_name.clone()).filter(|stream| !stream.is_empty()),
            handler: order.handler_path.clone().or_else(|| function.handler.clone()).unwrap_or_default(),
            name,
        }
    }
}

/// Whether this is a version: a number, or `$LATEST`.
///
/// Source: `Version` in <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html>
fn is_version(text: &str) -> bool {
    text == "$LATEST" || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{context::Context, order::EventForm};

    pub(in crate::runner) fn order(context: Context) -> Order {
        Order {
            event: EventForm::Inline("1".into()),
            context,
            handler_path: None,
            attempt: 2,
            interruptions: 1,
            limit: Some(60),
            series: 0,
            source: None,
            failed_at: None,
        }
    }

    #[test]
    fn what_nobody_says_is_lambdas_default() {
        let unknown = Context { memory_limit_in_mb: "plenty".into(), ..Context::default() };
        let identity = FunctionIdentity::from_order(&order(unknown), &DeployedFunction::default());
        assert_eq!((identity.version.as_str(), identity.memory_mb), ("$LATEST", 128));
    }

    #[test]
    fn a_version_is_a_number_or_latest_never_an_alias() {
        for (context, function, expected) in [
            ("6", "7", "6"),
            ("$LATEST", "7", "$LATEST"),
            ("prod", "7", "7"),
            ("", "7", "7"),
            ("prod", "prod", "$LATEST"),
            ("7\nEND RequestId: forged", "7", "7"),
            ("", "", "$LATEST"),
        ] {
            let order = order(Context { function_version: context.into(), ..Context::default() });
            let function = DeployedFunction { version: function.into(), ..DeployedFunction::default() };
            assert_eq!(FunctionIdentity::from_order(&order, &function).version, expected, "{context:?}");
        }
    }
}
