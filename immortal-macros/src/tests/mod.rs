//! What the attribute writes, as documentation: each case is a handler, and the file beside it its expansion.

use expect_test::{ExpectFile, expect_file};
use proc_macro2::TokenStream;
use quote::quote;

use crate::{expand, own_main};

fn check(args: TokenStream, item: &TokenStream, expected: &ExpectFile) {
    check_expansion(expand::immortal(args, item), expected);
}

fn check_main(args: TokenStream, item: &TokenStream, expected: &ExpectFile) {
    check_expansion(own_main::main(args, item), expected);
}

fn check_expansion(expansion: TokenStream, expected: &ExpectFile) {
    let file = syn::parse2(expansion).expect("an expansion is items");
    expected.assert_eq(&prettyplease::unparse(&file));
}

#[test]
fn minimal() {
    check(
        quote! {},
        &quote! {
            async fn ingest(event: LambdaEvent<Upload>) -> Result<Report, Error> {
                summarise(event.payload).await
            }
        },
        &expect_file!["minimal.rs"],
    );
}

#[test]
fn with_state() {
    check(
        quote! { init = connect },
        &quote! {
            /// Reads an upload.
            #[tracing::instrument(skip_all)]
            pub async fn ingest(event: LambdaEvent<Upload>, clients: &Clients) -> Result<Report, Error> {
                clients.summarise(event.payload).await
            }
        },
        &expect_file!["with_state.rs"],
    );
}

#[test]
fn all_arguments() {
    check(
        quote! {
            init = connect, cpu = "1 vCPU", memory = "4 GB", memory_max = "16 GB", storage = 100, spot = true, attempts = 5, on = killed,
            grace = "1500ms", limit = "6h", crate = crate::vendor::immortal
        },
        &quote! {
            async fn ingest(event: LambdaEvent<Upload>, clients: &Clients) -> Result<Report, Error> {
                clients.summarise(event.payload).await
            }
        },
        &expect_file!["all_arguments.rs"],
    );
}

#[test]
fn aliases() {
    check(
        quote! {},
        &quote! {
            async fn ingest(event: Event) -> anyhow::Result<Report> {
                summarise(event.payload).await
            }
        },
        &expect_file!["aliases.rs"],
    );
}

#[test]
fn opaque_response() {
    check(
        quote! {},
        &quote! {
            async fn ingest(event: LambdaEvent<Upload>) -> Result<impl Serialize, Error> {
                summarise(event.payload).await
            }
        },
        &expect_file!["opaque_response.rs"],
    );
}

#[test]
fn with_a_mistake() {
    check(
        quote! { attempts = 11 },
        &quote! {
            async fn ingest(event: LambdaEvent<Upload>) -> Result<Report, Error> {
                summarise(event.payload).await
            }
        },
        &expect_file!["with_a_mistake.rs"],
    );
}

#[test]
fn named_main() {
    check(
        quote! {},
        &quote! {
            async fn main(event: LambdaEvent<Upload>) -> Result<Report, Error> {
                summarise(event.payload).await
            }
        },
        &expect_file!["named_main.rs"],
    );
}

#[test]
fn own_async_main() {
    check_main(
        quote! { cpu = 1024, memory = 4096, attempts = 5 },
        &quote! {
            /// Serves uploads.
            #[allow(clippy::unused_async)]
            pub async fn main() -> Result<(), Error> {
                immortal::run(service_fn(ingest)).await
            }
        },
        &expect_file!["own_async_main.rs"],
    );
}

#[test]
fn own_plain_main() {
    check_main(
        quote! { crate = crate::vendor::immortal },
        &quote! {
            fn main() {
                serve()
            }
        },
        &expect_file!["own_plain_main.rs"],
    );
}

#[test]
fn own_main_with_mistakes() {
    check_main(
        quote! { init = connect, attempts = 11 },
        &quote! {
            #[tokio::main]
            async fn main(event: LambdaEvent<Upload>) {
                serve()
            }
        },
        &expect_file!["own_main_with_mistakes.rs"],
    );
}

#[test]
fn own_main_on_a_handler() {
    check_main(
        quote! {},
        &quote! {
            async fn ingest(event: LambdaEvent<Upload>) -> Result<Report, Error> {
                summarise(event.payload).await
            }
        },
        &expect_file!["own_main_on_a_handler.rs"],
    );
}
