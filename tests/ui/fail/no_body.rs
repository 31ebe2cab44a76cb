use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

trait Handler {
    #[immortal]
    async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error>;
}

fn main() {}
