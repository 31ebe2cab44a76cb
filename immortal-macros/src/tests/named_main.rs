::core::compile_error! {
    "`#[immortal]` writes `main`: give the handler a name of its own"
}
#[allow(unused_imports)]
use ::immortal::__private::stub::*;
const _: () = {
    async fn main(event: LambdaEvent<Upload>) -> Result<Report, Error> {
        summarise(event.payload).await
    }
};
