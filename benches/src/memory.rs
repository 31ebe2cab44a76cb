//! The runner's own memory, which a task needs in addition to the handler's.

use anyhow::Result;

use crate::{
    programs::ReleasePrograms,
    runner::RunnerBench,
    table::{FigureRow, RatioBound, median},
};

const ROUNDS: usize = 5;

pub(crate) async fn measure(programs: &ReleasePrograms) -> Result<Vec<FigureRow>> {
    let benches = [RunnerBench::new(programs, 50, None).await?, RunnerBench::new(programs, 1, None).await?];
    let mut peaks = [vec![], vec![]];
    for _ in 0..ROUNDS {
        for (bench, peaks) in benches.iter().zip(&mut peaks) {
            peaks.push(bench.measure_runner(programs).await?.1 / 1e6);
        }
    }
    let [large, small] = peaks.map(median);
    Ok(vec![
        FigureRow::new(
            "runner memory beyond the child, 50 MB zip",
            (large, "MB"),
            (small, "MB, 1 MB zip"),
            RatioBound::AtMost(1.2),
        ),
        FigureRow::new("runner memory beyond the child, in all", (large, "MB"), (15.0, "MB"), RatioBound::AtMost(1.0)),
    ])
}
