use immortal::{Diagnostic, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Refused> {
    if event.payload.is_null() { Err(Refused) } else { Ok(event.payload) }
}

struct Refused;

impl From<Refused> for Diagnostic {
    fn from(_: Refused) -> Self {
        Self { error_type: "Refused".to_owned(), error_message: "no event".to_owned() }
    }
}
