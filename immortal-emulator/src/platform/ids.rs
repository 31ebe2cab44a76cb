//! ARNs, and ids that repeat with the seed.

use std::sync::Mutex;

use super::locking::lock;

/// The region that all resources are in.
pub const REGION: &str = "eu-central-1";
/// The account that all resources belong to.
pub const ACCOUNT: &str = "123456789012";

/// Generates ids from a seed.
#[derive(Debug)]
pub(crate) struct RandomIds(Mutex<fastrand::Rng>);

impl RandomIds {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    pub(crate) fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        lock(&self.0).fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// An id of this many hex digits.
    pub(crate) fn hex(&self, digits: usize) -> String {
        let mut random = lock(&self.0);
        std::iter::repeat_with(|| random.digit(16)).take(digits).collect()
    }
}

/// The ARN of a resource in the emulator's region and account.
pub(crate) fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
