async fn ingest(event: LambdaEvent<Upload>) -> Result<Report, Error> {
    summarise(event.payload).await
}
#[allow(deprecated)]
fn main() -> ::std::process::ExitCode {
    use ::immortal::__private;
    __private::main::<
        _,
        Upload,
        _,
        Report,
        Error,
        _,
        _,
    >(
        ingest,
        const {
            &__private::Manifest::new(
                "ingest",
                ::core::env!("CARGO_PKG_NAME"),
                ::core::env!("CARGO_PKG_VERSION"),
            )
        },
    )
}
