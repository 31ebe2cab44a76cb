use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(init = connect)]
async fn handler(event: LambdaEvent<Value>, table: &Table, bucket: &str) -> Result<Value, Error> {
    let _ = (table, bucket);
    Ok(event.payload)
}

struct Table;

async fn connect() -> Result<Table, Error> {
    Ok(Table)
}
