//! The runner's own memory, which is what a task needs beyond the handler's.

use anyhow::Result;

use crate::{
    programs::Programs,
    runner::Bench,
    table::{Reach, Row, median},
};

const ROUNDS: usize = 5;

pub(crate) async fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let benches = [Bench::new(programs, 50, None).await?, Bench::new(programs, 1, None).await?];
    let mut peaks = [vec![], vec![]];
    for _ in 0..ROUNDS {
        for (bench, peaks) in benches.iter().zip(&mut peaks) {
            peaks.push(bench.runner(programs).await?.1 / 1e6);
        }
    }
    let [large, small] = peaks.map(median);
    Ok(vec![
        Row::new(
            "runner memory beyond the child, 50 MB zip",
            (large, "MB"),
            (small, "MB, 1 MB zip"),
            Reach::AtMost(1.2),
        ),
        Row::new("runner memory beyond the child, in all", (large, "MB"), (15.0, "MB"), Reach::AtMost(1.0)),
    ])
}
