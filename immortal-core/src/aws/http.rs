//! The HTTPS client of the SDK and of downloads from presigned URLs.

use std::time::Duration;

use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
#[cfg(feature = "runner")]
pub(crate) use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
#[cfg(any(feature = "runner", feature = "progress"))]
use aws_smithy_runtime_api::client::{http::HttpConnector as _, orchestrator::HttpRequest, result::ConnectorError};

/// The timeout of opening a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that a process shares between the SDK and its downloads.
///
/// It trusts the certificates that the system trusts, and honours `HTTPS_PROXY` and `NO_PROXY`.
#[derive(Clone, Debug)]
pub struct HttpClient(SharedHttpConnector);

impl HttpClient {
    /// A client without connections yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "which client is the default is the caller's to say")]
    pub fn new() -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build();
        Self(SharedHttpConnector::new(connector))
    }

    /// The same client, as the SDK's configuration takes it.
    #[must_use]
    pub fn for_sdk(&self) -> SharedHttpClient {
        let connector = self.0.clone();
        http_client_fn(move |_, _| connector.clone())
    }

    /// Requests a range of bytes from a URL, both ends included.
    #[cfg(feature = "runner")]
    pub(crate) async fn get_range(&self, url: &str, first: u64, last: u64) -> Result<HttpResponse, ConnectorError> {
        let mut request = HttpRequest::new(aws_smithy_types::body::SdkBody::empty());
        request.set_uri(url).map_err(|error| ConnectorError::user(error.into()))?;
        request.headers_mut().insert("range", format!("bytes={first}-{last}"));
        self.0.call(request).await
    }

    /// Requests text from a URL.
    #[cfg(feature = "progress")]
    pub(crate) async fn get_text(&self, url: &str) -> Result<String, ConnectorError> {
        let mut request = HttpRequest::new(aws_smithy_types::body::SdkBody::empty());
        request.set_uri(url).map_err(|error| ConnectorError::user(error.into()))?;
        let body = aws_smithy_types::byte_stream::ByteStream::new(self.0.call(request).await?.into_body());
        let bytes = body.collect().await.map_err(|error| ConnectorError::io(error.into()))?.into_bytes();
        String::from_utf8(bytes.into()).map_err(|error| ConnectorError::other(error.into(), None))
    }
}
