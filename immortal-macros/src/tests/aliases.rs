async fn ingest(event: Event) -> anyhow::Result<Report> {
    summarise(event.payload).await
}
#[allow(deprecated)]
fn main() -> ::std::process::ExitCode {
    use ::immortal::__private;
    __private::main::<
        Event,
        _,
        anyhow::Result<Report>,
        _,
        _,
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
