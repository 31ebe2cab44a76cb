use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> Result<Greeting, Error> {
    Ok(Greeting(event.payload))
}

struct Greeting(Value);
