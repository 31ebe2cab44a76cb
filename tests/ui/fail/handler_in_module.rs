mod event_handler {
    use immortal::{Error, LambdaEvent, immortal};
    use serde_json::Value;

    #[immortal]
    pub(crate) async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
        Ok(event.payload)
    }
}
