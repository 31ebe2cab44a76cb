#[immortal::main]
struct Handler;
