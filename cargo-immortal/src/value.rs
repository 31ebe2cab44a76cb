//! The values of flags that are more than a word: durations, objects, variables.

use std::{path::PathBuf, str::FromStr, time::Duration};

use immortal_core::names::{RESERVED, env};

/// `s3://bucket/key=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectPut {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) file: PathBuf,
}

impl FromStr for ObjectPut {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected s3://BUCKET/KEY=FILE".to_owned();
        let (object, file) = text.strip_prefix("s3://").and_then(|rest| rest.split_once('=')).ok_or_else(expected)?;
        let (bucket, key) = object.split_once('/').ok_or_else(expected)?;
        if bucket.is_empty() || key.is_empty() || file.is_empty() {
            return Err(expected());
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), file: file.into() })
    }
}

/// `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvVariable {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for EnvVariable {
    type Err = String;

    /// Source of the name's rule: `Variables` in <https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html>
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
        let letters = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if RESERVED.contains(&name) {
            return Err(format!("Lambda sets {name} itself, and refuses it as a function's variable"));
        }
        if name == env::ROLE {
            return Err(format!("{name} of the primary is handler, and set without this; leave it out"));
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !letters(name) || name.len() < 2 {
            return Err(format!(
                "Lambda takes no variable of the name {name:?}: it begins with a letter, at least one more letter, digit or \
                 underscore follows, and nothing else"
            ));
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

/// `500ms`, `3s`, `2m`, `6h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("expected a number and a unit: 500ms, 3s, 2m, 6h".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "expected a whole number and a unit: 500ms, 3s, 2m".to_owned())?;
    let total = number.checked_mul(milliseconds).ok_or("that is longer than anything runs")?;
    Ok(Duration::from_millis(total))
}

/// A timeout that a Lambda function can have: whole seconds up to 15 minutes.
///
/// Source: `Timeout` in <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
pub(crate) fn timeout(text: &str) -> Result<Duration, String> {
    let is_lambdas = |timeout: &Duration| timeout.subsec_millis() == 0 && (1..=900).contains(&timeout.as_secs());
    let expected = "a Lambda function's timeout is 1s to 15m, in whole seconds, and has a unit: 3s, 2m";
    duration(text).ok().filter(is_lambdas).ok_or_else(|| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let table = [
            ("3s", Some(3_000)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("6h", Some(21_600_000)),
            ("0s", Some(0)),
            ("3", None),
            ("s", None),
            ("1.5s", None),
            ("-1s", None),
            ("3 s", None),
            ("99999999999999999h", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn timeouts_are_lambdas() {
        let table = [
            ("1s", true),
            ("900s", true),
            ("15m", true),
            ("0s", false),
            ("0", false),
            ("901s", false),
            ("500ms", false),
            ("1500ms", false),
        ];
        for (text, good) in table {
            assert_eq!(timeout(text).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn objects_to_put() {
        let put = |bucket: &str, key: &str, file: &str| {
            Some(ObjectPut { bucket: bucket.into(), key: key.into(), file: file.into() })
        };
        let table = [
            ("s3://b/k=f", put("b", "k", "f")),
            ("s3://b/a/b c.csv=../x=y.csv", put("b", "a/b c.csv", "../x=y.csv")),
            ("s3://b=f", None),
            ("s3:///k=f", None),
            ("s3://b/=f", None),
            ("s3://b/k=", None),
            ("s3://b/k", None),
            ("b/k=f", None),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<ObjectPut>().ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn variables() {
        let table = [("A_B=c=d", true), ("AB=", true), ("A", false), ("=x", false), ("1A=x", false), ("A-B=x", false)];
        for (text, good) in table {
            assert_eq!(text.parse::<EnvVariable>().is_ok(), good, "{text:?}");
        }
        let short = "A=b".parse::<EnvVariable>().expect_err("one letter is too short");
        assert!(short.contains("at least one more"), "{short}");
        let reserved = "AWS_REGION=eu-central-1".parse::<EnvVariable>().expect_err("reserved");
        assert!(reserved.contains("AWS_REGION"), "{reserved}");
        let role = "IMMORTAL_ROLE=runner".parse::<EnvVariable>().expect_err("it is set for the primary");
        assert!(role.contains("IMMORTAL_ROLE"), "{role}");
    }
}
