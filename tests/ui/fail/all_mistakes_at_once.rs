use immortal::{Context, LambdaEvent, immortal};

#[immortal(cpu = 1024, memory = 1024, attempts = 11, colour = red, grace = 10, spot = true, spot = false)]
pub fn handler(_: LambdaEvent<&str>, _: Context) {}
