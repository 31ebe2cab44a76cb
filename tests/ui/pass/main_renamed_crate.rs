extern crate immortal as lives;

mod vendor {
    pub(crate) use lives as immortal;
}

use immortal::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[lives::main(crate = crate::vendor::immortal)]
async fn main() -> Result<(), Error> {
    immortal::run(service_fn(handler)).await
}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
