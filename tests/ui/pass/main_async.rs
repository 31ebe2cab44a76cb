use immortal::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[immortal::main]
async fn main() -> Result<(), Error> {
    let greeting = String::from("hello");
    println!("it prints: {greeting}");
    std::env::var("ONLY_THE_PRIMARY_HAS_THIS")?;
    immortal::run(service_fn(|event| handler(event, &greeting))).await
}

async fn handler(event: LambdaEvent<Value>, greeting: &str) -> Result<String, Error> {
    Ok(format!("{greeting} {}", event.payload))
}
