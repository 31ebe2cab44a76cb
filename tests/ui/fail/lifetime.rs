use immortal::{Error, LambdaEvent, immortal};

#[immortal]
async fn handler<'a>(event: LambdaEvent<&'a str>) -> Result<String, Error> {
    Ok(event.payload.to_owned())
}
