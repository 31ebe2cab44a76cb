use immortal::immortal;

type Visit = immortal::LambdaEvent<String>;
type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

#[immortal]
async fn handler(event: Visit) -> Outcome {
    println!("{}", event.payload);
    Ok(())
}
