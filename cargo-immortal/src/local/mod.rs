//! `cargo immortal local`: one event through all its lives, on the emulator.

mod args;
mod chain;
mod inputs;
mod outcome;
mod plan;
mod screen;
mod timeline;

use std::process::ExitCode;

use bytes::Bytes;
use immortal_emulator::{Emulator, EmulatorError};

pub(crate) use self::args::Args;
use self::{inputs::Inputs, outcome::Watch, plan::Plan, screen::Screen, timeline::Timeline};
use crate::{binary, failure::Failure, package};

pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let inputs = Inputs::read(&args)?;
    let candidate = package::find(&args.selection)?;
    let executable = binary::build(&candidate, args.selection.release).await?;
    let manifest = binary::describe(&executable, &candidate).await?;
    let zip = Bytes::from(binary::package(&executable)?);
    let plan = Plan::resolve(&args, &candidate, &manifest, executable);

    let screen = Screen::new();
    screen.line(&plan.heading());
    screen.status(Some("deploying to the emulator"));
    let emulator = Emulator::start(plan::options()).await.map_err(refused)?;
    chain::set_up(&emulator, &plan, &inputs, zip).map_err(refused)?;
    emulator.invoke(&plan.primary, inputs.event).await.map_err(refused)?;

    let mut timeline = Timeline::new(&plan);
    let mut watch = Watch::new(&plan);
    let ended = emulator.until(|happening| {
        if let Some(line) = timeline.line(happening) {
            screen.show(&line);
        }
        screen.status(timeline.status());
        watch.see(happening).map(|outcome| (outcome, happening.at))
    });
    let (outcome, at) = ended.await;
    screen.clear();
    print!("{}", outcome.last_words(&plan, timeline.since_begin(at), &emulator.messages(&plan.dead_letter_queue)));
    emulator.shutdown().await;
    Ok(outcome.exit_code())
}

/// What AWS would refuse is a mistake of who asked for it.
fn refused(error: EmulatorError) -> Failure {
    match error {
        EmulatorError::Refused { code, message } => {
            Failure::WrongUse(format!("AWS would refuse this: {code}: {message}"))
        }
        error => Failure::Failed(error.to_string()),
    }
}
