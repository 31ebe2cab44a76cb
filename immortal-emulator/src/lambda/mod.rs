//! Lambda: functions, their versions and layers; invocations in sandboxes, their retries and destinations; and
//! queues as event sources.

mod asynchronous;
mod download;
mod environment;
mod event_invoke_config;
mod event_source;
mod event_source_mapping;
mod exit;
mod failure;
mod function;
mod get;
mod invocation;
mod invoke;
mod name;
mod package;
mod record;
mod run;
mod sandbox;
mod service;
mod success;
mod version;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

pub use self::function::{FailureTarget, Function};
pub(crate) use self::{
    event_source::poll_queue, event_source_mapping::EventSourceMapping, invoke::accept_event, service::LambdaService,
};

/// Paths that only the emulator has begin with `/_/`, which is not a valid bucket name.
pub(crate) fn routes(lambda: Arc<LambdaService>) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{function}", get(get::get_function))
        .route("/2015-03-31/functions/{function}/configuration", get(get::get_function_configuration))
        .route("/2015-03-31/event-source-mappings", get(event_source_mapping::list))
        .route("/2015-03-31/event-source-mappings/", get(event_source_mapping::list))
        .route(
            "/2015-03-31/event-source-mappings/{uuid}",
            get(event_source_mapping::get).put(event_source_mapping::update),
        )
        .route("/2015-03-31/functions/{function}/invocations", post(invoke::invoke))
        .route("/2019-09-25/functions/{function}/event-invoke-config", get(event_invoke_config::get))
        .route("/2018-10-31/layers", get(get::get_layer_version_by_arn))
        .route("/2018-10-31/layers/{layer}/versions/{version}", get(get::get_layer_version))
        .route("/_/code/{token}", get(download::download))
        .with_state(lambda)
}
