use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;

fn primary() -> JobPlace {
    JobPlace::Primary { function: "ingest".into() }
}

fn task(id: &str, attempt: Option<u32>) -> JobPlace {
    let attempt = attempt.map(|attempt| TaskAttempt { series: 0, attempt });
    JobPlace::Task { id: id.into(), attempt, is_spot: attempt.is_some() }
}

fn queue() -> JobPlace {
    JobPlace::Queue { name: "ingest-failures".into() }
}

fn dispatcher() -> JobPlace {
    JobPlace::Dispatcher { function: "ingestDlq".into() }
}

fn api(service: &str) -> JobPlace {
    JobPlace::Api { service: service.into() }
}

fn report(steps: impl IntoIterator<Item = (u64, JobPlace, StepKind, StepSpan, &'static str)>) -> JobReport {
    let mut report = JobReport::default();
    for (at, place, kind, span, text) in steps {
        let at = Duration::from_millis(at);
        report.add(&JobStep { at, place, text: text.to_owned(), kind, span, is_brief: false });
    }
    report
}

fn check(report: &JobReport, expected: &Expect) {
    let mut shown = String::new();
    for row in report.attempts().chain(report.surroundings()) {
        let _ = writeln!(shown, "{}: {:?}", row.place, row.end());
        for bar in &row.bars {
            let wait = if bar.is_wait { ", a wait" } else { "" };
            let _ = writeln!(shown, "  {:?} to {:?}{wait}", bar.from, bar.to);
        }
        for line in &row.lines {
            let _ = writeln!(shown, "  {:?} {:?} {}", line.at, line.kind, line.text);
        }
    }
    let _ = writeln!(shown, "{:?}", report.length());
    expected.assert_eq(&shown);
}

#[test]
fn a_job_has_its_attempts_first_and_what_is_around_them_in_the_events_order() {
    use StepKind::{Bad, Good, Log, Note, Step};
    use StepSpan::{Begins, Ends, Lasts, Moment};
    let second = Duration::from_secs(1);
    let early = "ERROR request{id=r-1 attempt=1}: function ingest, request r-1: the handler returned an error: no name";
    let report = report([
        (0, primary(), Step, Moment, "takes the event: request r-1"),
        (10, primary(), Step, Begins, "attempt 0 begins"),
        (500, primary(), Log, Moment, "read it"),
        (900, primary(), Step, Ends, "hands the event over, before its deadline"),
        (901, queue(), Step, Moment, "holds the failed event"),
        (910, dispatcher(), Step, Begins, "the dispatcher begins"),
        (920, api("ecs"), Step, Moment, "RunTask: 200"),
        (930, dispatcher(), Step, Ends, "the dispatcher is done"),
        (1_000, task("abc", None), Note, Moment, "fetches the code"),
        (1_100, task("abc", Some(1)), Step, Begins, "the task begins, on Spot"),
        (1_200, api("lambda"), Step, Moment, "GetFunction: 200"),
        (2_000, task("abc", Some(1)), Note, Moment, early),
        (2_001, task("abc", Some(1)), Bad, Ends, "stopped: exit 1, EssentialContainerExited: it exited."),
        (2_010, queue(), Step, Lasts(second), "the next attempt waits here for 1 s, until 3.0"),
        (2_500, task("def", Some(2)), Step, Begins, "the task begins"),
        (2_600, task("def", Some(2)), Good, Ends, "the handler succeeded: exit 0"),
    ]);
    check(
        &report,
        &expect![[r#"
        Lambda ingest: Some((Step, "hands the event over, before its deadline"))
          10ms to Some(900ms)
          0ns Step takes the event: request r-1
          10ms Step attempt 0 begins
          500ms Log read it
          900ms Step hands the event over, before its deadline
        Fargate, attempt 1: Some((Bad, "stopped: exit 1, EssentialContainerExited: it exited; the handler failed: no name"))
          1.1s to Some(2.001s)
          1s Note fetches the code
          1.1s Step the task begins, on Spot
          2s Note ERROR request{id=r-1 attempt=1}: function ingest, request r-1: the handler returned an error: no name
          2.001s Bad stopped: exit 1, EssentialContainerExited: it exited.
        Fargate, attempt 2: Some((Good, "the handler succeeded: exit 0"))
          2.5s to Some(2.6s)
          2.5s Step the task begins
          2.6s Good the handler succeeded: exit 0
        SQS ingest-failures: None
          2.01s to Some(3.01s), a wait
          901ms Step holds the failed event
          2.01s Step the next attempt waits here for 1 s, until 3.0
        Lambda ingestDlq: Some((Step, "the dispatcher is done"))
          910ms to Some(930ms)
          910ms Step the dispatcher begins
          930ms Step the dispatcher is done
        API ecs: None
          920ms Step ecs RunTask: 200
          1.2s Step lambda GetFunction: 200
        2.6s
    "#]],
    );
}

#[test]
fn what_goes_on_has_no_end_and_what_never_ran_has_no_length() {
    use StepKind::{Bad, Step};
    let report = report([
        (0, primary(), Step, StepSpan::Begins, "attempt 0 begins"),
        (5, primary(), Bad, StepSpan::Ends, "failed: no"),
        (7, primary(), Step, StepSpan::Begins, "attempt 0 begins, for the 2nd time"),
        (9, task("abc", None), Bad, StepSpan::Ends, "never ran: TaskFailedToStart: why"),
    ]);
    check(
        &report,
        &expect![[r#"
        Lambda ingest: None
          0ns to Some(5ms)
          7ms to None
          0ns Step attempt 0 begins
          5ms Bad failed: no
          7ms Step attempt 0 begins, for the 2nd time
        Fargate, task abc: Some((Bad, "never ran: TaskFailedToStart: why"))
          9ms to Some(9ms)
          9ms Bad never ran: TaskFailedToStart: why
        9ms
    "#]],
    );
}

#[test]
fn a_long_line_is_cut_as_it_comes() {
    let mut report = JobReport::default();
    let text = "x".repeat(10_000_000);
    let at = Duration::ZERO;
    for span in [StepSpan::Begins, StepSpan::Ends] {
        report.add(&JobStep { at, place: primary(), text: text.clone(), kind: StepKind::Log, span, is_brief: false });
    }
    let row = &report.rows[0];
    let texts = row.lines.iter().map(|line| &line.text).chain(row.bars[0].end.as_ref().map(|(_, text)| text));
    for text in texts {
        assert!(text.len() < 2 * LINE_LIMIT && text.ends_with("(9995904 more bytes are left out)"), "{}", text.len());
    }
}

#[test]
fn an_attempt_that_handled_the_event_is_named() {
    let table = [
        ((0, 0), "handled in Lambda, by attempt 0, after 1.5 s"),
        ((1, 2), "handled on Fargate, by attempt 2 of series 1, after 1.5 s"),
    ];
    for ((series, attempt), expected) in table {
        assert_eq!(handled_summary(TaskAttempt { series, attempt }, Duration::from_millis(1_500)), expected);
    }
}
