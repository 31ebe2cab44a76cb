async fn ingest(event: LambdaEvent<Upload>, clients: &Clients) -> Result<Report, Error> {
    clients.summarise(event.payload).await
}
#[allow(deprecated)]
fn main() -> ::std::process::ExitCode {
    use crate::vendor::immortal::__private;
    const _: () = ::core::assert!(
        __private::is_crate_root(::core::module_path!()),
        "`#[immortal]` writes the crate's `main`, and this handler is in a module: move the handler to the crate's root file, such as `src/main.rs`; or remove `#[immortal]` here, put `#[immortal::main]` on `main`, and call `immortal::run(service_fn(…))` there"
    );
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
                .task_size(1024, 4096)
                .memory_max(16384)
                .storage(100)
                .spot(true)
                .attempts(5)
                .on(__private::DispatchOn::Killed)
                .grace(1500)
                .limit(21600000)
        },
    )
}
