use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

/// Echoes.
#[immortal]
#[tracing::instrument(skip_all, err)]
#[must_use]
pub(crate) async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
