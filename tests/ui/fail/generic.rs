use immortal::{Error, LambdaEvent, immortal};

#[immortal]
async fn handler<T>(event: LambdaEvent<T>) -> Result<T, Error> {
    Ok(event.payload)
}
