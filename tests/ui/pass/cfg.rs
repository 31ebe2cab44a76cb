use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[cfg(not(unix))]
#[immortal]
async fn handler(_: LambdaEvent<Value>) -> Result<(), Error> {
    Ok(())
}

#[immortal]
#[cfg(unix)]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}

#[immortal]
#[cfg(not(unix))]
async fn other(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
