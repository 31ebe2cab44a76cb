fn main() -> ::std::process::ExitCode {
    use crate::vendor::immortal::__private;
    const _: () = ::core::assert!(
        __private::is_crate_root(::core::module_path!()),
        "`#[immortal::main]` goes on the crate's `main`, and this one is in a module: move it to the crate's root file, such as `src/main.rs`"
    );
    fn main() {
        serve()
    }
    __private::plain_main::<
        (),
        _,
    >(
        main,
        const {
            &__private::Manifest::for_main(
                ::core::env!("CARGO_PKG_NAME"),
                ::core::env!("CARGO_PKG_VERSION"),
            )
        },
    )
}
