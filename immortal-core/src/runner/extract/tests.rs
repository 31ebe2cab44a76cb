//! Each zip that means ill, built here; and those that only look strange.

mod builder;
mod layers;

use std::{fs, io::Write as _, os::unix::fs::MetadataExt as _, path::PathBuf};

use zip::CompressionMethod;

use super::*;
use builder::{RawEntry, RawZip, length, link, options, put, raw, zip};

struct Unpacked {
    /// What lies beside the root must never be touched.
    outer: tempfile::TempDir,
    result: Result<(), ExtractError>,
}

impl Unpacked {
    fn root(&self) -> PathBuf {
        self.outer.path().join("deep/root")
    }
}

fn unpack_with(bytes: &[u8], budget: &UnpackBudget) -> Unpacked {
    let outer = tempfile::tempdir().expect("a directory");
    let root = outer.path().join("deep/root");
    let result = unpack_into(&root, bytes, budget);
    let beside: Vec<_> = fs::read_dir(outer.path()).expect("ours").flatten().map(|entry| entry.file_name()).collect();
    assert!(beside.iter().all(|name| name == "deep"), "{beside:?} lies outside");
    Unpacked { outer, result }
}

fn unpack_into(root: &Path, bytes: &[u8], budget: &UnpackBudget) -> Result<(), ExtractError> {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("a disk");
    extract(file, root, budget, &AtomicBool::new(false))
}

fn unpack(bytes: &[u8]) -> Unpacked {
    unpack_with(bytes, &UnpackBudget::default())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it was unpacked").mode() & 0o7777
}

#[test]
fn content_modes_directories_and_links_are_kept() {
    let large: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let unpacked = unpack(&zip(|writer| {
        writer.start_file("bootstrap", options(0o755)).expect("memory");
        writer.write_all(b"#!/bin/sh\n").expect("memory");
        writer.add_directory("private/", options(0o700)).expect("memory");
        put(writer, "private/secret", b"s");
        put(writer, "./lib/a/large", &large);
        writer.start_file("setuid", options(0o4755)).expect("memory");
        link(writer, "lib/current", "a");
        link(writer, "dangling", "nowhere/yet");
        put(writer, "empty", b"");
        writer.start_file("stored", options(0o600).compression_method(CompressionMethod::Stored)).expect("memory");
        writer.write_all(b"as it is").expect("memory");
    }));
    unpacked.result.as_ref().expect("a sound zip");
    let root = unpacked.root();
    assert_eq!(mode(&root.join("bootstrap")), 0o755);
    assert_eq!(mode(&root.join("setuid")), 0o755, "no more than permissions");
    assert_eq!((mode(&root.join("private")), mode(&root.join("private/secret"))), (0o700, 0o644));
    assert_eq!(fs::read(root.join("lib/current/large")).expect("through the link"), large);
    assert_eq!(fs::read_link(root.join("dangling")).expect("a link"), Path::new("nowhere/yet"));
    assert_eq!(fs::read(root.join("stored")).expect("stored"), b"as it is");
    assert_eq!(fs::read(root.join("empty")).expect("empty"), b"");
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in ["../evil", "a/../../evil", "/tmp/evil"] {
        let mut zip = RawZip::default();
        zip.add(raw(name, b"evil"));
        let unpacked = unpack(&zip.finish());
        assert!(matches!(&unpacked.result, Err(ExtractError::Outside(entry)) if entry == name), "{name}");
        assert!(!unpacked.root().join("evil").exists(), "{name}");
    }
    let through = zip(|writer| {
        link(writer, "a", "b");
        put(writer, "a/evil", b"evil");
    });
    assert!(matches!(unpack(&through).result, Err(ExtractError::Conflict(_))));
}

#[test]
fn links_are_kept_as_they_are_wherever_they_lead() {
    let all = [
        ("cache", "/tmp/cache"),
        ("lib", "/opt/lib"),
        ("up", "../../elsewhere"),
        ("loop", "loop"),
        ("deep/up", ".."),
        ("chain", "deep/up/../x"),
    ];
    let unpacked = unpack(&zip(|writer| all.iter().for_each(|(name, to)| link(writer, name, to))));
    unpacked.result.as_ref().expect("sound");
    for (name, to) in all {
        assert_eq!(fs::read_link(unpacked.root().join(name)).expect("a link"), Path::new(to), "{name}");
    }
}

#[test]
fn a_link_without_a_usable_target_is_the_zips_fault() {
    for target in [&b""[..], b"nul\0", &[b'a'; 4096]] {
        let mut zip = RawZip::default();
        zip.add(RawEntry { mode: 0o120_777, ..raw("broken", target) });
        let result = unpack(&zip.finish()).result;
        assert!(matches!(&result, Err(ExtractError::LinkTarget(entry)) if entry == "broken"), "{result:?}");
    }
}

#[test]
fn methods_that_arent_read_are_named_with_their_entry() {
    for (method, name) in [(12, "BZIP2"), (14, "LZMA"), (93, "ZSTD"), (9, "DEFLATE64"), (77, "77")] {
        let mut zip = RawZip::default();
        zip.add(raw("first", b"content"));
        zip.add(RawEntry { method, ..raw("lib/data.bin", b"content") });
        let unpacked = unpack(&zip.finish());
        let error = unpacked.result.as_ref().expect_err("it can't be read");
        assert!(error.is_permanent(), "{error:?}");
        let said = error.to_string();
        assert!(said.contains("\"lib/data.bin\"") && said.to_uppercase().contains(name), "{said}");
        assert!(said.contains("use deflate") && !unpacked.root().exists(), "{said}");
    }
}

#[test]
fn bytes_are_counted_as_written_whatever_is_declared() {
    let honest = zip(|writer| put(writer, "zeros", &vec![0; 1_000_001]));
    let result = unpack_with(&honest, &UnpackBudget::new(1_000_000, 10)).result;
    assert!(matches!(result, Err(ExtractError::TooLarge)), "{result:?}");
    unpack_with(&honest, &UnpackBudget::new(1_000_001, 10)).result.expect("it just fits");

    // The same bomb, which declares ten bytes in both of its headers.
    let mut lying = honest.clone();
    let (size, lie) = (1_000_001_u32.to_le_bytes(), 10_u32.to_le_bytes());
    let places: Vec<_> = lying.windows(4).enumerate().filter(|(_, window)| *window == size).map(|(at, _)| at).collect();
    assert_eq!(places.len(), 2, "in the local and in the central header");
    for at in places {
        lying[at..at + 4].copy_from_slice(&lie);
    }
    let result = unpack_with(&lying, &UnpackBudget::new(1_000_000, 10)).result;
    assert!(result.is_err(), "a bomb may not pass");
    assert!(matches!(result, Err(ExtractError::TooLarge | ExtractError::Damaged { .. })), "{result:?}");
}

#[test]
fn a_budget_is_for_all_zips_together() {
    let one = zip(|writer| put(writer, "a", &[7; 600]));
    let budget = UnpackBudget::new(1000, 10);
    unpack_with(&one, &budget).result.expect("the first fits");
    assert!(matches!(unpack_with(&one, &budget).result, Err(ExtractError::TooLarge)));
}

#[test]
fn entries_are_counted() {
    let many = zip(|writer| (0..11).for_each(|number| put(writer, &number.to_string(), b"")));
    assert!(matches!(unpack_with(&many, &UnpackBudget::new(1000, 10)).result, Err(ExtractError::TooMany)));
    unpack_with(&many, &UnpackBudget::new(1000, 11)).result.expect("it just fits");
}

#[test]
fn a_directory_is_kept_within_its_bound_as_it_is_read() {
    let name = "n".repeat(60_000);
    let named_so_often = |times: u32| {
        let mut zip = RawZip::default();
        let at = zip.local(raw(&name, b""));
        (0..times).for_each(|_| zip.central(raw(&name, b""), at));
        unpack(&zip.finish()).result
    };
    let most = u32::try_from(MAX_DIRECTORY).expect("small") / length(name.as_bytes());
    let result = named_so_often(most + 1);
    assert!(matches!(result, Err(ExtractError::TooMany)), "{result:?}");
    let result = named_so_often(most - 10);
    assert!(matches!(result, Err(ExtractError::Name(_))), "no file has so long a name, and that is all: {result:?}");
}

#[test]
fn of_two_with_one_name_the_last_stands() {
    let mut twice = RawZip::default();
    twice.add(raw("a", b"first"));
    twice.add(raw("a", b"last"));
    let unpacked = unpack(&twice.finish());
    unpacked.result.as_ref().expect("sound");
    assert_eq!(fs::read(unpacked.root().join("a")).expect("unpacked"), b"last");
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let mut quilt = RawZip::default();
    let kernel = raw("a", b"kernel");
    let at = quilt.local(kernel);
    quilt.central(kernel, at);
    quilt.central(RawEntry { name: "b", ..kernel }, at);
    assert!(matches!(unpack(&quilt.finish()).result, Err(ExtractError::Overlapping)));
}

#[test]
fn data_descriptors_are_read_from_the_directory() {
    let mut zip = RawZip::default();
    zip.add(RawEntry { flags: 8, ..raw("streamed", b"content") });
    zip.add(raw("after", b"it"));
    let unpacked = unpack(&zip.finish());
    unpacked.result.as_ref().expect("sound");
    assert_eq!(fs::read(unpacked.root().join("streamed")).expect("unpacked"), b"content");
    assert_eq!(fs::read(unpacked.root().join("after")).expect("unpacked"), b"it");
}

#[test]
fn zip64_is_read() {
    let bytes = zip(|writer| {
        writer.start_file("large", options(0o644).large_file(true)).expect("memory");
        writer.write_all(b"not really").expect("memory");
    });
    let unpacked = unpack(&bytes);
    unpacked.result.as_ref().expect("sound");
    assert_eq!(fs::read(unpacked.root().join("large")).expect("unpacked"), b"not really");
}

#[test]
fn what_is_no_sound_zip_is_refused() {
    let mut damaged = RawZip::default();
    damaged.add(raw("a", b"content"));
    let mut damaged = damaged.finish();
    let at = damaged.windows(7).position(|window| window == b"content").expect("stored");
    damaged[at] ^= 1;
    let sound = zip(|writer| put(writer, "a", b"content"));
    let encrypted = {
        let mut zip = RawZip::default();
        zip.add(RawEntry { flags: 1, ..raw("a", b"content") });
        zip.finish()
    };
    for (what, bytes) in [
        ("empty", vec![]),
        ("no zip", b"<Error><Code>AccessDenied</Code></Error>".to_vec()),
        ("cut", sound[..sound.len() - 10].to_vec()),
        ("another checksum", damaged),
        ("encrypted", encrypted),
    ] {
        let result = unpack(&bytes).result;
        assert!(matches!(&result, Err(error) if error.is_permanent()), "{what}: {result:?}");
    }
    unpack(&zip(|_| {})).result.expect("a zip without entries is one");
}

#[test]
fn called_off_it_ends() {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&zip(|writer| put(writer, "a", b"content"))).expect("a disk");
    let root = tempfile::tempdir().expect("a directory");
    let result = extract(file, root.path(), &UnpackBudget::default(), &AtomicBool::new(true));
    assert!(matches!(result, Err(ExtractError::CalledOff)), "{result:?}");
}
