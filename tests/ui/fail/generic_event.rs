use immortal::{Error, LambdaEvent, immortal};

#[immortal]
async fn handler(event: LambdaEvent<impl ToString>) -> Result<String, Error> {
    Ok(event.payload.to_string())
}
