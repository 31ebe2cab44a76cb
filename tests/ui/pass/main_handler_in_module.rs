use immortal::{Error, service_fn};

mod event_handler {
    use immortal::{Error, LambdaEvent};
    use serde_json::Value;

    pub(crate) async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
        Ok(event.payload)
    }
}

#[immortal::main]
async fn main() -> Result<(), Error> {
    immortal::run(service_fn(event_handler::handler)).await
}
