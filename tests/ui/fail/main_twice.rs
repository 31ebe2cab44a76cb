#[immortal::main]
#[immortal::main]
async fn main() {}
