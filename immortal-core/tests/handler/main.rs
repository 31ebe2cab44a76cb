//! The handler role as Lambda sees it: a real process on a real socket.
//!
//! Each test starts itself once more as the function, and answers it as the Runtime API.

mod hand_over;
mod long_errors;
mod own_main;
mod runtime_api;
mod start;
