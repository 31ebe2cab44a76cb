//! The Lambda Runtime API, as a server.
