use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> Result<StreamResponse<Body>, Error> {
    let _ = event;
    Err("no stream".into())
}

struct StreamResponse<S>(S);
struct Body;
