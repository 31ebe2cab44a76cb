#![no_implicit_prelude]

mod std {}
mod core {}
mod serde {}
mod lambda_runtime {}
struct Box;
struct Vec;
struct Option;
enum Result2 {
    Ok,
    Err,
    Some,
    None,
}
macro_rules! env {
    () => {};
}

#[::immortal::immortal(cpu = 256, memory = 512, storage = 30, on = killed, limit = "1h")]
async fn handler(
    event: ::immortal::LambdaEvent<::serde_json::Value>,
) -> ::std::result::Result<::serde_json::Value, ::immortal::Error> {
    let _ = (Box, Vec, Option, Result2::Ok, Result2::Err, Result2::Some, Result2::None);
    env!();
    ::std::result::Result::Ok(event.payload)
}
