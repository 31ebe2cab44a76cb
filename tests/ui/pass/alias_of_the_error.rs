use immortal::{LambdaEvent, immortal};
use serde_json::Value;

type Result<E> = std::result::Result<(), E>;

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> Result<immortal::Error> {
    println!("{}", event.payload);
    Ok(())
}
