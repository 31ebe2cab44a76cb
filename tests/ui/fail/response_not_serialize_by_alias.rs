use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> Result<Greeting> {
    Ok(Greeting(event.payload))
}

type Result<T> = std::result::Result<T, Error>;

struct Greeting(Value);
