use immortal::{LambdaEvent, immortal};
use serde_json::Value;

type Event = LambdaEvent<Value>;
type Result<T, E = immortal::Error> = std::result::Result<T, E>;

#[immortal]
async fn handler(event: Event) -> Result<Value> {
    Ok(event.payload)
}
