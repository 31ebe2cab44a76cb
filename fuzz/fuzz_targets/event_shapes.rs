//! A text as an event, in each shape in which the dispatcher receives it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::dispatcher::event_shapes::check(bytes));
