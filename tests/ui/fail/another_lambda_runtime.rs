use immortal::{Error, immortal};
use serde_json::Value;

/// As in version 0.14, whose types are others.
mod lambda_runtime {
    pub struct LambdaEvent<T> {
        pub payload: T,
    }
}

#[immortal]
async fn handler(event: lambda_runtime::LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
