async fn ingest(event: LambdaEvent<Upload>) -> Result<impl Serialize, Error> {
    summarise(event.payload).await
}
#[allow(deprecated)]
fn main() -> ::std::process::ExitCode {
    use ::immortal::__private;
    const _: () = ::core::assert!(
        __private::is_crate_root(::core::module_path!()),
        "`#[immortal]` writes the crate's `main`, and this handler is in a module: move the handler to the crate's root file, such as `src/main.rs`; or remove `#[immortal]` here, put `#[immortal::main]` on `main`, and call `immortal::run(service_fn(…))` there"
    );
    __private::main::<
        _,
        Upload,
        _,
        _,
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
