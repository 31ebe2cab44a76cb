::core::compile_error! {
    "`#[immortal]` writes `main`: give the handler a name of its own"
}
const _: () = {
    async fn main(event: LambdaEvent<Upload>) -> Result<Report, Error> {
        summarise(event.payload).await
    }
};
fn main() {}
