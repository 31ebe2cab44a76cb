//! The one HTTP server: all services behind one address, told apart as AWS's own protocols tell them apart.

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

/// The services that are called from outside.
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
    let targets = target::TargetServices::of(&services);
    let ServedServices { lambda, ecs, s3, .. } = services;
    Router::new()
        .route("/", post(target::call))
        .with_state(targets)
        .merge(lambda::routes(lambda))
        .merge(ecs::routes(ecs))
        .merge(s3::routes(s3))
        .layer(DefaultBodyLimit::disable())
}

/// Serves until the runtime is gone.
pub(crate) async fn serve(listener: TcpListener, services: ServedServices) {
    let router = routes(services);
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
            if response.extensions().get::<ConnectionReset>().is_some() { Err("reset") } else { Ok(response) }
        }
    });
    // A client that hangs up needs no answer.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
