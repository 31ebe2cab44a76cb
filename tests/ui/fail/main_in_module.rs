mod inner {
    #[immortal::main]
    pub async fn main() {}
}

fn main() {
    inner::main();
}
