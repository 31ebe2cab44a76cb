use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
const fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    std::mem::forget(event);
    loop {}
}
