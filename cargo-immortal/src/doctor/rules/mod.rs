//! What a deployment must be like: each rule a pure function of what is there.

mod dispatcher;
mod function;
mod invocation;
mod logs;
mod permissions;
mod queues;
mod sources;
mod stopped;
mod tasks;

pub(super) use self::permissions::{PermissionSubject, wanted as wanted_permissions};
use super::{
    finding::DoctorFinding,
    state::{DeployedState, ObservedPart},
};

/// All findings, in the order of an event's way.
pub(super) fn findings(state: &DeployedState) -> Vec<DoctorFinding> {
    let rules: [fn(&DeployedState) -> Vec<DoctorFinding>; 9] = [
        function::findings,
        invocation::findings,
        sources::findings,
        queues::findings,
        dispatcher::findings,
        tasks::findings,
        stopped::findings,
        permissions::findings,
        logs::findings,
    ];
    rules.into_iter().flat_map(|rule| rule(state)).collect()
}

/// What is known, or the one finding that says that it isn't: a fault where it must be there.
fn need<'a, T>(
    check: &'static str,
    observed: &'a ObservedPart<T>,
    missing: impl FnOnce() -> DoctorFinding,
) -> Result<&'a T, Vec<DoctorFinding>> {
    match observed {
        ObservedPart::Known(known) => Ok(known),
        ObservedPart::Missing => Err(vec![missing()]),
        ObservedPart::Unknown(why) => Err(vec![DoctorFinding::not_checked(check, why)]),
    }
}

/// The last part of an ARN or address: a name.
fn name(arn: &str) -> &str {
    arn.rsplit([':', '/']).next().unwrap_or(arn)
}

#[cfg(test)]
#[path = "fixture.rs"]
pub(super) mod fixture;
