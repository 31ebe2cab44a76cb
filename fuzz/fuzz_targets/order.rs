//! Variables as the order of a task.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::order_variables::check(bytes));
