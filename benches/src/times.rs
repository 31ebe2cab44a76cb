//! Wall time of the handler role, spawn → first `/next`, and of warm invocations.

use std::{path::Path, time::Instant};

use anyhow::Result;
use tokio::process::Command;

use crate::{
    function::{EVENT, Function},
    programs::Programs,
    table::{Reach, Row, median},
};

const STARTS: usize = 60;
const ROUNDS: usize = 10;
/// Invocations of one round: 5,000 in all.
const INVOCATIONS: usize = 500;

pub(crate) async fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let of = [programs.all()?, programs.alone()?, programs.bare()?];
    let mut starts = [vec![], vec![], vec![]];
    for round in 0..STARTS {
        for turn in 0..of.len() {
            let number = (round + turn) % of.len();
            starts[number].push(start(of[number]).await?);
        }
    }
    let mut warm = [vec![], vec![], vec![]];
    let mut functions = [function(of[0]).await?, function(of[1]).await?, function(of[2]).await?];
    for round in 0..ROUNDS {
        for turn in 0..of.len() {
            let number = (round + turn) % of.len();
            warm[number].push(invocations(&mut functions[number]).await?);
        }
    }
    let mut rows = Vec::new();
    for (figure, bound, times) in
        [("wall time, spawn → first `/next`", 1.2, starts), ("wall time of a warm invocation, of 5,000", 1.05, warm)]
    {
        let [all, alone, bare] = times.map(|times| median(times) * 1e3);
        for (what, ours) in [("all roles linked", all), ("handler role alone", alone)] {
            let figure = format!("{figure}, {what}");
            rows.push(Row::new(&figure, (ours, "ms"), (bare, "ms, bare"), Reach::AtMost(bound)));
        }
    }
    Ok(rows)
}

async fn function(program: &Path) -> Result<Function> {
    let mut command = Command::new(program);
    command.stderr(std::process::Stdio::null());
    let mut function = Function::start(command, &[]).await?;
    function.ready().await?;
    function.invoke(EVENT).await?;
    Ok(function)
}

async fn start(program: &Path) -> Result<f64> {
    let mut command = Command::new(program);
    command.stderr(std::process::Stdio::null());
    let begin = Instant::now();
    let mut function = Function::start(command, &[]).await?;
    function.ready().await?;
    let taken = begin.elapsed().as_secs_f64();
    function.child.kill().await?;
    Ok(taken)
}

async fn invocations(function: &mut Function) -> Result<f64> {
    let begin = Instant::now();
    for _ in 0..INVOCATIONS {
        function.invoke(EVENT).await?;
    }
    Ok(begin.elapsed().as_secs_f64() / INVOCATIONS as f64)
}
