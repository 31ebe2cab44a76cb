//! The one HTTPS client: for AWS's services, for the task's credentials, and for downloads.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// How long all addresses of a host together may take to be connected to; each has its share.
const CONNECT: Duration = Duration::from_secs(10);

/// How much of an answer a connection holds at most until it is asked for: a download has several connections.
const BUFFER: usize = 64 * 1024;

pub(crate) type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Makes the client, which trusts the certificates that the system trusts.
pub(crate) fn client() -> io::Result<Http> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or("none were found".to_owned(), ToString::to_string);
        tracing::warn!("no server is trusted for want of CA certificates ({why}): install ca-certificates");
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).http1_max_buf_size(BUFFER).build(connector))
}
