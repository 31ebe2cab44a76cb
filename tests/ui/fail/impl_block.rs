use immortal::immortal;

#[immortal]
impl Handler {
    async fn handle(&self) {}
}

struct Handler;
