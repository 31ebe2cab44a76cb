use immortal::{Error, LambdaEvent, immortal};

#[allow(non_camel_case_types)]
#[derive(serde::Deserialize, serde::Serialize)]
struct r#type {
    r#fn: u32,
}

#[immortal(init = r#loop)]
async fn r#match(r#in: LambdaEvent<r#type>, r#ref: &u32) -> Result<r#type, Error> {
    Ok(r#type { r#fn: r#in.payload.r#fn + r#ref })
}

async fn r#loop() -> Result<u32, Error> {
    Ok(1)
}
