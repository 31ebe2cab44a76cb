::core::compile_error! {
    "`attempts` is a number of Fargate tasks, 1 to 10"
}
async fn ingest(event: LambdaEvent<Upload>) -> Result<Report, Error> {
    summarise(event.payload).await
}
fn main() {}
