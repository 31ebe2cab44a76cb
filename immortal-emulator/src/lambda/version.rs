//! The versions of a function and their packages.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{function::Function, sandbox::SandboxPool};
use crate::platform::{Platform, arn};

/// One version of a function, `$LATEST` included.
#[derive(Debug)]
pub(crate) struct FunctionVersion {
    pub(crate) function: Function,
    pub(crate) number: String,
    pub(crate) package: CodePackage,
    pub(crate) revision: String,
    pub(crate) pool: SandboxPool,
}

/// A deployment package and its hash.
#[derive(Clone, Debug)]
pub(crate) struct CodePackage {
    pub(crate) zip: Bytes,
    pub(crate) sha256: String,
}

/// A package behind a presigned URL.
#[derive(Clone, Debug)]
pub(super) struct CodeDownload {
    pub(super) zip: Bytes,
    pub(super) expires: Timestamp,
}

impl CodePackage {
    pub(super) fn new(zip: Bytes) -> Self {
        let sha256 = BASE64_STANDARD.encode(Sha256::digest(&zip));
        Self { zip, sha256 }
    }
}

impl FunctionVersion {
    pub(super) fn new(platform: &Platform, function: Function, number: &str) -> Arc<Self> {
        let package = CodePackage::new(function.zip.clone());
        let pool = SandboxPool::new(platform.options.concurrency);
        Arc::new(Self { function, number: number.to_owned(), package, revision: platform.ids.uuid(), pool })
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
