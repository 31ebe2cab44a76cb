use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(
    init = setup::Table::open,
    cpu = "1 vCPU",
    memory = "4 GB",
    memory_max = "16 GB",
    storage = 100,
    spot = true,
    attempts = 10,
    on = killed,
    grace = "1500ms",
    limit = "6h",
    crate = ::immortal,
)]
async fn handler(event: LambdaEvent<Value>, table: &setup::Table) -> Result<Value, Error> {
    let _ = table;
    Ok(event.payload)
}

mod setup {
    pub struct Table;

    impl Table {
        pub async fn open() -> Result<Self, immortal::Error> {
            Ok(Self)
        }
    }
}
