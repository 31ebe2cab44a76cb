//! A text as the payload of the dispatcher.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::dispatcher::dispatcher_input::check(bytes));
