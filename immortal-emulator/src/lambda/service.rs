//! Functions, their versions and layers.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use bytes::Bytes;

use super::{
    event_source_mapping::EventSourceMapping,
    function::Function,
    name::{FunctionName, check_function},
    version::{CodeDownload, CodePackage, FunctionVersion},
};
use crate::{
    eventbridge::EventBuses,
    platform::{ApiError, EmulatorError, Platform, arn, lock},
    sns::SnsService,
    sqs::SqsService,
};

const LATEST: &str = "$LATEST";

#[derive(Debug)]
pub(crate) struct LambdaService {
    pub(super) platform: Arc<Platform>,
    /// For failure destinations, results and event source mappings.
    pub(super) sqs: Arc<SqsService>,
    /// For results; so are the buses.
    pub(super) sns: Arc<SnsService>,
    pub(super) buses: Arc<EventBuses>,
    functions: Mutex<BTreeMap<String, BTreeMap<String, Arc<FunctionVersion>>>>,
    layers: Mutex<BTreeMap<String, Vec<CodePackage>>>,
    mappings: Mutex<Vec<EventSourceMapping>>,
    pub(super) downloads: Mutex<HashMap<String, CodeDownload>>,
}

impl LambdaService {
    pub(crate) fn new(sqs: Arc<SqsService>, sns: Arc<SnsService>, buses: Arc<EventBuses>) -> Self {
        let platform = Arc::clone(&sqs.platform);
        let (functions, layers, downloads) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { platform, sqs, sns, buses, functions, layers, mappings: Mutex::default(), downloads }
    }

    pub(crate) fn add_mapping(&self, mapping: EventSourceMapping) {
        lock(&self.mappings).push(mapping);
    }

    pub(super) fn mappings(&self) -> Vec<EventSourceMapping> {
        lock(&self.mappings).clone()
    }

    pub(super) fn mapping(&self, uuid: &str) -> Option<EventSourceMapping> {
        lock(&self.mappings).iter().find(|mapping| mapping.uuid == uuid).cloned()
    }

    pub(crate) fn deploy(&self, function: Function) -> Result<String, EmulatorError> {
        check_function(&function)?;
        let version = FunctionVersion::new(&self.platform, function, LATEST);
        let arn = version.function_arn();
        let mut deployed = lock(&self.functions);
        let versions = deployed.entry(version.function.name.clone()).or_default();
        let old = versions.insert(LATEST.to_owned(), version);
        drop(deployed);
        if let Some(old) = old {
            old.pool.end_idle();
        }
        Ok(arn)
    }

    pub(crate) fn publish(&self, name: &str) -> Result<String, EmulatorError> {
        let mut deployed = lock(&self.functions);
        let missing = || EmulatorError::Missing(format!("function {name}"));
        let versions = deployed.get_mut(name).ok_or_else(missing)?;
        let latest = versions.get(LATEST).ok_or_else(missing)?;
        // `$LATEST` counts, so the length is the next number.
        let number = versions.len().to_string();
        let version = FunctionVersion::new(&self.platform, latest.function.clone(), &number);
        versions.insert(number.clone(), version);
        Ok(number)
    }

    pub(crate) fn publish_layer(&self, name: &str, zip: Bytes) -> String {
        let mut layers = lock(&self.layers);
        let versions = layers.entry(name.to_owned()).or_default();
        versions.push(CodePackage::new(zip));
        arn("lambda", &format!("layer:{name}:{}", versions.len()))
    }

    /// Finds a layer version by name and number.
    fn layer(&self, name: &str, version: usize) -> Option<CodePackage> {
        lock(&self.layers).get(name)?.get(version.checked_sub(1)?).cloned()
    }

    /// Finds a layer version by its ARN.
    pub(super) fn layer_by_arn(&self, layer_arn: &str) -> Option<CodePackage> {
        let (name, version) = layer_arn.strip_prefix(&arn("lambda", "layer:"))?.rsplit_once(':')?;
        self.layer(name, version.parse().ok()?)
    }

    /// Finds a function version by name, partial ARN or ARN, each with or without a qualifier.
    pub(crate) fn find_version(&self, named: &str, qualifier: Option<&str>) -> Result<Arc<FunctionVersion>, ApiError> {
        let name = FunctionName::parse(named).ok_or_else(|| {
            ApiError::new(
                400,
                "ValidationException",
                format!("{named:?} is neither a function name nor a function ARN"),
            )
        })?;
        if let (Some(one), Some(other)) = (name.qualifier, qualifier)
            && one != other
        {
            let message = "The derived qualifier from the function name does not match the specified qualifier.";
            return Err(ApiError::new(400, "InvalidParameterValueException", message));
        }
        let qualifier = name.qualifier.or(qualifier);
        let deployed = lock(&self.functions);
        let found = deployed.get(name.function).and_then(|versions| versions.get(qualifier.unwrap_or(LATEST)));
        found.filter(|_| name.is_local).cloned().ok_or_else(|| {
            let mut missing = arn("lambda", &format!("function:{}", name.function));
            if let Some(qualifier) = qualifier {
                missing = format!("{missing}:{qualifier}");
            }
            ApiError::new(404, "ResourceNotFoundException", format!("Function not found: {missing}"))
        })
    }
}
