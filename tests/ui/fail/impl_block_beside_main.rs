use immortal::immortal;

struct Handler;

#[immortal]
impl Handler {
    async fn handle(&self) {}
}

fn main() {}
