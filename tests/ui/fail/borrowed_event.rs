use immortal::{Error, LambdaEvent, immortal};

#[immortal]
async fn handler(event: LambdaEvent<&str>) -> Result<String, Error> {
    Ok(event.payload.to_owned())
}
