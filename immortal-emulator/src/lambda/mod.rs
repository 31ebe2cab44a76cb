//! Lambda: functions, their versions, and how a name finds one.

pub(crate) mod asynchronous;
pub(crate) mod download;
mod failure;
pub(crate) mod get;
pub(crate) mod invoke;
mod package;
pub(crate) mod sandbox;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use immortal_core::names::RESERVED;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{
    ACCOUNT, EmulatorError, Function, REGION,
    api::ApiError,
    cloud::{Cloud, arn, lock},
};
use sandbox::Pool;

pub(crate) const LATEST: &str = "$LATEST";

#[derive(Debug, Default)]
pub(crate) struct Functions {
    deployed: Mutex<BTreeMap<String, BTreeMap<String, Arc<Version>>>>,
    layers: Mutex<BTreeMap<String, Vec<Package>>>,
    downloads: Mutex<HashMap<String, Download>>,
}

/// One version of a function, `$LATEST` included.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) function: Function,
    pub(crate) number: String,
    pub(crate) package: Package,
    pub(crate) revision: String,
    pub(crate) pool: Pool,
}

/// A zip and what Lambda says of it.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) zip: Bytes,
    pub(crate) sha256: String,
}

#[derive(Clone, Debug)]
struct Download {
    zip: Bytes,
    expires: Timestamp,
}

impl Package {
    fn new(zip: Bytes) -> Self {
        let sha256 = BASE64_STANDARD.encode(Sha256::digest(&zip));
        Self { zip, sha256 }
    }
}

impl Version {
    fn new(cloud: &Cloud, function: Function, number: &str) -> Arc<Self> {
        let package = Package::new(function.zip.clone());
        let pool = Pool::new(cloud.options.concurrency);
        Arc::new(Self { function, number: number.to_owned(), package, revision: cloud.uuid(), pool })
    }

    /// The function's ARN without a version.
    pub(crate) fn function_arn(&self) -> String {
        arn("lambda", &format!("function:{}", self.function.name))
    }

    /// The function's ARN with this version.
    pub(crate) fn qualified_arn(&self) -> String {
        format!("{}:{}", self.function_arn(), self.number)
    }
}

impl Functions {
    pub(crate) fn deploy(&self, cloud: &Cloud, function: Function) -> Result<String, EmulatorError> {
        check(&function)?;
        let version = Version::new(cloud, function, LATEST);
        let arn = version.function_arn();
        let mut deployed = lock(&self.deployed);
        let versions = deployed.entry(version.function.name.clone()).or_default();
        let old = versions.insert(LATEST.to_owned(), version);
        drop(deployed);
        if let Some(old) = old {
            old.pool.end_idle();
        }
        Ok(arn)
    }

    pub(crate) fn publish(&self, cloud: &Cloud, name: &str) -> Result<String, EmulatorError> {
        let mut deployed = lock(&self.deployed);
        let missing = || EmulatorError::Missing(format!("function {name}"));
        let versions = deployed.get_mut(name).ok_or_else(missing)?;
        let latest = versions.get(LATEST).ok_or_else(missing)?;
        // `$LATEST` is one of them, so the count is the next number.
        let number = versions.len().to_string();
        let version = Version::new(cloud, latest.function.clone(), &number);
        versions.insert(number.clone(), version);
        Ok(number)
    }

    pub(crate) fn publish_layer(&self, name: &str, zip: Bytes) -> String {
        let mut layers = lock(&self.layers);
        let versions = layers.entry(name.to_owned()).or_default();
        versions.push(Package::new(zip));
        arn("lambda", &format!("layer:{name}:{}", versions.len()))
    }

    /// Kills all sandboxes of a function, whatever they do: as when their host fails.
    pub(crate) fn end_sandboxes(&self, name: &str) {
        let versions = lock(&self.deployed).get(name).cloned().unwrap_or_default();
        for version in versions.values() {
            version.pool.end_all();
        }
    }

    /// A layer's version by name and number.
    fn layer(&self, name: &str, version: usize) -> Option<Package> {
        lock(&self.layers).get(name)?.get(version.checked_sub(1)?).cloned()
    }

    /// A layer's version by its ARN.
    fn layer_by_arn(&self, layer_arn: &str) -> Option<Package> {
        let (name, version) = layer_arn.strip_prefix(&arn("lambda", "layer:"))?.rsplit_once(':')?;
        self.layer(name, version.parse().ok()?)
    }

    /// Finds what a caller names: a name, a partial or a whole ARN, each with or without a version.
    pub(crate) fn find(&self, named: &str, qualifier: Option<&str>) -> Result<Arc<Version>, ApiError> {
        let name = Name::parse(named).ok_or_else(|| {
            ApiError::new(400, "ValidationException", format!("{named:?} is neither a function's name nor its ARN"))
        })?;
        if let (Some(one), Some(other)) = (name.qualifier, qualifier)
            && one != other
        {
            let message = "The derived qualifier from the function name does not match the specified qualifier.";
            return Err(ApiError::new(400, "InvalidParameterValueException", message));
        }
        let qualifier = name.qualifier.or(qualifier);
        let deployed = lock(&self.deployed);
        let found = deployed.get(name.function).and_then(|versions| versions.get(qualifier.unwrap_or(LATEST)));
        found.filter(|_| name.here).cloned().ok_or_else(|| {
            let mut missing = arn("lambda", &format!("function:{}", name.function));
            if let Some(qualifier) = qualifier {
                missing = format!("{missing}:{qualifier}");
            }
            ApiError::new(404, "ResourceNotFoundException", format!("Function not found: {missing}"))
        })
    }
}

/// A function as callers name it.
#[derive(Debug, PartialEq, Eq)]
struct Name<'a> {
    function: &'a str,
    qualifier: Option<&'a str>,
    /// Whether its region and account are this emulator's.
    here: bool,
}

impl<'a> Name<'a> {
    /// Source: the `FunctionName` parameter of <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.
    fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<_> = text.split(':').collect();
        let (here, rest) = match &parts[..] {
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
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let sound = !function.is_empty() && function.len() <= 64 && function.chars().all(valid);
        sound.then_some(Self { function, qualifier, here })
    }
}

/// What `CreateFunction` refuses.
fn check(function: &Function) -> Result<(), EmulatorError> {
    let refuse =
        |message: String| Err(EmulatorError::Refused { code: "InvalidParameterValueException".to_owned(), message });
    if Name::parse(&function.name).is_none_or(|name| name.function != function.name) {
        return refuse(format!("{:?} is no name for a function", function.name));
    }
    // https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
    if function.retries > 2 {
        return refuse(format!("MaximumRetryAttempts is {}, and must be 0 to 2", function.retries));
    }
    if function.image_uri.is_none() && function.zip.is_empty() {
        return refuse("Uploaded file must be a non-empty zip".to_owned());
    }
    // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html: keys start with a letter.
    let bad =
        |name: &&String| !name.starts_with(|c: char| c.is_ascii_alphabetic()) || RESERVED.contains(&name.as_str());
    if let Some(name) = function.environment.keys().find(bad) {
        return refuse(format!("{name} can't be a variable of a function: it is reserved, or begins with no letter"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lambda_reserves_is_refused() {
        let with = |name: &str| Function {
            environment: [(name.to_owned(), "x".to_owned())].into(),
            ..Function::new("ingest", vec![1])
        };
        assert!(check(&with("TABLE")).is_ok());
        for name in RESERVED {
            assert!(check(&with(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_function_is_named_in_each_of_lambdas_ways() {
        let name = |function, qualifier, here| Some(Name { function, qualifier, here });
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
            assert_eq!(Name::parse(text), expected, "{text}");
        }
    }
}
