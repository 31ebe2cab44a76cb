//! Unpacks arbitrary bytes as two layers: nothing may be written outside the directory, and no more than the budget has.
#![no_main]

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Once, atomic::AtomicBool},
};

use extract::{UnpackBudget, extract};
use libfuzzer_sys::fuzz_target;

/// Included by its path, because with the runner all of its dependencies would be instrumented, too.
#[path = "../../immortal-core/src/runner/extract/mod.rs"]
#[allow(dead_code, reason = "the runner uses more of it")]
mod extract;

const MAX_BYTES: u64 = 1 << 20;
const MAX_ENTRIES: u64 = 64;

/// Paths and links of the seeds and the dictionary lead here. Nothing of it may change.
const OUTSIDE: &str = "/tmp/immortal-fuzz-outside";
const SENTINEL: &str = "/tmp/immortal-fuzz-outside/sentinel";
const SENTINEL_MODE: u32 = 0o640;

static PREPARED: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    PREPARED.call_once(prepare_outside);
    let outer = tempfile::tempdir().expect("a directory");
    let root = outer.path().join("a/b/c/root");
    let budget = UnpackBudget::new(MAX_BYTES, MAX_ENTRIES);
    for layer in layers(bytes) {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(layer).expect("a disk");
        let _ = extract(file, &root, &budget, &AtomicBool::new(false));
    }
    let mut written = WrittenSize::default();
    check_written(outer.path(), &root, &mut written);
    assert!(written.bytes <= MAX_BYTES, "{} bytes were written", written.bytes);
    assert!(written.entries <= MAX_ENTRIES, "{} entries were written", written.entries);
    check_outside();
    // The modes of unpacked entries may prevent the removal of the directory.
    let _ = std::process::Command::new("chmod").args(["-R", "u+rwX"]).arg(outer.path()).status();
});

/// Splits the bytes after the first end of a zip; without a rest, returns them twice.
fn layers(bytes: &[u8]) -> [&[u8]; 2] {
    const END_OF_DIRECTORY: usize = 22;
    let end = bytes.windows(4).position(|window| window == b"PK\x05\x06").map(|at| at + END_OF_DIRECTORY);
    match end.and_then(|end| bytes.split_at_checked(end)) {
        Some((first, second)) if !second.is_empty() => [first, second],
        _ => [bytes, bytes],
    }
}

/// Creates it again, since an earlier run may have broken the property.
fn prepare_outside() {
    match fs::remove_dir_all(OUTSIDE) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        removed => removed.expect("our own directory"),
    }
    fs::create_dir(OUTSIDE).expect("a directory");
    fs::write(SENTINEL, "unchanged").expect("a file");
    fs::set_permissions(SENTINEL, fs::Permissions::from_mode(SENTINEL_MODE)).expect("our own file");
}

fn check_outside() {
    let entries: Vec<_> = fs::read_dir(OUTSIDE).expect("it is still there").flatten().map(|one| one.path()).collect();
    assert_eq!(entries, [Path::new(SENTINEL)]);
    let metadata = fs::symlink_metadata(SENTINEL).expect("just listed");
    assert!(metadata.is_file() && metadata.permissions().mode() & 0o7777 == SENTINEL_MODE, "{metadata:?}");
    assert_eq!(fs::read(SENTINEL).expect("our own file"), b"unchanged");
}

#[derive(Default)]
struct WrittenSize {
    bytes: u64,
    entries: u64,
}

fn check_written(directory: &Path, root: &Path, written: &mut WrittenSize) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let on_the_way = root.starts_with(&path) || path.starts_with(root);
        assert!(on_the_way, "{path:?} lies outside");
        let metadata = fs::symlink_metadata(&path).expect("just listed");
        written.entries += u64::from(path.starts_with(root) && path != root);
        // Links may point anywhere, and aren't followed.
        if metadata.is_symlink() {
            written.bytes += metadata.len();
        } else if metadata.is_dir() {
            check_written(&path, root, written);
        } else {
            written.bytes += metadata.len();
        }
    }
}
