//! The runner's own memory.

use std::io::Write;

use super::{RunnerBench, function};

/// A function of this many incompressible megabytes, which prints the runner's peak of resident memory.
fn package_of(megabytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(11);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755).compression_level(Some(1));
    zip.start_file("bootstrap", options).expect("writing to memory");
    zip.write_all(b"#!/bin/sh\ngrep VmHWM /proc/$PPID/status\nexit 1\n").expect("writing to memory");
    let mut megabyte = vec![0; 1024 * 1024];
    for number in 0..megabytes {
        random.fill(&mut megabyte);
        zip.start_file(format!("data/{number}"), options).expect("writing to memory");
        zip.write_all(&megabyte).expect("writing to memory");
    }
    zip.finish().expect("writing to memory").into_inner()
}

/// The runner's peak of resident memory until its handler starts, in kB.
async fn peak(megabytes: usize) -> u64 {
    let end = RunnerBench::new(function(package_of(megabytes))).await.run().await;
    let line = end.stdout.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    peak.unwrap_or_else(|| panic!("no peak: {}", end.full_output()))
}

/// `cargo test --test it memory -- --nocapture` prints the figures.
#[tokio::test]
async fn memory_does_not_depend_on_the_size_of_the_zip() {
    const MAX_PEAK: u64 = 48 * 1024;
    const MAX_DIFFERENCE: u64 = 8 * 1024;
    let (small, large) = (peak(1).await, peak(50).await);
    println!("the runner's peak of resident memory: {small} kB with a zip of 1 MB, {large} kB with one of 50 MB");
    assert!(large < MAX_PEAK, "{large} kB");
    assert!(large < small + MAX_DIFFERENCE, "{small} kB, and {large} kB");
}
