pub fn main() -> ::std::process::ExitCode {
    use ::immortal::__private;
    const _: () = ::core::assert!(
        __private::is_crate_root(::core::module_path!()),
        "`#[immortal::main]` goes on the crate's `main`, and this one is in a module: move it to the crate's root file, such as `src/main.rs`"
    );
    /// Serves uploads.
    #[allow(clippy::unused_async)]
    async fn main() -> Result<(), Error> {
        immortal::run(service_fn(ingest)).await
    }
    __private::async_main::<
        Result<(), Error>,
        _,
        _,
    >(
        main,
        const {
            &__private::Manifest::for_main(
                    ::core::env!("CARGO_PKG_NAME"),
                    ::core::env!("CARGO_PKG_VERSION"),
                )
                .task_size(1024, 4096)
                .attempts(5)
        },
    )
}
