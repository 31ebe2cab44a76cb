//! The handler with all of immortal's roles.

use aws_sdk_s3::Client;
use immortal::{Error, LambdaEvent, immortal};
use s3::{LineCount, ObjectLocation, connect};

#[immortal(init = connect)]
async fn report(event: LambdaEvent<ObjectLocation>, client: &Client) -> Result<LineCount, Error> {
    s3::report(event.payload, client).await
}
