//! Zips as tests need them.

use std::io::{Cursor, Write as _};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

pub(super) fn options(mode: u32) -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).unix_permissions(mode)
}

pub(super) fn zip(build: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    build(&mut writer);
    writer.finish().expect("memory").into_inner()
}

pub(super) fn put(writer: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, content: &[u8]) {
    writer.start_file(name, options(0o644)).expect("memory");
    writer.write_all(content).expect("memory");
}

pub(super) fn link(writer: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, target: &str) {
    writer.add_symlink(name, target, options(0o777)).expect("memory");
}

/// A zip as bytes, each entry as it is told to be: what the writer wouldn't write.
#[derive(Default)]
pub(super) struct RawZip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

#[derive(Clone, Copy)]
pub(super) struct RawEntry<'a> {
    pub(super) name: &'a str,
    /// Stored, as it lies in the zip.
    pub(super) content: &'a [u8],
    pub(super) declared: u32,
    pub(super) flags: u16,
    /// 0 is stored.
    pub(super) method: u16,
    pub(super) mode: u32,
}

impl RawZip {
    pub(super) fn local(&mut self, entry: RawEntry<'_>) -> u32 {
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

    pub(super) fn central(&mut self, entry: RawEntry<'_>, at: u32) {
        std::mem::swap(&mut self.bytes, &mut self.directory);
        self.bytes.extend_from_slice(b"PK\x01\x02\x14\x03\x14\0");
        self.common(entry, false);
        self.bytes.extend_from_slice(&u16::try_from(entry.name.len()).expect("short").to_le_bytes());
        self.bytes.extend_from_slice(&[0; 8]);
        self.bytes.extend_from_slice(&(entry.mode << 16).to_le_bytes());
        self.bytes.extend_from_slice(&at.to_le_bytes());
        self.bytes.extend_from_slice(entry.name.as_bytes());
        std::mem::swap(&mut self.bytes, &mut self.directory);
        self.entries += 1;
    }

    fn common(&mut self, entry: RawEntry<'_>, is_local: bool) {
        let blank = is_local && entry.flags & 8 != 0;
        let number = |number: u32| if blank { 0 } else { number };
        self.bytes.extend_from_slice(&entry.flags.to_le_bytes());
        self.bytes.extend_from_slice(&entry.method.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&number(crc(entry.content)).to_le_bytes());
        self.bytes.extend_from_slice(&number(length(entry.content)).to_le_bytes());
        self.bytes.extend_from_slice(&number(entry.declared).to_le_bytes());
    }

    pub(super) fn add(&mut self, entry: RawEntry<'_>) {
        let at = self.local(entry);
        self.central(entry, at);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
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

pub(super) fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("small")
}

pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

pub(super) fn raw<'a>(name: &'a str, content: &'a [u8]) -> RawEntry<'a> {
    RawEntry { name, content, declared: length(content), flags: 0, method: 0, mode: 0o100_644 }
}
