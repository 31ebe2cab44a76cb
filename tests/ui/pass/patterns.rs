use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(init = numbers)]
async fn handler(
    LambdaEvent { payload: mut text, context: _ }: LambdaEvent<String>,
    [first, ..]: &[u32; 2],
) -> Result<Value, Error> {
    text.push_str(&first.to_string());
    Ok(text.into())
}

async fn numbers() -> Result<[u32; 2], Error> {
    Ok([1, 2])
}
