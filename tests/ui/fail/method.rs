use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

struct Handler;

impl Handler {
    #[immortal]
    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        Ok(event.payload)
    }
}

fn main() {}
