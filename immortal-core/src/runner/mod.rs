//! The runner role.

use crate::manifest::Manifest;

/// Runs the order of this process's environment. Returns the exit code.
pub async fn run(_manifest: &Manifest) -> u8 {
    70
}
