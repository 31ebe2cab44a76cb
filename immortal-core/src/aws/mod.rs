//! AWS's services, as far as the roles ask them: six operations, signed by AWS's own crate and sent over one client.
//!
//! A generated client holds all of a service's operations; this binary is in every user's zip, and most of its lives call
//! none of them. The tests hold each request to what the generated clients send.

mod credentials;
mod endpoint;
mod http;
pub(crate) mod s3;
mod sign;
#[cfg(test)]
pub(crate) mod tests;
mod trouble;

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::{Method, Response, body::Incoming, header::HeaderName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde::de::DeserializeOwned;

pub(crate) use self::http::{Http, client as http_client};
pub use self::trouble::{Refused, Trouble};
use self::{credentials::Provider, endpoint::Endpoints, sign::signed, trouble::chain};

/// The most that is read of an answer that isn't an event or a zip: no operation asked for here has a larger one.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// What AWS's signatures leave as it is in a part of a path or query.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>, `UriEncode`.
pub(crate) const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The services that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    #[cfg_attr(not(any(feature = "dispatcher", test)), expect(dead_code, reason = "the runner doesn't ask it"))]
    Ecs,
    #[cfg_attr(not(any(feature = "runner", test)), expect(dead_code, reason = "the dispatcher doesn't ask it"))]
    Lambda,
    S3,
}

/// A request before it has an endpoint and a signature.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) service: Service,
    pub(crate) method: Method,
    /// S3 has the bucket in the host, where it may be there.
    pub(crate) bucket: Option<String>,
    /// Path and query, percent-encoded.
    pub(crate) path: String,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Bytes,
}

/// AWS, with one role's region, endpoints and credentials; a clone is the same client.
#[derive(Clone, Debug)]
pub(crate) struct Aws(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    http: Http,
    endpoints: Endpoints,
    credentials: Provider,
}

impl Aws {
    /// Takes region, endpoints and credentials from variables, under the names that AWS's SDKs have for them.
    ///
    /// What they lack is said by each request: before one is made, nobody knows whether it is needed.
    pub(crate) fn new(http: Http, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        Self(Arc::new(Shared { http, endpoints: Endpoints::read(lookup), credentials: Provider::read(lookup) }))
    }

    /// Makes a request, once. Retries are the roles' own, which know their deadlines and what is worth a retry.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response<Incoming>, Trouble> {
        let Shared { http, endpoints, credentials } = &*self.0;
        let credentials = credentials.get(http).await?;
        let request = signed(request, endpoints, credentials, SystemTime::now())?;
        let answer = http.request(request).await.map_err(|error| Trouble::Unanswered(chain(&error)))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        // Cut, it would hide what is refused.
        let body = whole(body).await?;
        Err(Trouble::Refused(Refused::read(head.status.as_u16(), &head.headers, &body)))
    }

    /// Makes a request whose answer is JSON.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Trouble> {
        let body = whole(self.send(request).await?.into_body()).await?;
        let body = if body.is_empty() { &b"{}"[..] } else { &body };
        // What serde says quotes the answer, and that holds events, variables and presigned addresses.
        serde_json::from_slice(body).map_err(|error| {
            let (kind, line, column) = (error.classify(), error.line(), error.column());
            Trouble::Unanswered(format!("an answer that can't be read: {kind:?}, line {line}, column {column}"))
        })
    }
}

async fn whole(body: Incoming) -> Result<Bytes, Trouble> {
    match Limited::new(body, LARGEST_ANSWER).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(Trouble::Unanswered(chain(error.as_ref()))),
    }
}
