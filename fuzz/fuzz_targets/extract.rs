//! Any bytes as a function's zip: whatever they are, nothing gets out of the directory.
#![no_main]

use std::{fs, io::Write, path::Path, sync::atomic::AtomicBool};

use extract::{Budget, Links, extract};
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
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("a disk");
    let budget = Budget::new(MOST_BYTES, MOST_ENTRIES);
    let _ = extract(file, &root, &budget, &mut Links::new(), &AtomicBool::new(false));
    let mut seen = Seen::default();
    walk(outer.path(), &root, &mut seen);
    assert!(seen.bytes <= MOST_BYTES, "{} bytes were written", seen.bytes);
    // Modes may forbid what removing the directory needs.
    let _ = std::process::Command::new("chmod").args(["-R", "u+rwX"]).arg(outer.path()).status();
});

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
        if metadata.is_symlink() {
            if let Ok(target) = fs::canonicalize(&path) {
                let root = fs::canonicalize(root).expect("it was made");
                assert!(target.starts_with(root), "{path:?} leads out, to {target:?}");
            }
        } else if metadata.is_dir() {
            walk(&path, root, seen);
        } else {
            seen.bytes += metadata.len();
        }
    }
}
