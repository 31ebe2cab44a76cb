//! `cargo immortal local`: one event through all its attempts, on the emulator.

mod args;
mod chain;
mod code;
mod dead_letter;
mod event_source;
mod inputs;
mod job_report;
mod last_words;
mod outcome;
mod plan;
mod screen;
mod source_message;
mod timeline;

use std::process::ExitCode;

use immortal_emulator::{Emulator, EmulatorError};

pub(crate) use self::args::{DestinationKind, LocalArgs};
use self::{
    code::DeployedCode,
    inputs::{LocalInputs, LocalTrigger},
    job_report::{LocalReport, reported_ending},
    last_words::last_words,
    outcome::{JobOutcome, OutcomeWatch},
    plan::LocalPlan,
    screen::TerminalScreen,
    source_message::SourceMessage,
    timeline::JobTimeline,
};
use crate::{container, failure::CommandError, output::print_line, package, report::ReportFile};

pub(crate) async fn run(args: LocalArgs) -> Result<ExitCode, CommandError> {
    let inputs = LocalInputs::read(&args)?;
    let file = ReportFile::find(&args.report)?;
    let candidate = package::find(&args.selection)?;
    if let Some(image) = &args.docker {
        container::ready(image).await?;
    }
    let code = DeployedCode::get(&args, &candidate).await?;
    let ourselves = std::env::current_exe()
        .map_err(|error| CommandError::Failed(format!("the path of this command is unknown: {error}")))?;
    let plan = LocalPlan::resolve(&args, &candidate, &code.manifest, &code.dispatcher_zip().executable, &ourselves);

    let screen = TerminalScreen::new();
    screen.line(&plan.heading());
    if let LocalTrigger::Invocation(event) = &inputs.trigger
        && let Some(warning) = event_source::warning(event)
    {
        screen.line(&warning);
    }
    screen.status(Some("deploying to the emulator"));
    let emulator = Emulator::start(plan::options()).await.map_err(refused)?;
    chain::set_up(&emulator, &plan, &inputs, &code).map_err(refused)?;
    let mut report = LocalReport::new(&args, file, &plan, &inputs.trigger);
    let id = match inputs.trigger {
        LocalTrigger::Invocation(event) => ("Request", emulator.invoke(&plan.primary, event).await.map_err(refused)?),
        LocalTrigger::Queue(SourceMessage { body, attributes }) => {
            ("Message", emulator.send_message(&plan.source_queue, body, attributes).map_err(refused)?)
        }
    };
    report.begin(id);

    let mut timeline = JobTimeline::new(&plan);
    let mut watch = OutcomeWatch::new(&plan);
    let dead_letters = || emulator.messages(&plan.dead_letter_queue);
    let dead_letter = |id: &str| dead_letters().into_iter().find(|message| message.id == id);
    let mut redrives = plan.redrives;
    let ended = emulator.wait_for(|entry| {
        for step in timeline.steps(entry, &dead_letter) {
            screen.show(&step);
            report.add(&step);
        }
        screen.status(timeline.status());
        let outcome = watch.see(entry)?;
        if matches!(outcome, JobOutcome::GivenUp { .. }) && redrives > 0 {
            redrives -= 1;
            let moved = emulator.redrive(&plan.dead_letter_queue, Some(&plan.failure_queue));
            return moved.is_err().then_some((outcome, entry.at));
        }
        Some((outcome, entry.at))
    });
    let (outcome, at) = ended.await;
    screen.clear();
    let (at, dead) = (timeline.since_begin(at), dead_letters());
    screen.line(last_words(&outcome, &plan, at, &dead).trim_end());
    if let JobOutcome::Handled { answer, .. } = &outcome {
        print_line(String::from_utf8_lossy(answer).trim_end());
    }
    emulator.shutdown().await;
    report.end(reported_ending(&outcome, &plan, at, &dead))?;
    Ok(outcome.exit_code())
}

/// What AWS would refuse is a mistake of who asked for it.
fn refused(error: EmulatorError) -> CommandError {
    match error {
        EmulatorError::Refused { code, message } => {
            CommandError::WrongUse(format!("AWS would refuse this: {code}: {message}"))
        }
        EmulatorError::Start(error) => CommandError::Failed(format!("the emulator can't start: {error}")),
        missing @ EmulatorError::Missing(_) => CommandError::Failed(missing.to_string()),
    }
}
