//! Each zip that means ill, built here; and those that only look strange.

use std::{
    io::{Cursor, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;

fn options(mode: u32) -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).unix_permissions(mode)
}

fn zip(build: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    build(&mut writer);
    writer.finish().expect("memory").into_inner()
}

fn put(writer: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, content: &[u8]) {
    writer.start_file(name, options(0o644)).expect("memory");
    writer.write_all(content).expect("memory");
}

fn link(writer: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, target: &str) {
    writer.add_symlink(name, target, options(0o777)).expect("memory");
}

/// A zip as bytes, each entry as it is told to be: what the writer wouldn't write.
#[derive(Default)]
struct Raw {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

#[derive(Clone, Copy)]
struct RawEntry<'a> {
    name: &'a str,
    /// Stored, as it lies in the zip.
    content: &'a [u8],
    declared: u32,
    flags: u16,
}

impl Raw {
    fn local(&mut self, entry: RawEntry<'_>) -> u32 {
        let at = u32::try_from(self.bytes.len()).expect("small");
        self.bytes.extend_from_slice(b"PK\x03\x04\x14\0");
        self.common(entry, true);
        self.bytes.extend_from_slice(&u16::try_from(entry.name.len()).expect("short").to_le_bytes());
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(entry.name.as_bytes());
        self.bytes.extend_from_slice(entry.content);
        if entry.flags & 8 != 0 {
            self.bytes.extend_from_slice(b"PK\x07\x08");
            self.bytes.extend_from_slice(&crc(entry.content).to_le_bytes());
            self.bytes.extend_from_slice(&length(entry.content).to_le_bytes());
            self.bytes.extend_from_slice(&entry.declared.to_le_bytes());
        }
        at
    }

    fn central(&mut self, entry: RawEntry<'_>, at: u32) {
        std::mem::swap(&mut self.bytes, &mut self.directory);
        self.bytes.extend_from_slice(b"PK\x01\x02\x14\x03\x14\0");
        self.common(entry, false);
        self.bytes.extend_from_slice(&u16::try_from(entry.name.len()).expect("short").to_le_bytes());
        self.bytes.extend_from_slice(&[0; 8]);
        self.bytes.extend_from_slice(&(0o100_644_u32 << 16).to_le_bytes());
        self.bytes.extend_from_slice(&at.to_le_bytes());
        self.bytes.extend_from_slice(entry.name.as_bytes());
        std::mem::swap(&mut self.bytes, &mut self.directory);
        self.entries += 1;
    }

    fn common(&mut self, entry: RawEntry<'_>, is_local: bool) {
        let blank = is_local && entry.flags & 8 != 0;
        let number = |number: u32| if blank { 0 } else { number };
        self.bytes.extend_from_slice(&entry.flags.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 6]);
        self.bytes.extend_from_slice(&number(crc(entry.content)).to_le_bytes());
        self.bytes.extend_from_slice(&number(length(entry.content)).to_le_bytes());
        self.bytes.extend_from_slice(&number(entry.declared).to_le_bytes());
    }

    fn add(&mut self, entry: RawEntry<'_>) {
        let at = self.local(entry);
        self.central(entry, at);
    }

    fn finish(mut self) -> Vec<u8> {
        let at = length(&self.bytes);
        self.bytes.extend_from_slice(&self.directory);
        self.bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        self.bytes.extend_from_slice(&self.entries.to_le_bytes());
        self.bytes.extend_from_slice(&self.entries.to_le_bytes());
        self.bytes.extend_from_slice(&length(&self.directory).to_le_bytes());
        self.bytes.extend_from_slice(&at.to_le_bytes());
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("small")
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn raw<'a>(name: &'a str, content: &'a [u8]) -> RawEntry<'a> {
    RawEntry { name, content, declared: length(content), flags: 0 }
}

struct Unpacked {
    /// What lies beside the root must never be touched.
    outer: tempfile::TempDir,
    result: Result<(), Unsound>,
}

impl Unpacked {
    fn root(&self) -> PathBuf {
        self.outer.path().join("deep/root")
    }
}

fn unpack_with(bytes: &[u8], budget: &Budget) -> Unpacked {
    let outer = tempfile::tempdir().expect("a directory");
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("a disk");
    file.seek(SeekFrom::Start(0)).expect("a file");
    let mut links = Links::new();
    let root = outer.path().join("deep/root");
    let result = extract(file, &root, budget, &mut links, &AtomicBool::new(false));
    let beside: Vec<_> = fs::read_dir(outer.path()).expect("ours").flatten().map(|entry| entry.file_name()).collect();
    assert!(beside.iter().all(|name| name == "deep"), "{beside:?} lies outside");
    Unpacked { outer, result }
}

fn unpack(bytes: &[u8]) -> Unpacked {
    unpack_with(bytes, &Budget::default())
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
fn nothing_leads_out() {
    let named = |name: &str| {
        let mut zip = Raw::default();
        zip.add(raw(name, b"evil"));
        zip.finish()
    };
    let linked = |links: &[(&str, &str)]| zip(|writer| links.iter().for_each(|(name, to)| link(writer, name, to)));
    for (what, bytes) in [
        ("zip slip", named("../evil")),
        ("zip slip in the middle", named("a/../../evil")),
        ("absolute path", named("/tmp/evil")),
        ("link out", linked(&[("a", "../evil")])),
        ("absolute link", linked(&[("a", "/etc/passwd")])),
        ("chain of links", linked(&[("deep/up", ".."), ("a", "deep/up/../evil")])),
        ("loop of links", linked(&[("a", "b"), ("b", "a")])),
    ] {
        let unpacked = unpack(&bytes);
        assert!(matches!(unpacked.result, Err(Unsound::Outside(_))), "{what}: {:?}", unpacked.result);
        assert!(!unpacked.root().join("evil").exists(), "{what}");
    }
    let through = zip(|writer| {
        link(writer, "a", "b");
        put(writer, "a/evil", b"evil");
    });
    assert!(matches!(unpack(&through).result, Err(Unsound::Conflict(_))));
}

#[test]
fn bytes_are_counted_as_written_whatever_is_declared() {
    let honest = zip(|writer| put(writer, "zeros", &vec![0; 1_000_001]));
    let result = unpack_with(&honest, &Budget::new(1_000_000, 10)).result;
    assert!(matches!(result, Err(Unsound::TooLarge)), "{result:?}");
    unpack_with(&honest, &Budget::new(1_000_001, 10)).result.expect("it just fits");

    // The same bomb, which declares ten bytes in both of its headers.
    let mut lying = honest.clone();
    let (size, lie) = (1_000_001_u32.to_le_bytes(), 10_u32.to_le_bytes());
    let places: Vec<_> = lying.windows(4).enumerate().filter(|(_, window)| *window == size).map(|(at, _)| at).collect();
    assert_eq!(places.len(), 2, "in the local and in the central header");
    for at in places {
        lying[at..at + 4].copy_from_slice(&lie);
    }
    let result = unpack_with(&lying, &Budget::new(1_000_000, 10)).result;
    assert!(result.is_err(), "a bomb may not pass");
    assert!(matches!(result, Err(Unsound::TooLarge | Unsound::Zip(_))), "{result:?}");
}

#[test]
fn a_budget_is_for_all_zips_together() {
    let one = zip(|writer| put(writer, "a", &[7; 600]));
    let budget = Budget::new(1000, 10);
    unpack_with(&one, &budget).result.expect("the first fits");
    assert!(matches!(unpack_with(&one, &budget).result, Err(Unsound::TooLarge)));
}

#[test]
fn entries_are_counted() {
    let many = zip(|writer| (0..11).for_each(|number| put(writer, &number.to_string(), b"")));
    assert!(matches!(unpack_with(&many, &Budget::new(1000, 10)).result, Err(Unsound::TooMany)));
    unpack_with(&many, &Budget::new(1000, 11)).result.expect("it just fits");
}

#[test]
fn a_directory_is_kept_within_its_bound_as_it_is_read() {
    let name = "n".repeat(60_000);
    let named_so_often = |times: u32| {
        let mut zip = Raw::default();
        let at = zip.local(raw(&name, b""));
        (0..times).for_each(|_| zip.central(raw(&name, b""), at));
        unpack(&zip.finish()).result
    };
    let most = u32::try_from(MAX_DIRECTORY).expect("small") / length(name.as_bytes());
    let result = named_so_often(most + 1);
    assert!(matches!(result, Err(Unsound::TooMany)), "{result:?}");
    let result = named_so_often(most - 10);
    assert!(matches!(result, Err(Unsound::Name(_))), "no file has so long a name, and that is all: {result:?}");
}

#[test]
fn of_two_with_one_name_the_last_stands() {
    let mut twice = Raw::default();
    twice.add(raw("a", b"first"));
    twice.add(raw("a", b"last"));
    let unpacked = unpack(&twice.finish());
    unpacked.result.as_ref().expect("sound");
    assert_eq!(fs::read(unpacked.root().join("a")).expect("unpacked"), b"last");
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let mut quilt = Raw::default();
    let kernel = raw("a", b"kernel");
    let at = quilt.local(kernel);
    quilt.central(kernel, at);
    quilt.central(RawEntry { name: "b", ..kernel }, at);
    assert!(matches!(unpack(&quilt.finish()).result, Err(Unsound::Overlapping)));
}

#[test]
fn data_descriptors_are_read_from_the_directory() {
    let mut zip = Raw::default();
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
    let mut damaged = Raw::default();
    damaged.add(raw("a", b"content"));
    let mut damaged = damaged.finish();
    let at = damaged.windows(7).position(|window| window == b"content").expect("stored");
    damaged[at] ^= 1;
    let sound = zip(|writer| put(writer, "a", b"content"));
    let encrypted = {
        let mut zip = Raw::default();
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
        assert!(matches!(result, Err(Unsound::Zip(_) | Unsound::Unusual(_))), "{what}: {result:?}");
    }
    unpack(&zip(|_| {})).result.expect("a zip without entries is one");
}

#[test]
fn a_later_layer_replaces_what_an_earlier_one_put() {
    let root = tempfile::tempdir().expect("a directory");
    let (budget, mut links) = (Budget::default(), Links::new());
    let mut layer = |bytes: &[u8]| {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("a disk");
        extract(file, root.path(), &budget, &mut links, &AtomicBool::new(false))
    };
    layer(&zip(|writer| {
        put(writer, "lib/a", b"one");
        link(writer, "lib/b", "a");
        link(writer, "up", "lib/..");
    }))
    .expect("sound");
    layer(&zip(|writer| {
        link(writer, "lib/a", "c");
        put(writer, "lib/b", b"two");
    }))
    .expect("sound");
    assert_eq!(fs::read(root.path().join("lib/b")).expect("replaced"), b"two");
    assert_eq!(fs::read_link(root.path().join("lib/a")).expect("replaced"), Path::new("c"));
    let result = layer(&zip(|writer| link(writer, "evil", "up/../evil")));
    assert!(matches!(result, Err(Unsound::Outside(_))), "{result:?}");
}

#[test]
fn called_off_it_ends() {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&zip(|writer| put(writer, "a", b"content"))).expect("a disk");
    let root = tempfile::tempdir().expect("a directory");
    let result = extract(file, root.path(), &Budget::default(), &mut Links::new(), &AtomicBool::new(true));
    assert!(matches!(result, Err(Unsound::CalledOff)), "{result:?}");
}
