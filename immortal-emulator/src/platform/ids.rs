//! ARNs, and ids that repeat with the seed.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Mutex,
};

use super::locking::lock;

/// The region that all resources are in.
pub const REGION: &str = "eu-central-1";
/// The account that all resources belong to.
pub const ACCOUNT: &str = "123456789012";

/// Generates ids from a seed.
#[derive(Debug)]
pub(crate) struct RandomIds {
    seed: u64,
    random: Mutex<fastrand::Rng>,
    /// How many invocations of each function there were.
    invocations: Mutex<HashMap<String, u64>>,
}

impl RandomIds {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, random: Mutex::new(fastrand::Rng::with_seed(seed)), invocations: Mutex::default() }
    }

    pub(crate) fn uuid(&self) -> String {
        uuid_from(&mut lock(&self.random))
    }

    /// The request id of the next invocation of a function, which does not depend on what else has got an id.
    pub(crate) fn request_id(&self, function: &str) -> String {
        let mut invocations = lock(&self.invocations);
        let number = invocations.entry(function.to_owned()).or_default();
        *number += 1;
        let mut hasher = DefaultHasher::new();
        (self.seed, function, *number).hash(&mut hasher);
        uuid_from(&mut fastrand::Rng::with_seed(hasher.finish()))
    }

    /// An id of this many hex digits.
    pub(crate) fn hex(&self, digits: usize) -> String {
        let mut random = lock(&self.random);
        std::iter::repeat_with(|| random.digit(16)).take(digits).collect()
    }
}

fn uuid_from(random: &mut fastrand::Rng) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
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
