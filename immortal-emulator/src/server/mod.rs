//! The HTTP server: all services behind one address, distinguished by path and header as in AWS's protocols.

mod target;

use std::{convert::Infallible, sync::Arc};

use axum::{Router, body::Body, extract::DefaultBodyLimit, http::Request, response::Response, routing::post};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tower::Service as _;

use crate::{
    ecs::{self, EcsService},
    eventbridge::EventBuses,
    lambda::{self, LambdaService},
    platform::ConnectionReset,
    s3::{self, S3Service},
    sns::SnsService,
    sqs::SqsService,
};

/// The services that have an API.
#[derive(Clone, Debug)]
pub(crate) struct ServedServices {
    pub(crate) lambda: Arc<LambdaService>,
    pub(crate) ecs: Arc<EcsService>,
    pub(crate) sqs: Arc<SqsService>,
    pub(crate) s3: Arc<S3Service>,
    pub(crate) sns: Arc<SnsService>,
    pub(crate) buses: Arc<EventBuses>,
}

fn routes(services: ServedServices) -> Router {
    let targets = target::TargetServices::new(&services);
    let ServedServices { lambda, ecs, s3, .. } = services;
    Router::new()
        .route("/", post(target::call))
        .with_state(targets)
        .merge(lambda::routes(lambda))
        .merge(ecs::routes(ecs))
        .merge(s3::routes(s3))
        .layer(DefaultBodyLimit::disable())
}

/// Serves until the runtime shuts down.
pub(crate) async fn serve(listener: TcpListener, services: ServedServices) {
    let router = routes(services);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve_connection(stream, router.clone()))),
            // Usually out of file descriptors: retried when others may have been closed.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        async move {
            let Ok::<Response, Infallible>(response) = router.call(request.map(Body::new)).await;
            // An error of the service makes hyper close the connection without a response.
            if response.extensions().get::<ConnectionReset>().is_some() { Err("reset") } else { Ok(response) }
        }
    });
    // An error means that the client has disconnected.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
