//! Picks the role of a process.

use std::fmt;

use crate::names::{DISPATCHER_SUFFIX, env};

/// The role of a process, picked once at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs the handler as a Lambda function.
    Handler,
    /// Turns failed events into Fargate tasks.
    Dispatcher,
    /// Runs the primary's code in a Fargate task.
    Runner,
    /// Prints the manifest.
    Describe,
}

/// Why no role could be picked; exit code 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRole {
    /// `IMMORTAL_ROLE` holds something else.
    #[error("IMMORTAL_ROLE is {0:?}, and must be one of handler, dispatcher, runner, describe")]
    Unknown(String),
    /// Neither `IMMORTAL_ROLE` nor the environment of Lambda or Fargate is set.
    #[error(
        "this is an AWS Lambda function built with #[immortal]; it runs in Lambda, or in a Fargate task as its runner\n\
         to run it here, with all its attempts on an emulator: cargo immortal local --event event.json\n\
         to start one role by hand, set IMMORTAL_ROLE to handler, dispatcher, runner or describe"
    )]
    Nowhere,
    /// The role is behind a cargo feature of its own name, and this binary was built without it.
    #[error(
        "this binary was built without the {0} role: build the one for dispatcher and runner with --features \
         immortal-lambda/dispatcher,immortal-lambda/runner, or with the default features of immortal-lambda"
    )]
    NotLinked(Role),
}

/// Its name in `IMMORTAL_ROLE`, and the cargo feature that it needs.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handler => "handler",
            Self::Dispatcher => "dispatcher",
            Self::Runner => "runner",
            Self::Describe => "describe",
        })
    }
}

impl Role {
    /// Picks the role from the environment, given as a look-up.
    pub fn pick(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, NoRole> {
        if let Some(role) = lookup(env::ROLE) {
            return match role.as_str() {
                "handler" => Ok(Self::Handler),
                "dispatcher" => Ok(Self::Dispatcher),
                "runner" => Ok(Self::Runner),
                "describe" => Ok(Self::Describe),
                _ => Err(NoRole::Unknown(role)),
            };
        }
        if lookup(env::RUNTIME_API).is_some() {
            let name = lookup(env::FUNCTION_NAME).unwrap_or_default();
            return Ok(if name.ends_with(DISPATCHER_SUFFIX) { Self::Dispatcher } else { Self::Handler });
        }
        if lookup(env::CONTEXT).is_some() {
            return Ok(Self::Runner);
        }
        Err(NoRole::Nowhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sign_decides() {
        type Environment = &'static [(&'static str, &'static str)];
        let unknown = |role: &str| Err(NoRole::Unknown(role.to_owned()));
        let table: &[(Environment, Result<Role, NoRole>)] = &[
            (&[("IMMORTAL_ROLE", "handler")], Ok(Role::Handler)),
            (&[("IMMORTAL_ROLE", "dispatcher")], Ok(Role::Dispatcher)),
            (&[("IMMORTAL_ROLE", "runner"), ("AWS_LAMBDA_RUNTIME_API", "h:1")], Ok(Role::Runner)),
            (&[("IMMORTAL_ROLE", "describe")], Ok(Role::Describe)),
            (&[("IMMORTAL_ROLE", "Runner")], unknown("Runner")),
            (&[("IMMORTAL_ROLE", "")], unknown("")),
            (&[("AWS_LAMBDA_RUNTIME_API", "h:1"), ("AWS_LAMBDA_FUNCTION_NAME", "ingest")], Ok(Role::Handler)),
            (&[("AWS_LAMBDA_RUNTIME_API", "h:1"), ("AWS_LAMBDA_FUNCTION_NAME", "ingestDlq")], Ok(Role::Dispatcher)),
            (&[("AWS_LAMBDA_RUNTIME_API", "h:1"), ("AWS_LAMBDA_FUNCTION_NAME", "ingestDlq2")], Ok(Role::Handler)),
            (&[("AWS_LAMBDA_RUNTIME_API", "h:1")], Ok(Role::Handler)),
            (&[("AWS_LAMBDA_RUNTIME_API", "h:1"), ("AWS_LAMBDA_FUNCTION_CONTEXT", "{}")], Ok(Role::Handler)),
            (&[("AWS_LAMBDA_FUNCTION_CONTEXT", "{}")], Ok(Role::Runner)),
            (&[("AWS_LAMBDA_FUNCTION_NAME", "ingestDlq")], Err(NoRole::Nowhere)),
            (&[], Err(NoRole::Nowhere)),
        ];
        for (environment, expected) in table {
            let lookup =
                |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(&Role::pick(lookup), expected, "{environment:?}");
        }
    }

    #[test]
    fn a_role_that_is_not_linked_names_its_feature() {
        for role in [Role::Dispatcher, Role::Runner] {
            let message = NoRole::NotLinked(role).to_string();
            assert!(message.starts_with(&format!("this binary was built without the {role} role: ")), "{message}");
            assert!(message.contains(&format!("immortal-lambda/{role}")), "{message}");
        }
    }

    #[test]
    fn nowhere_is_said_in_three_lines() {
        assert_eq!(NoRole::Nowhere.to_string().lines().count(), 3);
    }
}
