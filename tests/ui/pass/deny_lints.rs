#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, unused_results, single_use_lifetimes)]
#![deny(rust_2018_idioms, let_underscore, nonstandard_style, future_incompatible, unused, unsafe_code)]
#![deny(trivial_casts, trivial_numeric_casts, unused_import_braces, unused_lifetimes, variant_size_differences)]
#![deny(unused_crate_dependencies, elided_lifetimes_in_paths, explicit_outlives_requirements, meta_variable_misuse)]
#![deny(missing_debug_implementations, missing_copy_implementations, redundant_imports, redundant_lifetimes)]
#![allow(unused_crate_dependencies)]
//! Nothing that the attribute writes is worth a warning.

use immortal::{Error, LambdaEvent, immortal};

/// Old, and still what the events hold.
#[deprecated]
#[derive(Debug, serde::Deserialize, serde::Serialize)]
struct Old {
    text: String,
}

#[immortal(init = connect, cpu = 256, memory = 512, storage = 30, spot = true, attempts = 2, on = killed)]
#[allow(deprecated)]
async fn handler(event: LambdaEvent<Old>, suffix: &String) -> Result<Old, Error> {
    Ok(Old { text: event.payload.text + suffix })
}

async fn connect() -> Result<String, Error> {
    Ok("!".to_owned())
}
