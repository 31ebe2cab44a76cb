//! The record of a success, and the ARN of its destination.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::runner::destination::check(bytes));
