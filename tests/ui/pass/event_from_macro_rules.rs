use immortal::immortal;

macro_rules! handler {
    ($event:ty, $outcome:ty) => {
        #[immortal]
        async fn handler(event: $event) -> $outcome {
            Ok(event.payload)
        }
    };
}

handler!(immortal::LambdaEvent<u32>, Result<u32, immortal::Error>);
