use immortal::{LambdaEvent, immortal};

macro_rules! handler {
    ($name:ident, $event:ty => $response:ty, $body:expr) => {
        #[immortal(crate = $crate::vendor::immortal, attempts = 2)]
        async fn $name(event: LambdaEvent<$event>) -> Result<$response, immortal::Error> {
            let run: fn($event) -> $response = $body;
            Ok(run(event.payload))
        }
    };
}

mod vendor {
    pub use immortal;
}

handler!(double, u32 => u64, |number| u64::from(number) * 2);
