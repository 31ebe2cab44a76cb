//! Any bytes as two layers, one after the other: whatever they are, nothing is written out of the directory.
#![no_main]

use std::{fs, io::Write, path::Path, sync::atomic::AtomicBool};

use extract::{UnpackBudget, extract};
use libfuzzer_sys::fuzz_target;

/// By its path and not as part of the runner: all that the runner links would be instrumented too.
#[path = "../../immortal-core/src/runner/extract/mod.rs"]
#[allow(dead_code, reason = "the runner uses more of it")]
mod extract;

const MOST_BYTES: u64 = 1 << 20;
const MOST_ENTRIES: u64 = 64;

fuzz_target!(|bytes: &[u8]| {
    let outer = tempfile::tempdir().expect("a directory");
    let root = outer.path().join("a/b/c/root");
    let budget = UnpackBudget::new(MOST_BYTES, MOST_ENTRIES);
    for layer in layers(bytes) {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(layer).expect("a disk");
        let _ = extract(file, &root, &budget, &AtomicBool::new(false));
    }
    let mut seen = Seen::default();
    walk(outer.path(), &root, &mut seen);
    assert!(seen.bytes <= MOST_BYTES, "{} bytes were written", seen.bytes);
    // Modes may forbid what removing the directory needs.
    let _ = std::process::Command::new("chmod").args(["-R", "u+rwX"]).arg(outer.path()).status();
});

/// Two zips, where the bytes hold the end of one before their own end; otherwise the same one twice.
fn layers(bytes: &[u8]) -> [&[u8]; 2] {
    const END_OF_DIRECTORY: usize = 22;
    let end = bytes.windows(4).position(|window| window == b"PK\x05\x06").map(|at| at + END_OF_DIRECTORY);
    match end.and_then(|end| bytes.split_at_checked(end)) {
        Some((first, second)) if !second.is_empty() => [first, second],
        _ => [bytes, bytes],
    }
}

#[derive(Default)]
struct Seen {
    bytes: u64,
}

fn walk(directory: &Path, root: &Path, seen: &mut Seen) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let on_the_way = root.starts_with(&path) || path.starts_with(root);
        assert!(on_the_way, "{path:?} lies outside");
        let metadata = fs::symlink_metadata(&path).expect("just listed");
        // A link may lead anywhere, and isn't followed.
        if metadata.is_symlink() {
            seen.bytes += metadata.len();
        } else if metadata.is_dir() {
            walk(&path, root, seen);
        } else {
            seen.bytes += metadata.len();
        }
    }
}
