//! Instructions under callgrind: what a few per cent can be told by, whatever else the machine does.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{io::AsyncReadExt as _, process::Command};

use crate::{
    function::{EVENT, Function},
    programs::Programs,
    table::{Reach, Row, median},
};

const ROUNDS: usize = 9;
/// Warm invocations of the shorter of two runs; the longer has twice as many.
const WARM: u64 = 1_000;

pub(crate) async fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let of = [programs.all()?, programs.alone()?, programs.bare()?];
    let (mut start, mut warm) = ([vec![], vec![], vec![]], [vec![], vec![], vec![]]);
    for round in 1..=ROUNDS {
        eprintln!("callgrind, round {round} of {ROUNDS}");
        for (number, program) in of.into_iter().enumerate() {
            start[number].push(count(program, 0).await?);
            let (once, twice) = (count(program, WARM).await?, count(program, 2 * WARM).await?);
            warm[number].push((twice - once) / WARM as f64);
        }
    }
    let (start, warm) = (start.map(median), warm.map(median));
    let (million, thousand) = (1e6, 1e3);
    let starts = [
        ("all roles linked", start[0], "M, bare `lambda_runtime`", 1.3, 1.22),
        ("handler role alone", start[1], "M, bare", 1.02, 1.02),
    ];
    let starts = starts.map(|(what, ours, against, reach, held)| {
        let figure = format!("instructions, spawn → first `/next`, {what}");
        Row::new(&figure, (ours / million, "M"), (start[2] / million, against), Reach::AtMost(reach)).held(held)
    });
    let warms =
        [("all roles linked", warm[0], 1.03), ("handler role alone", warm[1], 1.02)].map(|(what, ours, held)| {
            let figure = format!("instructions per warm invocation, {what}");
            Row::new(&figure, (ours / thousand, "k"), (warm[2] / thousand, "k, bare"), Reach::AtMost(1.03)).held(held)
        });
    Ok(starts.into_iter().chain(warms).collect())
}

/// How many instructions it takes to the `/next` after so many invocations.
async fn count(program: &Path, invocations: u64) -> Result<f64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    command.stderr(std::process::Stdio::piped());
    let mut function = Function::start(command, &[]).await.context("valgrind must be installed")?;
    function.ready().await?;
    for _ in 0..invocations {
        function.invoke(EVENT).await?;
    }
    function.ready().await?;
    let id = function.child.id().and_then(|id| Pid::from_raw(id.cast_signed())).context("it runs")?;
    kill_process(id, Signal::TERM)?;
    let mut said = String::new();
    function.child.stderr.take().context("it was piped")?.read_to_string(&mut said).await?;
    function.child.wait().await?;
    let collected = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    let collected: f64 = collected.with_context(|| format!("callgrind says no count:\n{said}"))?;
    ensure!(collected > 1e5, "callgrind counted {collected} only");
    Ok(collected)
}
