//! What raises the odds that a bird damages an aircraft? An S3 notification names a CSV file of strike reports; the
//! handler fits a model to them, bootstraps its intervals, and writes the result beside the file as JSON.
//!
//! The bootstrap takes longer than the function's timeout. What is resampled is saved every second, and when the attempt is
//! told to stop: the next one goes on from there, with the same result under the same name. So the event may have as many
//! lives as it needs, and Spot capacity is good enough for the first of them.

mod object;
mod regression;
mod report;
mod strikes;

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_config::BehaviorVersion;
use aws_lambda_events::event::s3::S3Event;
use aws_sdk_s3::{Client, config::Builder};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use immortal::{Context, Error, LambdaEvent, Progress, Stopped, immortal};
use serde::Serialize;

use object::Object;
use report::{FittedModel, Resampled};

/// How many resamples are computed before it is asked whether to save and stop.
const PART: u32 = 20;

/// How much work may be lost to a kill.
const SAVE_EVERY: Duration = Duration::from_secs(1);

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
    let fitted = tokio::task::spawn_blocking(move || FittedModel::fit(&csv, resamples)).await?;
    let model = Arc::new(fitted.map_err(|error| format!("{source} holds no strike reports to learn from: {error}"))?);
    let work = resample(&model, &event.context).await?;
    let report = model.report(&work);

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

/// Resamples from where an earlier attempt of this job ended; saves what is done, and ends early when told to.
async fn resample(model: &Arc<FittedModel>, context: &Context) -> Result<Resampled, Error> {
    let mut progress = Progress::<Resampled>::open(context).await?;
    let mut resampled = progress.saved().cloned().unwrap_or_default();
    println!("goes on after {} of {} resamples", resampled.done, model.resamples);
    let mut stopping = pin!(immortal::stopping());
    let mut saved = Instant::now();
    while resampled.done < model.resamples {
        let own = Arc::clone(model);
        let mut part = tokio::task::spawn_blocking(move || own.resample(resampled, PART));
        let (part, is_told) = tokio::select! {
            part = &mut part => (part, false),
            () = &mut stopping => (part.await, true),
        };
        resampled = part?;
        if is_told || saved.elapsed() >= SAVE_EVERY {
            progress.save(&resampled).await?;
            println!("saved {} resamples", resampled.done);
            saved = Instant::now();
        }
        if is_told && resampled.done < model.resamples {
            return Err(Stopped.into());
        }
    }
    Ok(resampled)
}
