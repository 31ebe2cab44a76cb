//! What raises the odds that a bird damages an aircraft? An S3 notification names a CSV file of strike reports; the
//! handler fits a model to them, bootstraps its intervals, and writes the result beside the file as JSON.
//!
//! The bootstrap takes longer than the function's timeout. Reading, computing and writing can be done again from the
//! start, with the same result under the same name: so the event may have as many lives as it needs, and Spot capacity
//! is good enough for the first of them.

mod object;
mod regression;
mod report;
mod strikes;

use aws_config::BehaviorVersion;
use aws_lambda_events::event::s3::S3Event;
use aws_sdk_s3::{Client, config::Builder};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use immortal::{Error, LambdaEvent, immortal};
use serde::Serialize;

use object::Object;
use report::report;

/// What the invocation answers.
#[derive(Debug, Serialize)]
struct Summary {
    result: String,
    reports: usize,
    used: usize,
    damaged: usize,
    strongest: Option<String>,
}

/// Makes the S3 client: once in each process, before its first event.
async fn connect() -> Result<Client, Error> {
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(https).load().await;
    // An endpoint set by hand is a host whose subdomains are no buckets.
    let s3 = Builder::from(&config).force_path_style(config.endpoint_url().is_some()).build();
    Ok(Client::from_conf(s3))
}

#[immortal(init = connect, spot = true)]
async fn ingest(event: LambdaEvent<S3Event>, s3: &Client) -> Result<Summary, Error> {
    let source = Object::named_by(&event.payload)?;
    let csv = source.get(s3).await?;
    println!("read {source}: {} bytes", csv.len());

    let resamples = std::env::var("RESAMPLES").ok().map(|text| text.parse()).transpose()?;
    let progress = |done, of| println!("{done} of {of} resamples");
    let computed = tokio::task::spawn_blocking(move || report(&csv, resamples, progress)).await?;
    let report = computed.map_err(|error| format!("{source} holds no strike reports to learn from: {error}"))?;

    let result = source.result();
    result.put(s3, serde_json::to_vec_pretty(&report)?).await?;
    println!("wrote {result}");
    Ok(Summary {
        result: result.to_string(),
        reports: report.reports,
        used: report.used,
        damaged: report.damaged,
        strongest: report.strongest().map(|term| {
            format!("{}: odds times {:.1} (95 %: {:.1} to {:.1})", term.name, term.odds_ratio, term.low, term.high)
        }),
    })
}
