//! Instruction counts under callgrind: they show differences of a few per cent whatever the machine's load.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{io::AsyncReadExt as _, process::Command};

use crate::{
    function::{EVENT, FunctionProcess},
    programs::ReleasePrograms,
    table::{FigureRow, RatioBound, median},
};

const ROUNDS: usize = 3;
/// The warm invocations of the shorter of two runs; the longer has twice as many.
const WARM_INVOCATIONS: u64 = 1_000;

pub(crate) async fn measure(programs: &ReleasePrograms) -> Result<Vec<FigureRow>> {
    let of = [programs.alone()?, programs.bare()?, programs.roles_s3()?, programs.bare_s3()?];
    let (mut start, mut warm) = ([const { vec![] }; 4], [const { vec![] }; 2]);
    for round in 1..=ROUNDS {
        eprintln!("callgrind, round {round} of {ROUNDS}");
        for (program, start) in of.into_iter().zip(&mut start) {
            start.push(count_instructions(program, 0).await? / 1e6);
        }
        for (program, warm) in of.into_iter().zip(&mut warm) {
            let (once, twice) = (
                count_instructions(program, WARM_INVOCATIONS).await?,
                count_instructions(program, 2 * WARM_INVOCATIONS).await?,
            );
            warm.push((twice - once) / WARM_INVOCATIONS as f64 / 1e3);
        }
    }
    let ([alone, bare, roles_s3, bare_s3], [warm_alone, warm_bare]) = (start.map(median), warm.map(median));
    let start = "instructions, spawn → first `/next`";
    Ok(vec![
        FigureRow::new(&format!("{start}, slim primary"), (alone, "M"), (bare, "M, bare"), RatioBound::AtMost(1.03))
            .held_at(1.02),
        FigureRow::new(
            &format!("{start}, handler with S3, all roles"),
            (roles_s3, "M"),
            (bare_s3, "M, bare with S3"),
            RatioBound::AtMost(1.15),
        )
        .held_at(1.15),
        FigureRow::new(
            "instructions per warm invocation, slim primary",
            (warm_alone, "k"),
            (warm_bare, "k, bare"),
            RatioBound::AtMost(1.05),
        )
        .held_at(1.02),
    ])
}

/// The number of instructions until the `/next` after this many invocations.
async fn count_instructions(program: &Path, invocations: u64) -> Result<f64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    command.stderr(std::process::Stdio::piped());
    let mut function = FunctionProcess::start(command, &[]).await.context("valgrind must be installed")?;
    function.wait_until_ready().await?;
    for _ in 0..invocations {
        function.invoke(EVENT).await?;
    }
    function.wait_until_ready().await?;
    let id =
        function.child.id().and_then(|id| Pid::from_raw(id.cast_signed())).context("the process has already ended")?;
    kill_process(id, Signal::TERM)?;
    let mut output = String::new();
    function.child.stderr.take().context("the child has no such pipe")?.read_to_string(&mut output).await?;
    function.child.wait().await?;
    let collected = output.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    let collected: f64 = collected.with_context(|| format!("callgrind printed no count:\n{output}"))?;
    ensure!(collected > 1e5, "callgrind counted {collected} only");
    Ok(collected)
}
