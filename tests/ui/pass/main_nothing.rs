#[immortal::main]
async fn main() {}
