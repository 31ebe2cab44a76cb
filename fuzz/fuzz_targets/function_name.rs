//! A text as the name of a function.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::function_name::check(bytes));
