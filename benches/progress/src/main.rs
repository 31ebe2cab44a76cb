//! A handler that saves its progress again and again, and answers with the milliseconds that each save took.

use std::time::Instant;

use immortal::{Error, LambdaEvent, Progress, immortal};
use serde::Deserialize;

#[derive(Deserialize)]
struct Saves {
    count: usize,
    /// What is saved.
    text: String,
}

#[immortal(grace = "0s")]
async fn save(event: LambdaEvent<Saves>) -> Result<Vec<f64>, Error> {
    let Saves { count, text } = event.payload;
    let mut progress = Progress::<String>::open(&event.context).await?;
    let mut taken = Vec::with_capacity(count);
    for _ in 0..count {
        let begin = Instant::now();
        progress.save(&text).await?;
        taken.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(taken)
}
