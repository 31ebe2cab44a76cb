//! The page of a job that ran here: it is written however the command ends.

use std::time::Duration;

use immortal_emulator::Message;
use sha2::{Digest as _, Sha256};

use super::{
    LocalArgs, dead_letter,
    inputs::LocalTrigger,
    last_words::{last_error, summary},
    outcome::JobOutcome,
    plan::LocalPlan,
};
use crate::{
    failure::CommandError,
    output::eprint_line,
    report::{JobReport, JobStep, ReportFile, ReportedEnding, ReportedEvent, ReportedLetter},
};

/// A report that is written at the end, or when it is dropped before.
#[derive(Debug)]
pub(crate) struct LocalReport {
    /// `None` where no page is asked for, and once it is written.
    file: Option<ReportFile>,
    report: JobReport,
}

impl LocalReport {
    pub(crate) fn new(args: &LocalArgs, file: Option<ReportFile>, plan: &LocalPlan, trigger: &LocalTrigger) -> Self {
        let event = match trigger {
            LocalTrigger::Invocation(event) => event.as_ref(),
            LocalTrigger::Queue(message) => message.body.as_bytes(),
        };
        let setting = plan.setting();
        let report = JobReport {
            function: plan.primary.clone(),
            facts: vec![("Run", "by cargo immortal local, on the emulator".to_owned()), ("Setting", setting)],
            event: Some(reported_event(event, args.report_event)),
            ..JobReport::default()
        };
        Self { file, report }
    }

    pub(crate) fn begin(&mut self, id: (&'static str, String)) {
        self.report.facts.insert(0, id);
    }

    pub(crate) fn add(&mut self, step: &JobStep) {
        if self.file.is_some() {
            self.report.add(step);
        }
    }

    /// Writes the page, where one is asked for, and says so.
    pub(crate) fn end(&mut self, ending: ReportedEnding) -> Result<(), CommandError> {
        self.report.ending = Some(ending);
        self.write()
    }

    fn write(&mut self) -> Result<(), CommandError> {
        let Some(file) = self.file.take() else { return Ok(()) };
        file.write(&self.report)?;
        eprint_line(format_args!("report: {}", file.path().display()));
        Ok(())
    }
}

impl Drop for LocalReport {
    /// After Ctrl-C, and after what went wrong, the page shows what happened until then.
    fn drop(&mut self) {
        if self.report.rows.is_empty() {
            return;
        }
        if let Err(error) = self.write() {
            eprint_line(format_args!("error: {error}"));
        }
    }
}

fn reported_event(event: &[u8], with_content: bool) -> ReportedEvent {
    let sha256 = Sha256::digest(event).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let content = with_content.then(|| String::from_utf8_lossy(event).into_owned());
    ReportedEvent { size: event.len(), sha256, content }
}

/// How it ended. `dead` is what lies in the dead-letter queue.
pub(crate) fn reported_ending(
    outcome: &JobOutcome,
    plan: &LocalPlan,
    at: Duration,
    dead: &[Message],
) -> ReportedEnding {
    let result = match outcome {
        JobOutcome::Handled { answer, .. } => Some(String::from_utf8_lossy(answer).into_owned()),
        JobOutcome::GivenUp { .. } | JobOutcome::Gone => None,
    };
    let letter = |message: &Message| ReportedLetter {
        ids: vec![("Message", message.id.clone()), ("Queue", plan.dead_letter_queue.clone())],
        reason: dead_letter::reason(message).unwrap_or_else(|| "it was received too often".to_owned()),
    };
    ReportedEnding {
        is_success: result.is_some(),
        summary: summary(outcome, plan, at),
        detail: last_error(outcome),
        result,
        dead_letters: dead.iter().map(letter).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_known_by_its_hash_and_shown_only_where_asked_for() {
        let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        for (with_content, content) in [(false, None), (true, Some("hello".to_owned()))] {
            let expected = ReportedEvent { size: 5, sha256: hash.into(), content };
            assert_eq!(reported_event(b"hello", with_content), expected);
        }
    }
}
