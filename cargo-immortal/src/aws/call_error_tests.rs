use expect_test::expect;

use super::*;

fn refused(status: u16, code: &str, message: &str) -> CallError {
    let error = ServiceError { status, code: code.to_owned(), message: message.to_owned(), resource_ids: Vec::new() };
    CallError::new("lambda:GetFunction", "the function hello", AwsError::Refused(error))
}

fn line(error: CallError) -> String {
    let text = CommandError::from(error).to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

#[test]
fn each_says_in_one_line_what_to_do() {
    let denied = "User: arn:aws:iam::111111111111:user/ada is not authorized to perform: kms:Decrypt on resource: \
                  arn:aws:kms:eu-central-1:111111111111:key/1 because no identity-based policy allows the kms:Decrypt action";
    let lines = [
        refused(400, "ExpiredTokenException", "The security token included in the request is expired"),
        refused(403, "AccessDeniedException", denied),
        refused(403, "AccessDenied", "Access Denied"),
        refused(429, "TooManyRequestsException", "Rate exceeded"),
        refused(404, "ResourceNotFoundException", "Function not found"),
        refused(400, "ValidationError", "Stack with id hello does not exist"),
        refused(400, "ValidationError", "1 validation error detected"),
        CallError::new("sqs:SendMessage", "the queue jobs", AwsError::Unanswered(std::sync::Arc::new(std::fmt::Error))),
        CallError::NoRegion { profile: None },
        CallError::NoRegion { profile: Some("work".to_owned()) },
    ];
    let lines: Vec<_> = lines.into_iter().map(line).collect();
    expect![[r#"
        there are no valid AWS credentials for lambda:GetFunction; log in, for example with `aws sso login`, or name a profile with --profile: refused with ExpiredTokenException: The security token included in the request is expired
        denied: kms:Decrypt on arn:aws:kms:eu-central-1:111111111111:key/1; allow your role or user this action, or use another profile with --profile: refused with AccessDeniedException: User: arn:aws:iam::111111111111:user/ada is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-central-1:111111111111:key/1 because no identity-based policy allows the kms:Decrypt action
        denied: lambda:GetFunction on the function hello; allow your role or user this action, or use another profile with --profile: refused with AccessDenied: Access Denied
        throttled: lambda:GetFunction on the function hello; try again in a minute: refused with TooManyRequestsException: Rate exceeded
        the function hello is not there (lambda:GetFunction); check its name, the region and the profile: refused with ResourceNotFoundException: Function not found
        the function hello is not there (lambda:GetFunction); check its name, the region and the profile: refused with ValidationError: Stack with id hello does not exist
        lambda:GetFunction on the function hello failed: refused with ValidationError: 1 validation error detected
        AWS did not answer sqs:SendMessage on the queue jobs; check the network, the region and AWS_ENDPOINT_URL: not answered: an error occurred when formatting an argument
        no AWS region is configured; give --region, or set AWS_REGION
        the profile "work" has no region, or is not there; check its name in ~/.aws/config, or give --region"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn another_users_mistake_is_wrong_use_and_aws_saying_no_is_a_failure() {
    assert!(matches!(CommandError::from(CallError::NoRegion { profile: None }), CommandError::WrongUse(_)));
    let error = refused(403, "AccessDenied", "");
    assert!(error.is_denied() && !error.is_not_found());
    assert!(matches!(CommandError::from(error), CommandError::Failed(_)));
}
