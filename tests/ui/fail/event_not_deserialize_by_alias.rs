use immortal::{Error, LambdaEvent, immortal};

#[immortal]
async fn handler(event: Visit) -> Result<String, Error> {
    Ok(event.payload.name)
}

type Visit = LambdaEvent<Visitor>;

struct Visitor {
    name: String,
}
