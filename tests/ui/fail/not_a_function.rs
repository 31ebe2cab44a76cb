use immortal::immortal;

#[immortal]
struct Handler;
