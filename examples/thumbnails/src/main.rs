//! Thumbnails of a picture, one for each of many widths. S3 notifies a queue of the new picture, and the queue triggers
//! the function: with a batch size of 1, since a failed batch comes back message by message.
//!
//! Most pictures are small and done in Lambda. A large one takes longer than the function may run: its message goes back
//! to the queue, whose redrive policy gives it to the failure queue, and the same function goes on with it on Fargate.
//! Each thumbnail is the same, whoever made it, so to begin again loses time and nothing else.

mod picture;
mod thumbnail;

use std::time::Instant;

use aws_config::BehaviorVersion;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_s3::{Client, config::Builder};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use immortal::{Error, LambdaEvent, immortal};

use picture::{Notification, Picture};

/// Makes the S3 client: once in each process, before its first event.
async fn connect() -> Result<Client, Error> {
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(https).load().await;
    // An endpoint set by hand is a host whose subdomains are no buckets.
    let s3 = Builder::from(&config).force_path_style(config.endpoint_url().is_some()).build();
    Ok(Client::from_conf(s3))
}

/// One message is one notification. What can't be done is named in the response, and only that comes back.
#[immortal(init = connect)]
async fn thumbnails(event: LambdaEvent<SqsEvent>, s3: &Client) -> Result<SqsBatchResponse, Error> {
    let mut response = SqsBatchResponse::default();
    for message in event.payload.records {
        if let Err(error) = notified(&message.body.unwrap_or_default(), s3).await {
            eprintln!("{error}");
            response.add_failure(message.message_id.unwrap_or_default());
        }
    }
    Ok(response)
}

async fn notified(notification: &str, s3: &Client) -> Result<(), Error> {
    let notification: Notification = serde_json::from_str(notification)
        .map_err(|error| format!("the message is not a notification of S3, so no picture is known: {error}"))?;
    for picture in Picture::named_by(notification)? {
        make_all(&picture, s3).await?;
    }
    Ok(())
}

async fn make_all(picture: &Picture, s3: &Client) -> Result<(), Error> {
    let decoded = thumbnail::decode(&picture.get(s3).await?).map_err(|error| format!("{picture}: {error}"))?;
    let widths = thumbnail::widths(decoded.width());
    println!("{picture}: {} by {} pixels, {} thumbnails", decoded.width(), decoded.height(), widths.len());
    let begun = Instant::now();
    for (done, width) in (1..).zip(&widths) {
        let (width, decoded) = (*width, decoded.clone());
        let jpeg = tokio::task::spawn_blocking(move || thumbnail::make(&decoded, width)).await??;
        picture.thumbnail(width).put(s3, jpeg).await?;
        if done % 10 == 0 || done == widths.len() {
            println!("{done} of {} thumbnails after {:.1} s", widths.len(), begun.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_event_names_the_shipped_picture() {
        let event: SqsEvent = serde_json::from_str(include_str!("../event.json")).expect("a batch");
        let body = event.records[0].body.as_deref().expect("a body");
        let notification: Notification = serde_json::from_str(body).expect("a notification");
        let pictures = Picture::named_by(notification).expect("one picture");
        assert_eq!(pictures.iter().map(Picture::to_string).collect::<Vec<_>>(), ["s3://photos/launches/rocket 1.jpg"]);
        let size = include_bytes!("../data/rocket.jpg").len();
        assert!(body.contains(&format!("\"size\":{size},")), "{body}");
    }
}
