//! The handler of `examples/hello`, with one call of each client that a hand-written hand-over to Fargate would need.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Visitor {
    name: String,
}

#[derive(Serialize)]
struct Greeting {
    message: String,
}

async fn hello(event: LambdaEvent<Visitor>) -> Result<Greeting, Error> {
    let name = event.payload.name;
    if name.is_empty() {
        return Err("a visitor without a name can't be greeted".into());
    }
    Ok(Greeting { message: format!("Hello, {name}!") })
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    if let Ok(function) = std::env::var("DEAD_FUNCTION") {
        let config = aws_config::load_from_env().await;
        let code = aws_sdk_lambda::Client::new(&config).get_function().function_name(function).send().await?;
        let task = aws_sdk_ecs::Client::new(&config)
            .run_task()
            .task_definition(code.code().and_then(|code| code.location()).unwrap_or_default())
            .send()
            .await?;
        println!("{} tasks", task.tasks().len());
    }
    lambda_runtime::run(service_fn(hello)).await
}
