::core::compile_error! {
    "`#[immortal::main]` goes on the crate's `main`; on a handler it is `#[immortal]`"
}
#[allow(unused_imports)]
use ::immortal::__private::stub::*;
async fn ingest(event: LambdaEvent<Upload>) -> Result<Report, Error> {
    summarise(event.payload).await
}
