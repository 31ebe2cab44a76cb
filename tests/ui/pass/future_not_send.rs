use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;
use std::rc::Rc;

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let count = Rc::new(1);
    std::future::ready(()).await;
    Ok(Value::from(vec![event.payload; *count]))
}
