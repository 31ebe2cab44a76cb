//! A function's name: what is read prints itself, and names the same function again.

use crate::{
    context::is_printable,
    fixtures::PRIMARY,
    function::{FunctionArn, FunctionName, NoFunctionName},
};

pub fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let own: FunctionArn = PRIMARY.parse().expect("an ARN");
    let name = match text.parse::<FunctionName>() {
        Ok(name) => name,
        Err(NoFunctionName(refused)) => {
            assert_eq!(refused, text);
            assert!(text.parse::<FunctionArn>().is_err(), "an ARN is a name, too");
            return;
        }
    };
    assert!(is_printable(text), "a name is a header and a part of the log");
    let arn = name.within(&own);
    assert_eq!(arn.to_string().parse(), Ok(arn.clone()));
    assert!(arn.is_same_function(&arn.unqualified()));
    if let Ok(full) = text.parse::<FunctionArn>() {
        assert_eq!(full.to_string(), text);
        assert_eq!(full, arn, "an ARN leaves nothing to fill in");
    }
}
