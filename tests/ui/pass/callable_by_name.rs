use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(init = connect)]
async fn handler(event: LambdaEvent<Value>, table: &Table) -> Result<u32, Error> {
    let _ = event;
    Ok(table.0)
}

struct Table(u32);

async fn connect() -> Result<Table, Error> {
    Ok(Table(1))
}

#[allow(dead_code)]
async fn a_test_replaces_the_state() {
    let table = Table(2);
    let event = LambdaEvent::new(Value::Null, immortal::Context::default());
    assert_eq!(handler(event, &table).await.unwrap(), 2);
}
