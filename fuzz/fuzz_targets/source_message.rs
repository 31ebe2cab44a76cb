//! A message of a source queue, and the response to a batch that holds it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::dispatcher::source_message::check(bytes));
