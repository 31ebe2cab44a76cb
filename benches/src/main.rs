//! `cargo figures [--hold] [PART …]`: measures speed, size, memory and build times against the alternatives, as one
//! table. Exits with 1 if a figure misses its bound; with `--hold`, if a figure is worse than its last accepted ratio.
#![allow(clippy::cast_precision_loss, reason = "counts of calls and bytes are far below 2^52")]

mod build;
mod curl;
mod delay;
mod dispatcher;
mod flood;
mod function;
mod image;
mod instructions;
mod memory;
mod programs;
mod progress;
mod runner;
mod sizes;
mod table;
mod times;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{programs::ReleasePrograms, table::FigureRow};

/// The parts, in the order in which they run without arguments.
const PARTS: [&str; 11] = [
    "instructions",
    "times",
    "sizes",
    "delay",
    "dispatcher",
    "flood",
    "progress",
    "runner",
    "memory",
    "image",
    "build",
];

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut parts: Vec<String> = std::env::args().skip(1).collect();
    let hold = parts.first().is_some_and(|first| first == "--hold");
    if hold {
        parts.remove(0);
    }
    if parts.is_empty() {
        parts = PARTS.map(str::to_owned).into();
    }
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        bail!("{unknown:?} is not a part; the parts are: {}", PARTS.join(", "));
    }
    let mut rows = Vec::new();
    for part in parts {
        eprintln!("== {part}");
        match measure(&part, &ReleasePrograms::default()).await {
            Ok(more) => rows.extend(more),
            Err(error) => {
                table::print(&rows);
                return Err(error.context(part));
            }
        }
    }
    table::print(&rows);
    let passes = if hold { FigureRow::is_no_worse } else { FigureRow::is_met };
    for row in rows.iter().filter(|row| !passes(row)) {
        let bound = if hold {
            format!("the last accepted ratio is {:.3}", row.held.unwrap_or(f64::NAN))
        } else {
            "its bound is not met".to_owned()
        };
        eprintln!("{}: {:.3}, {bound}", row.figure, row.ratio);
    }
    Ok(if rows.iter().all(passes) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(part: &str, programs: &ReleasePrograms) -> Result<Vec<FigureRow>> {
    match part {
        "instructions" => instructions::measure(programs).await,
        "times" => times::measure(programs).await,
        "sizes" => sizes::measure(programs),
        "delay" => delay::measure(programs).await,
        "dispatcher" => dispatcher::measure(programs).await,
        "flood" => flood::measure(programs).await,
        "progress" => progress::measure(programs).await,
        "runner" => runner::measure(programs).await,
        "memory" => memory::measure(programs).await,
        "image" => image::measure(),
        _ => build::measure(),
    }
}
