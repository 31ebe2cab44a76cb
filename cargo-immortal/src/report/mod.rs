//! What a job did. The terminal shows its steps as they come; a page, written with `--report`, shows the whole job.
//!
//! Whoever follows a job, on the emulator or in its logs, makes `JobStep`s of what it sees, and nothing here knows where they
//! came from. Nothing here asks AWS.

mod bounds;
mod job_step;
mod log_line;
mod model;
mod page;
mod report_file;
mod time_axis;
mod visible_text;

pub(crate) use self::{
    job_step::{JobPlace, JobStep, StepKind, StepSpan, TaskAttempt},
    log_line::{HandlerEnd, dispatcher_message, early_end, handler_end, is_metric},
    model::{JobReport, ReportedEnding, ReportedEvent, ReportedLetter, handled_summary},
    report_file::{ReportArgs, ReportFile},
};
