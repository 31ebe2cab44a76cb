use immortal::{Error, LambdaEvent, immortal};

#[immortal]
async fn handler(event: LambdaEvent<Visitor>) -> Result<String, Error> {
    Ok(event.payload.name)
}

struct Visitor {
    name: String,
}
