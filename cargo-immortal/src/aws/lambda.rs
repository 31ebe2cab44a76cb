//! Lambda's client, and the switch of a mapping; what a function's settings are is read in `inspection`.

use std::fmt;

use aws_sdk_lambda::Client;

use super::{call_error::CallError, connect::AwsConnection};

/// The state of a mapping, as Lambda's word for it.
///
/// Source: `State` in <https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappingState(String);

impl MappingState {
    /// Whether it polls its queue.
    pub(crate) fn is_on(&self) -> bool {
        self.0 == "Enabled"
    }

    /// Whether it no longer does.
    pub(crate) fn is_off(&self) -> bool {
        self.0 == "Disabled"
    }
}

impl fmt::Display for MappingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AwsConnection {
    pub(super) fn lambda(&self) -> Client {
        Client::new(&self.config)
    }

    /// The state of a mapping, by its UUID.
    pub(crate) async fn mapping_state(&self, uuid: &str) -> Result<MappingState, CallError> {
        let output = self.lambda().get_event_source_mapping().uuid(uuid).send().await;
        let output = output
            .map_err(|error| CallError::new("lambda:GetEventSourceMapping", &format!("the mapping {uuid}"), error))?;
        Ok(MappingState(output.state.unwrap_or_default()))
    }

    /// Lets a mapping poll its queue, or no longer. Lambda needs a while for it.
    pub(crate) async fn switch_mapping(&self, uuid: &str, enabled: bool) -> Result<(), CallError> {
        let output = self.lambda().update_event_source_mapping().uuid(uuid).enabled(enabled).send().await;
        output.map_err(|error| {
            CallError::new("lambda:UpdateEventSourceMapping", &format!("the mapping {uuid}"), error)
        })?;
        Ok(())
    }
}
