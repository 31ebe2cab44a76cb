//! An output stream of a process, turned into lines.
//!
//! Lines that a process wrote before its response are recorded before the response: whoever receives it drains first.

use std::{
    io::{self, ErrorKind},
    mem,
    os::fd::OwnedFd,
    sync::Mutex,
};

use tokio::net::unix::pipe;

use crate::platform::{
    journal::{EntryKind, OutputStream},
    locking::lock,
    process::SharedSource,
    shared::Platform,
};

/// Longer lines are split: `CloudWatch` accepts log events of up to 256 KB.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
const MAX_LINE_LENGTH: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct ProcessOutput {
    pipe: pipe::Receiver,
    stream: OutputStream,
    source: SharedSource,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    ended: bool,
}

impl ProcessOutput {
    pub(crate) fn new(pipe: OwnedFd, stream: OutputStream, source: SharedSource) -> io::Result<Self> {
        Ok(Self { pipe: pipe::Receiver::from_owned_fd(pipe)?, stream, source, line: Mutex::default() })
    }

    /// Records lines as they arrive, until the stream ends.
    pub(crate) async fn follow(&self, platform: &Platform) {
        while self.pipe.readable().await.is_ok() {
            // `try_io` lets the reactor know when the pipe is empty.
            match self.pipe.try_io(|| self.read(platform)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => return,
            }
        }
    }

    /// Records what has been written so far, without waiting for the reactor.
    pub(crate) fn drain(&self, platform: &Platform) {
        // Whether the pipe is empty or closed doesn't matter here.
        let _ = self.read(platform);
    }

    fn read(&self, platform: &Platform) -> io::Result<()> {
        let mut line = lock(&self.line);
        let mut buffer = [0; 8192];
        while !line.ended {
            let read = match rustix::io::read(&self.pipe, &mut buffer) {
                Err(rustix::io::Errno::INTR) => continue,
                read => read?,
            };
            line.ended = read == 0;
            for &byte in &buffer[..read] {
                match byte {
                    b'\n' => self.record(platform, mem::take(&mut line.bytes)),
                    byte => line.bytes.push(byte),
                }
                if line.bytes.len() >= MAX_LINE_LENGTH {
                    self.record(platform, mem::take(&mut line.bytes));
                }
            }
        }
        if !line.bytes.is_empty() {
            self.record(platform, mem::take(&mut line.bytes));
        }
        Ok(())
    }

    fn record(&self, platform: &Platform, line: Vec<u8>) {
        let line = String::from_utf8(line).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into());
        let line = line.strip_suffix('\r').map(str::to_owned).unwrap_or(line);
        let source = lock(&self.source).clone();
        platform.journal.record(source, EntryKind::Log { stream: self.stream, line });
    }
}
