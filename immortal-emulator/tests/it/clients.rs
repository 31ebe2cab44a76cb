//! Real SDK clients that talk to an emulator, without retries of their own.

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_lambda::config::Credentials;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use immortal_emulator::{Emulator, EmulatorOptions, JournalEntry, REGION};

/// An emulator with unscaled time: during a test nothing falls due unless the test moves the clock.
pub(crate) async fn emulator_in_real_time() -> Emulator {
    Emulator::start(EmulatorOptions { seed: 7, ..EmulatorOptions::default() }).await.expect("the emulator starts")
}

pub(crate) async fn emulator() -> Emulator {
    Emulator::start(EmulatorOptions { seed: 7, time_scale: 0.001, ..EmulatorOptions::default() })
        .await
        .expect("the emulator starts")
}

async fn config(emulator: &Emulator) -> SdkConfig {
    let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .region(Region::new(REGION))
        .endpoint_url(emulator.endpoint())
        .credentials_provider(Credentials::new("AKIA", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

pub(crate) async fn lambda(emulator: &Emulator) -> aws_sdk_lambda::Client {
    aws_sdk_lambda::Client::new(&config(emulator).await)
}

pub(crate) async fn ecs(emulator: &Emulator) -> aws_sdk_ecs::Client {
    aws_sdk_ecs::Client::new(&config(emulator).await)
}

pub(crate) async fn s3(emulator: &Emulator) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&config(emulator).await).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}

pub(crate) async fn sqs(emulator: &Emulator) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&config(emulator).await)
}

/// A client configured by the environment of a function or task.
pub(crate) async fn sqs_from_environment() -> aws_sdk_sqs::Client {
    let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(client);
    aws_sdk_sqs::Client::new(&config.load().await)
}

/// Waits for an entry of the journal, and panics with the journal if there is none within 30 seconds.
pub(crate) async fn wait_for<T>(emulator: &Emulator, pick: impl FnMut(&JournalEntry) -> Option<T>) -> T {
    match tokio::time::timeout(std::time::Duration::from_secs(30), emulator.wait_for(pick)).await {
        Ok(picked) => picked,
        Err(elapsed) => panic!("no matching entry ({elapsed}) in the journal: {:#?}", emulator.journal()),
    }
}
