struct Served;

#[immortal::main]
async fn main() -> Served {
    Served
}
