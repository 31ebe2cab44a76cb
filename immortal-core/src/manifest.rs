//! The attribute's arguments and defaults, as a constant in the binary and as JSON.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// How many Fargate tasks an event may use at most, interruptions not counted: the largest `attempts`.
pub const MOST_ATTEMPTS: u32 = 10;

/// What `#[immortal]` fixed at compile time; `IMMORTAL_ROLE=describe` prints it as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this shape: 1.
    pub schema: u32,
    /// The handler's name; `None` if the function has its own `main`.
    pub handler: Option<Cow<'static, str>>,
    /// The package that holds the handler.
    pub package: Cow<'static, str>,
    /// That package's version.
    pub version: Cow<'static, str>,
    /// The version of this framework.
    pub immortal: Cow<'static, str>,
    /// ECS CPU units (1024 is one vCPU); `None`: the task definition's.
    pub cpu: Option<u32>,
    /// Memory in MiB; `None`: the task definition's.
    pub memory: Option<u32>,
    /// The limit in MiB to which memory grows after an attempt that ran out of it; `None`: it doesn't grow.
    pub memory_max: Option<u32>,
    /// Ephemeral storage in GiB, 21 to 200; `None`: the task definition's.
    pub storage: Option<u32>,
    /// Whether tasks run on `FARGATE_SPOT`.
    pub spot: bool,
    /// How many Fargate tasks an event may use, 1 to 10, interruptions not counted.
    pub attempts: u32,
    /// Which failures are retried on Fargate.
    pub on: DispatchOn,
    /// How long before the deadline the event is handed over, in milliseconds; 0: never.
    pub grace: u64,
    /// How long one Fargate attempt may run, in milliseconds; `None`: without limit.
    pub limit: Option<u64>,
}

/// Which failures are retried on Fargate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DispatchOn {
    /// Every failure.
    Any,
    /// All but the errors that the handler itself returned.
    Killed,
}

impl Manifest {
    /// The version of the JSON shape.
    pub const SCHEMA: u32 = 1;

    /// The defaults, for a handler of this name in a package of this name and version.
    #[must_use]
    pub const fn new(handler: &'static str, package: &'static str, version: &'static str) -> Self {
        Self::with_defaults(Some(Cow::Borrowed(handler)), package, version)
    }

    /// The defaults, for a function with its own `main` in a package of this name and version.
    #[must_use]
    pub const fn for_main(package: &'static str, version: &'static str) -> Self {
        Self::with_defaults(None, package, version)
    }

    const fn with_defaults(handler: Option<Cow<'static, str>>, package: &'static str, version: &'static str) -> Self {
        Self {
            schema: Self::SCHEMA,
            handler,
            package: Cow::Borrowed(package),
            version: Cow::Borrowed(version),
            immortal: Cow::Borrowed(env!("CARGO_PKG_VERSION")),
            cpu: None,
            memory: None,
            memory_max: None,
            storage: None,
            spot: false,
            attempts: 3,
            on: DispatchOn::Any,
            grace: 10_000,
            limit: None,
        }
    }

    /// Sets the task's size: ECS CPU units and MiB.
    #[must_use]
    pub const fn task_size(mut self, cpu: u32, memory: u32) -> Self {
        self.cpu = Some(cpu);
        self.memory = Some(memory);
        self
    }

    /// Sets the limit in MiB to which memory grows after an attempt that ran out of it.
    #[must_use]
    pub const fn memory_max(mut self, mib: u32) -> Self {
        self.memory_max = Some(mib);
        self
    }

    /// Sets the ephemeral storage, in GiB.
    #[must_use]
    pub const fn storage(mut self, gib: u32) -> Self {
        self.storage = Some(gib);
        self
    }

    /// Sets whether tasks run on `FARGATE_SPOT`.
    #[must_use]
    pub const fn spot(mut self, spot: bool) -> Self {
        self.spot = spot;
        self
    }

    /// Sets how many Fargate tasks an event may use.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets which failures are retried on Fargate.
    #[must_use]
    pub const fn on(mut self, on: DispatchOn) -> Self {
        self.on = on;
        self
    }

    /// Sets how long before the deadline the event is handed over, in milliseconds.
    #[must_use]
    pub const fn grace(mut self, milliseconds: u64) -> Self {
        self.grace = milliseconds;
        self
    }

    /// Sets how long one Fargate attempt may run, in milliseconds.
    #[must_use]
    pub const fn limit(mut self, milliseconds: u64) -> Self {
        self.limit = Some(milliseconds);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_itself_in_the_documented_order_with_nulls() {
        let manifest = Manifest { cpu: Some(1024), memory: Some(4096), ..Manifest::new("ingest", "ingest", "0.1.0") };
        let json = serde_json::to_string(&manifest).expect("a manifest is plain data");
        assert_eq!(
            json,
            r#"{"schema":1,"handler":"ingest","package":"ingest","version":"0.1.0","immortal":"0.1.0","cpu":1024,"memory":4096,"memory_max":null,"storage":null,"spot":false,"attempts":3,"on":"any","grace":10000,"limit":null}"#
        );
        assert_eq!(serde_json::from_str::<Manifest>(&json).expect("and comes back"), manifest);
    }

    #[test]
    fn a_main_of_the_users_own_names_no_handler() {
        let manifest = Manifest::for_main("ingest", "0.1.0");
        let json = serde_json::to_string(&manifest).expect("a manifest is plain data");
        assert!(json.starts_with(r#"{"schema":1,"handler":null,"package":"ingest","#), "{json}");
        assert_eq!(serde_json::from_str::<Manifest>(&json).expect("and comes back"), manifest);
    }
}
