::core::compile_error! {
    "`attempts` is a number of Fargate tasks, 1 to 10"
}
#[allow(unused_imports)]
use ::immortal::__private::stub::*;
async fn ingest(event: LambdaEvent<Upload>) -> Result<Report, Error> {
    summarise(event.payload).await
}
