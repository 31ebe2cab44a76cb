//! A save of progress against one raw PUT of the same bytes.

use anyhow::Result;
use immortal_emulator::{Emulator, EmulatorOptions};
use tokio::process::Command;

use crate::{
    curl,
    function::FunctionProcess,
    programs::ReleasePrograms,
    table::{FigureRow, RatioBound, median},
};

const SAVES: usize = 200;
const BYTES: usize = 10_000;
const ROUNDS: usize = 5;
const BUCKET: &str = "events";

pub(crate) async fn measure(programs: &ReleasePrograms) -> Result<Vec<FigureRow>> {
    let emulator = Emulator::start(EmulatorOptions::default()).await?;
    emulator.create_bucket(BUCKET);
    let mut variables = emulator.environment();
    variables.push(("IMMORTAL_EVENT_BUCKET".to_owned(), BUCKET.to_owned()));
    let mut function = FunctionProcess::start(Command::new(programs.saver()?), &variables).await?;
    function.wait_until_ready().await?;
    let text = "x".repeat(BYTES);
    let event = serde_json::json!({ "count": SAVES, "text": text }).to_string();
    let (mut saves, mut puts) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let taken: Vec<f64> = serde_json::from_slice(&function.invoke(event.clone()).await?)?;
        let raw = raw_puts(&emulator, &text).await?;
        // The first round opens the connections.
        if round > 0 {
            saves.extend(taken);
            puts.extend(raw);
        }
    }
    emulator.shutdown().await;
    Ok(vec![FigureRow::new(
        "a save of progress, 10 KB",
        (median(saves), "ms"),
        (median(puts), "ms, one raw PUT"),
        RatioBound::AtMost(5.0),
    )])
}

/// Milliseconds of single PUTs over one connection.
async fn raw_puts(emulator: &Emulator, text: &str) -> Result<Vec<f64>> {
    let mut put = curl::signed();
    put.args(["--output", "/dev/null", "--request", "PUT", "--data-binary", text]);
    put.arg(format!("{}/{BUCKET}/raw[0-{SAVES}]", emulator.endpoint()));
    curl::transfer_times(put).await
}
