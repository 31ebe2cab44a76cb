#[immortal::main]
fn main() -> ! {
    std::process::exit(1)
}
