//! Names and ARNs of Lambda functions in every form that Lambda accepts, and their comparison.

use std::{fmt, str::FromStr};

/// A function as configuration or a record names it: a name, a partial ARN or a full one, with or without qualifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: Option<String>,
    /// The region's code.
    pub region: Option<String>,
    /// The account's twelve digits.
    pub account: Option<String>,
    /// The name itself.
    pub name: String,
    /// A version, an alias or `$LATEST`.
    pub qualifier: Option<String>,
}

/// The full ARN of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionArn {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    /// The region's code.
    pub region: String,
    /// The account's twelve digits.
    pub account: String,
    /// The name itself.
    pub name: String,
    /// A version, an alias or `$LATEST`.
    pub qualifier: Option<String>,
}

/// An error for a text that names no Lambda function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither the name nor the ARN of a Lambda function")]
pub struct NoFunctionName(pub String);

impl FromStr for FunctionName {
    type Err = NoFunctionName;

    /// Parses what the `FunctionName` parameter of Lambda's API accepts.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>, the pattern of `FunctionName`.
    fn from_str(text: &str) -> Result<Self, NoFunctionName> {
        let refuse = || NoFunctionName(text.to_owned());
        let parts: Vec<&str> = text.split(':').collect();
        // A region or an account is one only before the keyword: `my-function-1:7` is a name and its qualifier.
        let (partition, region, account, rest) = match parts.as_slice() {
            ["arn", partition, "lambda", region, account, "function", rest @ ..]
                if is_partition(partition) && is_region(region) && is_account(account) =>
            {
                (Some(*partition), Some(*region), Some(*account), rest)
            }
            [region, account, "function", rest @ ..] if is_region(region) && is_account(account) => {
                (None, Some(*region), Some(*account), rest)
            }
            [account, "function", rest @ ..] if is_account(account) => (None, None, Some(*account), rest),
            ["function", rest @ ..] if !rest.is_empty() => (None, None, None, rest),
            rest => (None, None, None, rest),
        };
        let (name, qualifier) = match rest {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some((*qualifier).to_owned())),
            _ => return Err(refuse()),
        };
        if !is_word(name) || qualifier.as_deref().is_some_and(|qualifier| !is_latest(qualifier) && !is_word(qualifier))
        {
            return Err(refuse());
        }
        Ok(Self {
            partition: partition.map(str::to_owned),
            region: region.map(str::to_owned),
            account: account.map(str::to_owned),
            name: name.to_owned(),
            qualifier,
        })
    }
}

impl FunctionName {
    /// Fills in missing parts from the ARN of the function that reads the name.
    #[must_use]
    pub fn within(&self, own: &FunctionArn) -> FunctionArn {
        let or = |given: &Option<String>, own: &String| given.as_ref().unwrap_or(own).clone();
        FunctionArn {
            partition: or(&self.partition, &own.partition),
            region: or(&self.region, &own.region),
            account: or(&self.account, &own.account),
            name: self.name.clone(),
            qualifier: self.qualifier.clone(),
        }
    }

    /// The ARN, if the name has all of its parts.
    #[must_use]
    pub fn to_arn(&self) -> Option<FunctionArn> {
        Some(FunctionArn {
            partition: self.partition.clone()?,
            region: self.region.clone()?,
            account: self.account.clone()?,
            name: self.name.clone(),
            qualifier: self.qualifier.clone(),
        })
    }
}

impl FromStr for FunctionArn {
    type Err = NoFunctionName;

    fn from_str(text: &str) -> Result<Self, NoFunctionName> {
        text.parse::<FunctionName>()?.to_arn().ok_or_else(|| NoFunctionName(text.to_owned()))
    }
}

impl FunctionArn {
    /// Whether both are the same function: partition, region, account and name, whatever the qualifier.
    #[must_use]
    pub fn is_same_function(&self, other: &Self) -> bool {
        (&self.partition, &self.region, &self.account, &self.name)
            == (&other.partition, &other.region, &other.account, &other.name)
    }

    /// The same function without a qualifier.
    #[must_use]
    pub fn unqualified(&self) -> Self {
        Self { qualifier: None, ..self.clone() }
    }
}

impl fmt::Display for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, name, qualifier } = self;
        write!(f, "arn:{partition}:lambda:{region}:{account}:function:{name}")?;
        match qualifier {
            Some(qualifier) => write!(f, ":{qualifier}"),
            None => Ok(()),
        }
    }
}

fn is_partition(text: &str) -> bool {
    text.starts_with("aws") && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// `us-east-1`, `us-gov-west-1`, `cn-north-1`, `us-isob-east-1`, `eusc-de-east-1`, …
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return false };
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    (2..=4).contains(&first.len())
        && letters(first)
        && !middle.is_empty()
        && middle.iter().all(|part| letters(part))
        && !last.is_empty()
        && last.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The qualifiers of unpublished code; the second is what an unqualified name means on managed instances.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-version-publishing.html>.
fn is_latest(qualifier: &str) -> bool {
    matches!(qualifier, "$LATEST" | "$LATEST.PUBLISHED")
}

fn is_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> FunctionArn {
        "arn:aws:lambda:eu-central-1:111111111111:function:ingestDlq".parse().expect("an ARN")
    }

    #[test]
    fn every_form_means_the_same_function() {
        let table = [
            ("ingest", "arn:aws:lambda:eu-central-1:111111111111:function:ingest"),
            ("ingest:7", "arn:aws:lambda:eu-central-1:111111111111:function:ingest:7"),
            ("my-function-1:7", "arn:aws:lambda:eu-central-1:111111111111:function:my-function-1:7"),
            ("123456789012:7", "arn:aws:lambda:eu-central-1:111111111111:function:123456789012:7"),
            ("function:ingest", "arn:aws:lambda:eu-central-1:111111111111:function:ingest"),
            ("222222222222:function:ingest:live", "arn:aws:lambda:eu-central-1:222222222222:function:ingest:live"),
            ("us-east-1:222222222222:function:a_b-c", "arn:aws:lambda:us-east-1:222222222222:function:a_b-c"),
            (
                "arn:aws-cn:lambda:cn-north-1:222222222222:function:ingest:$LATEST",
                "arn:aws-cn:lambda:cn-north-1:222222222222:function:ingest:$LATEST",
            ),
            (
                "arn:aws-eusc:lambda:eusc-de-east-1:222222222222:function:ingest",
                "arn:aws-eusc:lambda:eusc-de-east-1:222222222222:function:ingest",
            ),
            (
                "arn:aws-us-gov:lambda:us-gov-west-1:222222222222:function:ingest",
                "arn:aws-us-gov:lambda:us-gov-west-1:222222222222:function:ingest",
            ),
            (
                "arn:aws-iso-b:lambda:us-isob-east-1:222222222222:function:function",
                "arn:aws-iso-b:lambda:us-isob-east-1:222222222222:function:function",
            ),
            ("function", "arn:aws:lambda:eu-central-1:111111111111:function:function"),
        ];
        for (text, expected) in table {
            let name: FunctionName = text.parse().expect(text);
            assert_eq!(name.within(&own()).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_names_no_function_is_refused() {
        let table = [
            "",
            ":",
            "a b",
            "ingest:",
            "ingest:7:8",
            "function-arn:x:y",
            "arn:aws:lambda:eu-central-1:111111111111:ingest",
            "arn:aws:lambda:eu-central-1:function:ingest",
            "arn:aws:lambda:eu-central-1:11111111111:function:ingest",
            "arn:aws:s3:::bucket",
            "arn:other:lambda:eu-central-1:111111111111:function:ingest",
            "ingest:$latest",
        ];
        for text in table {
            assert_eq!(text.parse::<FunctionName>(), Err(NoFunctionName(text.to_owned())), "{text}");
        }
        assert!("ingest".parse::<FunctionArn>().is_err(), "a bare name is no ARN");
    }

    #[test]
    fn all_four_must_match_and_the_qualifier_need_not() {
        let ingest: FunctionArn = "arn:aws:lambda:eu-central-1:111111111111:function:ingest".parse().expect("an ARN");
        let table = [
            ("arn:aws:lambda:eu-central-1:111111111111:function:ingest", true),
            ("arn:aws:lambda:eu-central-1:111111111111:function:ingest:$LATEST", true),
            ("arn:aws:lambda:eu-central-1:111111111111:function:ingest:$LATEST.PUBLISHED", true),
            ("arn:aws:lambda:eu-central-1:111111111111:function:ingest:live", true),
            ("arn:aws-cn:lambda:eu-central-1:111111111111:function:ingest", false),
            ("arn:aws:lambda:eu-central-2:111111111111:function:ingest", false),
            ("arn:aws:lambda:eu-central-1:111111111112:function:ingest", false),
            ("arn:aws:lambda:eu-central-1:111111111111:function:Ingest", false),
            ("arn:aws:lambda:eu-central-1:111111111111:function:ingest2", false),
        ];
        for (text, same) in table {
            let other: FunctionArn = text.parse().expect(text);
            assert_eq!(ingest.is_same_function(&other), same, "{text}");
        }
    }
}
