//! A text as the description of a stopped task.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::dispatcher::stopped_task::check(bytes));
