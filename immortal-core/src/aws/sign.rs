//! A request with its endpoint and its signature, by AWS's own crate for that.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header;

use super::{Request, Service, Trouble, endpoint::Endpoints, trouble::chain};

/// Who asks, as the services' logs see it.
const USER_AGENT: &str = concat!("immortal/", env!("CARGO_PKG_VERSION"));

/// The request as it is sent at a moment.
pub(super) fn signed(
    request: &Request,
    endpoints: &Endpoints,
    credentials: Credentials,
    now: SystemTime,
) -> Result<hyper::Request<Full<Bytes>>, Trouble> {
    let unsent =
        |error: &dyn std::error::Error| Trouble::Unsent(format!("the request can't be signed: {}", chain(error)));
    let url = endpoints.url(request)?;
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(endpoints.region()?)
        .name(request.service.name())
        .time(now)
        .settings(settings(request.service))
        .build()
        .map_err(|error| unsent(&error))?
        .into();
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(request.method.as_str(), &url, headers, SignableBody::Bytes(&request.body))
        .map_err(|error| unsent(&error))?;
    let (signature, _) = sign(signable, &parameters).map_err(|error| unsent(&error))?.into_parts();
    let mut built = hyper::Request::builder().method(&request.method).uri(&url).header(header::USER_AGENT, USER_AGENT);
    for (name, value) in &request.headers {
        built = built.header(name, value);
    }
    let mut built = built.body(Full::new(request.body.clone())).map_err(|error| unsent(&error))?;
    signature.apply_to_request_http1x(&mut built);
    Ok(built)
}

/// S3 takes a path as it is and wants the body's hash in a header; the others take a path encoded once more.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>.
fn settings(service: Service) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == Service::S3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}
