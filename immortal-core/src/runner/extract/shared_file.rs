//! A file with several readers, each at its own position.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A reader of a shared file. A clone has its own position.
#[derive(Clone, Debug)]
pub(super) struct SharedFile {
    file: Arc<File>,
    length: u64,
    at: u64,
    /// How many bytes all clones together may still read.
    left: Arc<AtomicU64>,
}

impl SharedFile {
    /// A reader that reads at most this many bytes, until [`lift_limit`](Self::lift_limit).
    pub(super) fn limited(file: File, bytes: u64) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), length, at: 0, left: Arc::new(AtomicU64::new(bytes)) })
    }

    pub(super) fn lift_limit(&self) {
        self.left.store(u64::MAX, Ordering::Relaxed);
    }
}

impl Read for SharedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        super::take(&self.left, read as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for SharedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
