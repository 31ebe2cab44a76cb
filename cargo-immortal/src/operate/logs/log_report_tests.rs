use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;

fn primary() -> JobPlace {
    JobPlace::Primary { function: "hello".into() }
}

fn dispatcher() -> JobPlace {
    JobPlace::Dispatcher { function: "helloDlq".into() }
}

fn task(attempt: u32) -> JobPlace {
    JobPlace::Task { id: format!("task-{attempt}"), attempt: Some(TaskAttempt { series: 0, attempt }), is_spot: false }
}

/// Lines, each with its milliseconds; those that begin with `|` are the handler's.
fn lines(lines: &[(i64, JobPlace, &str)]) -> Vec<JobLine> {
    let line = |(at, place, text): &(i64, JobPlace, &str)| {
        let handlers = text.strip_prefix('|');
        JobLine {
            time: format!("2026-11-26T00:00:{:02}Z", at / 1000),
            at: *at,
            place: place.clone(),
            of: if handlers.is_some() { LineAuthor::Handler } else { LineAuthor::Platform },
            text: handlers.unwrap_or(text).to_owned(),
            stream: "stream".to_owned(),
        }
    };
    lines.iter().map(line).collect()
}

fn check(told: &[(i64, JobPlace, &str)], expected: &Expect) {
    let report = log_report("r-1", &lines(told));
    let mut shown = String::new();
    for row in report.attempts().chain(report.surroundings()) {
        let _ = writeln!(shown, "{}: {:?}, {} lines", row.place, row.end(), row.lines.len());
        for bar in &row.bars {
            let _ = writeln!(shown, "  {:?} to {:?}", bar.from, bar.to);
        }
    }
    let _ = writeln!(shown, "{:?}", report.facts);
    match report.ending {
        Some(ending) => {
            let reasons: Vec<_> = ending.dead_letters.into_iter().map(|letter| letter.reason).collect();
            let _ = writeln!(shown, "{}: {} {reasons:?}", ending.is_success, ending.summary);
        }
        None => shown.push_str("not over\n"),
    }
    expected.assert_eq(&shown);
}

#[test]
fn a_job_that_timed_out_and_was_handled_on_fargate() {
    check(
        &[
            (1_000, primary(), "START RequestId: r-1 Version: 7"),
            (1_200, primary(), "|greeting a visitor"),
            (4_000, primary(), "END RequestId: r-1"),
            (4_001, primary(), "REPORT RequestId: r-1  Duration: 3000.00 ms  Status: timeout"),
            (4_600, dispatcher(), r#" INFO record{m-1}: request_id="r-1" attempt=1 decision="started""#),
            (20_000, task(1), "function hello runs with the code of hash 47DEQ="),
            (20_500, task(1), "START RequestId: r-1 Version: 7"),
            (20_600, task(1), "|greeting a visitor"),
            (61_000, task(1), "END RequestId: r-1"),
            (61_001, task(1), "REPORT RequestId: r-1  Duration: 40400.00 ms  Attempt: 1"),
        ],
        &expect![[r#"
            Lambda hello: Some((Bad, "killed at its timeout")), 6 lines
              0ns to Some(3.001s)
            Fargate, attempt 1: Some((Good, "the handler succeeded")), 7 lines
              19s to Some(60.001s)
            Lambda helloDlq: None, 1 lines
            [("Request", "r-1"), ("Began", "2026-11-26T00:00:01Z"), ("Source", "the log groups on AWS")]
            true: handled on Fargate, by attempt 1, after 1 min []
        "#]],
    );
}

#[test]
fn a_job_that_was_given_up() {
    let failed = "ERROR request{id=r-1 attempt=1}: function hello, request r-1: the handler returned an error: no name";
    let early =
        " INFO request{id=r-1 attempt=2}: function hello, request r-1: the handler ended early, as it was told to";
    let given_up =
        r#" WARN gave up on request r-1 of hello: why; fix it request_id="r-1" attempt=3 decision="given up""#;
    check(
        &[
            (0, primary(), "START RequestId: r-1 Version: 7"),
            (10, primary(), "REPORT RequestId: r-1  Duration: 9.00 ms"),
            (1_000, task(1), "START RequestId: r-1 Version: 7"),
            (1_100, task(1), "REPORT RequestId: r-1  Duration: 9.00 ms  Attempt: 1"),
            (1_101, task(1), failed),
            (2_000, task(2), "START RequestId: r-1 Version: 7"),
            (2_100, task(2), early),
            (3_000, task(3), "START RequestId: r-1 Version: 7"),
            (3_500, task(3), "|works"),
            (4_000, dispatcher(), given_up),
        ],
        &expect![[r#"
            Lambda hello: Some((Step, "ended without success: the event was passed on")), 4 lines
              0ns to Some(10ms)
            Fargate, attempt 1: Some((Bad, "ended without success; the handler failed: no name")), 5 lines
              1s to Some(1.101s)
            Fargate, attempt 2: Some((Step, "was stopped; the handler ended early, as it was told to")), 4 lines
              2s to Some(2.1s)
            Fargate, attempt 3: Some((Bad, "its log ends without a report: it was killed, or is at work")), 4 lines
              3s to Some(3.5s)
            Lambda helloDlq: None, 1 lines
            [("Request", "r-1"), ("Began", "2026-11-26T00:00:00Z"), ("Source", "the log groups on AWS")]
            false: given up: the event is a dead letter ["gave up on request r-1 of hello: why; fix it"]
        "#]],
    );
}

#[test]
fn what_lambda_runs_twice_has_two_bars() {
    let again = [
        (0, primary(), "START RequestId: r-1 Version: 7"),
        (5, primary(), "|works"),
        (9_000, primary(), "START RequestId: r-1 Version: 7"),
        (9_500, primary(), r#"{"type":"platform.report","record":{"requestId":"r-1","status":"success"}}"#),
    ];
    check(
        &again,
        &expect![[r#"
        Lambda hello: Some((Good, "the handler succeeded")), 8 lines
          0ns to Some(5ms)
          9s to Some(9.5s)
        [("Request", "r-1"), ("Began", "2026-11-26T00:00:00Z"), ("Source", "the log groups on AWS")]
        true: handled in Lambda, by attempt 0, after 9.5 s []
    "#]],
    );
    check(
        &again[..2],
        &expect![[r#"
        Lambda hello: Some((Step, "ended; its log doesn't say how")), 4 lines
          0ns to Some(5ms)
        [("Request", "r-1"), ("Began", "2026-11-26T00:00:00Z"), ("Source", "the log groups on AWS")]
        not over
    "#]],
    );
}

#[test]
fn how_an_invocation_ended_is_read_from_its_report() {
    let json = |status: &str, kind: &str| {
        format!(r#"{{"type":"platform.report","record":{{"status":"{status}","errorType":"{kind}"}}}}"#)
    };
    let table = [
        ("REPORT RequestId: r-1  Status: timeout".to_owned(), StepKind::Bad, "killed at its timeout"),
        (
            "REPORT RequestId: r-1  Status: error  Error Type: Runtime.ExitError".to_owned(),
            StepKind::Bad,
            "failed: Runtime.ExitError",
        ),
        (json("success", ""), StepKind::Good, "the handler succeeded"),
        (json("failure", ""), StepKind::Bad, "failed: failure"),
        (json("error", "Immortal.HandedOver"), StepKind::Step, "hands the event over, before its deadline"),
        ("REPORT RequestId: r-1".to_owned(), StepKind::Step, "ended without success: the event was passed on"),
    ];
    for (report, kind, text) in table {
        assert_eq!(lambda_end(&report, true), (kind, text.to_owned()), "{report}");
    }
    let alone = lambda_end("REPORT RequestId: r-1", false);
    assert_eq!(alone, (StepKind::Step, "ended; its log doesn't say how".to_owned()));
}

#[test]
fn the_dispatcher_says_why_it_gave_up() {
    let reason = "gave up on request r-1 of hello: exit code 1; fix it";
    let table = [
        (format!(" WARN record{{m-1}}: {reason} request_id=\"r-1\" attempt=3 decision=\"given up\""), Some(reason)),
        (format!(" WARN {reason}"), Some(reason)),
        (format!(r#"{{"level":"WARN","fields":{{"message":"{reason}","attempt":3}}}}"#), Some(reason)),
        (format!(r#"{{"level":"WARN","message":"{reason}"}}"#), Some(reason)),
        (r#" INFO attempt=1 decision="started""#.to_owned(), None),
    ];
    for (line, expected) in table {
        assert_eq!(given_up_reason(&line).as_deref(), expected, "{line}");
    }
}
