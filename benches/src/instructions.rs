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
    let of = [programs.alone()?, programs.bare()?, programs.roles_s3()?, programs.bare_s3()?];
    let (mut start, mut warm) = ([const { vec![] }; 4], [const { vec![] }; 2]);
    for round in 1..=ROUNDS {
        eprintln!("callgrind, round {round} of {ROUNDS}");
        for (program, start) in of.into_iter().zip(&mut start) {
            start.push(count(program, 0).await? / 1e6);
        }
        for (program, warm) in of.into_iter().zip(&mut warm) {
            let (once, twice) = (count(program, WARM).await?, count(program, 2 * WARM).await?);
            warm.push((twice - once) / WARM as f64 / 1e3);
        }
    }
    let ([alone, bare, roles_s3, bare_s3], [warm_alone, warm_bare]) = (start.map(median), warm.map(median));
    let start = "instructions, spawn → first `/next`";
    Ok(vec![
        Row::new(&format!("{start}, slim primary"), (alone, "M"), (bare, "M, bare"), Reach::AtMost(1.03)).held(1.02),
        Row::new(
            &format!("{start}, handler with S3, all roles"),
            (roles_s3, "M"),
            (bare_s3, "M, bare with S3"),
            Reach::AtMost(1.15),
        )
        .held(1.15),
        Row::new(
            "instructions per warm invocation, slim primary",
            (warm_alone, "k"),
            (warm_bare, "k, bare"),
            Reach::AtMost(1.05),
        )
        .held(1.02),
    ])
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
