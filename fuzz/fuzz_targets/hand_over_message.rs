//! A text as the message of a hand-over, and as the context that one reports.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::handler::handover::check(bytes));
