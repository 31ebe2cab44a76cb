struct Trouble;

#[immortal::main]
fn main() -> Result<(), Trouble> {
    Err(Trouble)
}
