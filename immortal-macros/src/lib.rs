//! The `#[immortal]` attribute of `immortal-lambda`, which re-exports it.
//!
//! It reads its arguments ([`args`]) and the handler's signature ([`handler`]), checks them ([`validate`]) and writes
//! one `main` beside the untouched handler ([`expand`]).

mod args;
mod errors;
mod expand;
mod handler;
mod task_size;
#[cfg(test)]
mod tests;
mod validate;

use proc_macro::TokenStream;

/// Gives a Lambda handler's failed events another life on AWS Fargate.
#[proc_macro_attribute]
pub fn immortal(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(args.into(), &item.into()).into()
}
