use std::process::{ExitCode, Termination};

#[immortal::main]
async fn main() -> impl Termination {
    ExitCode::FAILURE
}
