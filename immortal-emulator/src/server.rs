//! The one HTTP server: all services behind one address, told apart as AWS's own protocols tell them apart.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::DefaultBodyLimit,
    http::Request,
    response::Response,
    routing::{get, post},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tower::Service as _;

use crate::{api::Reset, cloud::Cloud, ecs, lambda, s3, target};

/// Paths of the emulator's own begin with `/_/`: no bucket may be called so.
fn routes(cloud: Arc<Cloud>) -> Router {
    Router::new()
        .route("/", post(target::call))
        .route("/2015-03-31/functions/{function}", get(lambda::get::get_function))
        .route("/2015-03-31/functions/{function}/invocations", post(lambda::invoke::invoke))
        .route("/2018-10-31/layers", get(lambda::get::get_layer_version_by_arn))
        .route("/2018-10-31/layers/{layer}/versions/{version}", get(lambda::get::get_layer_version))
        .route("/_/code/{token}", get(lambda::download::download))
        .route("/_/credentials", get(ecs::metadata::credentials))
        .route("/_/metadata/{task}", get(ecs::metadata::container))
        .route("/_/metadata/{task}/task", get(ecs::metadata::task))
        .route("/{bucket}/{*key}", get(s3::get_object).put(s3::put_object).delete(s3::delete_object))
        .layer(DefaultBodyLimit::disable())
        .with_state(cloud)
}

/// Serves until the runtime is gone.
pub(crate) async fn serve(listener: TcpListener, cloud: Arc<Cloud>) {
    let router = routes(cloud);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, router.clone()))),
            // Out of descriptors, mostly: others may close some.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
}

async fn connection(stream: TcpStream, router: Router) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        async move {
            let Ok::<Response, Infallible>(response) = router.call(request.map(Body::new)).await;
            // An error of the service makes hyper close the connection without a response.
            if response.extensions().get::<Reset>().is_some() { Err("reset") } else { Ok(response) }
        }
    });
    // A client that hangs up is its own affair.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
