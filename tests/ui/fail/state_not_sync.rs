use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(init = connect)]
async fn handler(event: LambdaEvent<Value>, table: &Table) -> Result<Value, Error> {
    let _ = table;
    Ok(event.payload)
}

struct Table(std::cell::Cell<u32>);

async fn connect() -> Result<Table, Error> {
    Ok(Table(0.into()))
}
