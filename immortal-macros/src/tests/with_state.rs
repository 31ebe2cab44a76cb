/// Reads an upload.
#[tracing::instrument(skip_all)]
pub async fn ingest(
    event: LambdaEvent<Upload>,
    clients: &Clients,
) -> Result<Report, Error> {
    clients.summarise(event.payload).await
}
#[allow(deprecated)]
fn main() -> ::std::process::ExitCode {
    use ::immortal::__private;
    __private::main_with_state::<
        _,
        Upload,
        _,
        Report,
        Error,
        Clients,
        _,
        _,
        _,
    >(
        ingest,
        connect,
        const {
            &__private::Manifest::new(
                "ingest",
                ::core::env!("CARGO_PKG_NAME"),
                ::core::env!("CARGO_PKG_VERSION"),
            )
        },
    )
}
