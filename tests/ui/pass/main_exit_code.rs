use std::process::ExitCode;

#[immortal::main]
pub fn main() -> ExitCode {
    ExitCode::FAILURE
}
