use immortal::{Error, LambdaEvent, immortal};
use serde::Serialize;

#[immortal]
async fn handler(event: LambdaEvent<Vec<u8>>) -> Result<Vec<impl Serialize>, Error> {
    Ok(event.payload)
}
