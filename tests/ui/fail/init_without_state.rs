use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(init = connect)]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}

async fn connect() -> Result<(), Error> {
    Ok(())
}
