//! Wall time of the handler role, spawn → first `/next`, and of warm invocations.

use std::{path::Path, time::Instant};

use anyhow::Result;
use tokio::process::Command;

use crate::{
    function::{EVENT, FunctionProcess},
    programs::ReleasePrograms,
    table::{FigureRow, RatioBound, median},
};

const STARTS: usize = 60;
const ROUNDS: usize = 10;
/// Invocations of one round: 5,000 in all.
const INVOCATIONS: usize = 500;

pub(crate) async fn measure(programs: &ReleasePrograms) -> Result<Vec<FigureRow>> {
    let of = [programs.alone()?, programs.bare()?, programs.roles_s3()?, programs.bare_s3()?];
    let mut starts = [const { vec![] }; 4];
    for round in 0..STARTS {
        for turn in 0..of.len() {
            let number = (round + turn) % of.len();
            starts[number].push(measure_start(of[number]).await? * 1e3);
        }
    }
    let mut warm = [vec![], vec![]];
    let mut functions = [start_function(of[0]).await?, start_function(of[1]).await?];
    for round in 0..ROUNDS {
        for turn in 0..functions.len() {
            let number = (round + turn) % functions.len();
            warm[number].push(measure_invocations(&mut functions[number]).await? * 1e3);
        }
    }
    let ([alone, bare, roles_s3, bare_s3], [warm_alone, warm_bare]) = (starts.map(median), warm.map(median));
    let start = "wall time, spawn → first `/next`";
    Ok(vec![
        FigureRow::new(&format!("{start}, slim primary"), (alone, "ms"), (bare, "ms, bare"), RatioBound::AtMost(1.15)),
        FigureRow::new(
            &format!("{start}, handler with S3, all roles"),
            (roles_s3, "ms"),
            (bare_s3, "ms, bare with S3"),
            RatioBound::AtMost(1.15),
        ),
        FigureRow::new(
            "wall time of a warm invocation, of 5,000, slim primary",
            (warm_alone, "ms"),
            (warm_bare, "ms, bare"),
            RatioBound::AtMost(1.05),
        ),
    ])
}

async fn start_function(program: &Path) -> Result<FunctionProcess> {
    let mut command = Command::new(program);
    command.stderr(std::process::Stdio::null());
    let mut function = FunctionProcess::start(command, &[]).await?;
    function.wait_until_ready().await?;
    function.invoke(EVENT).await?;
    Ok(function)
}

async fn measure_start(program: &Path) -> Result<f64> {
    let mut command = Command::new(program);
    command.stderr(std::process::Stdio::null());
    let begin = Instant::now();
    let mut function = FunctionProcess::start(command, &[]).await?;
    function.wait_until_ready().await?;
    let taken = begin.elapsed().as_secs_f64();
    function.child.kill().await?;
    Ok(taken)
}

async fn measure_invocations(function: &mut FunctionProcess) -> Result<f64> {
    let begin = Instant::now();
    for _ in 0..INVOCATIONS {
        function.invoke(EVENT).await?;
    }
    Ok(begin.elapsed().as_secs_f64() / INVOCATIONS as f64)
}
