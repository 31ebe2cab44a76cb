//! What the attribute accepts and refuses, one file per rule in `tests/ui` of the workspace.
//!
//! They are a test of this package, so that the roles, and what asks AWS for them, aren't built for them.
//! To bless changed messages: `TRYBUILD=overwrite cargo test -p immortal-macros --test ui`.

use std::{env, process::Command};

/// Handlers that compile are run by trybuild too: `describe` makes them say what they are, and exit 0.
///
/// The variable has to be there when this process starts: it can't be set safely later.
#[test]
fn ui() {
    if env::var_os("IMMORTAL_ROLE").is_some() {
        let cases = trybuild::TestCases::new();
        cases.compile_fail("../tests/ui/fail/*.rs");
        cases.pass("../tests/ui/pass/*.rs");
        return;
    }
    let test = env::current_exe().expect("a test knows its path");
    let mut again = Command::new(test);
    again.args(["--nocapture", "--exact", "ui"]).env("IMMORTAL_ROLE", "describe");
    again.args(env::args().filter(|argument| argument.starts_with("trybuild=")));
    // Two dozen binaries are linked, and nobody debugs them.
    again.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
    let status = again.status();
    assert!(status.expect("a test can be run").success(), "see the messages above");
}
