use immortal::immortal;

#[immortal]
struct Handler;

fn main() {
    let _ = Handler;
}
