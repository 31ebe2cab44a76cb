use immortal::{Error, LambdaEvent, immortal};

#[immortal]
async fn handler(event: LambdaEvent<Visitor<'_>>) -> Result<String, Error> {
    Ok(event.payload.name.to_owned())
}

#[derive(serde::Deserialize)]
struct Visitor<'a> {
    name: &'a str,
}
