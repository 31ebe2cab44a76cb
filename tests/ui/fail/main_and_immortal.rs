#[immortal::main]
#[immortal::immortal]
async fn main() {}
