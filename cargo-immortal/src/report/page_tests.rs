use super::*;
use crate::report::{JobStep, ReportedEnding, ReportedEvent, ReportedLetter, StepSpan, TaskAttempt};

const HOSTILE: &str =
    "</li></details></style><script>alert(1)</script><img src=x onerror=alert(1)>&\"'\u{1b}[31m\0\u{202e}";

fn step(place: JobPlace, text: &str) -> JobStep {
    let at = Duration::from_millis(1);
    JobStep { at, place, text: text.to_owned(), kind: StepKind::Bad, span: StepSpan::Ends, is_brief: false }
}

fn task(attempt: Option<TaskAttempt>) -> JobPlace {
    JobPlace::Task { id: HOSTILE.into(), attempt, is_spot: true }
}

/// A report in which every text of others is this.
fn report_of(text: &str) -> JobReport {
    let mut report = JobReport {
        function: text.into(),
        facts: vec![("Request", text.into())],
        event: Some(ReportedEvent { size: 1, sha256: "ab12".into(), content: Some(text.into()) }),
        ending: Some(ReportedEnding {
            is_success: false,
            summary: text.into(),
            detail: Some(text.into()),
            result: Some(text.into()),
            dead_letters: vec![ReportedLetter { ids: vec![("Message", text.into())], reason: text.into() }],
        }),
        rows: Vec::new(),
    };
    let text = || text.to_owned();
    for place in [
        JobPlace::Primary { function: text() },
        task(None),
        JobPlace::Queue { name: text() },
        JobPlace::Dispatcher { function: text() },
        JobPlace::Api { service: text() },
    ] {
        report.add(&step(place, &text()));
    }
    report
}

#[test]
fn whatever_others_wrote_stays_text() {
    let tags = |page: &str| page.matches('<').count();
    let hostile = page(&report_of(HOSTILE)).expect("it renders");
    let harmless = page(&report_of("harmless")).expect("it renders");
    assert_eq!(tags(&hostile), tags(&harmless));
    for sign in ["<script", "<img", "\u{1b}", "\0", "\u{202e}"] {
        assert!(!hostile.contains(sign), "{sign:?}");
    }
    assert!(hostile.contains("&#60;script&#62;alert(1)&#60;/script&#62;") && hostile.contains("␛[31m␀\\u{202e}"));
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let page = page(&report_of("harmless")).expect("it renders");
    for sign in ["<script", "<link", " src=", "http", "@import", "style=\"", "onclick"] {
        let found = page.replace("https://jfly.uni-koeln.de/color/", "").replace("http-equiv", "").contains(sign);
        assert!(!found, "{sign}");
    }
    let policy = "default-src 'none'; style-src 'sha256-";
    assert!(page.contains(policy), "{page}");
}

#[test]
fn an_event_that_is_not_asked_for_is_not_there() {
    let mut report = report_of("harmless");
    report.event = Some(ReportedEvent { size: 979, sha256: "ab12".into(), content: None });
    let page = page(&report).expect("it renders");
    assert!(page.contains("979 bytes, SHA-256 <code>ab12</code>"), "{page}");
    assert!(page.contains("The event itself is not in this page."), "{page}");
    assert!(!page.contains("id=\"event\""), "{page}");
}

#[test]
fn a_page_has_a_bound_whatever_was_written() {
    let mut report = JobReport::default();
    for attempt in 0..3 {
        let attempt = Some(TaskAttempt { series: 0, attempt });
        for line in 0..50_000 {
            let place = JobPlace::Task { id: format!("{attempt:?}"), attempt, is_spot: false };
            let text = format!("line {line} {}", "<".repeat(100));
            report.add(&JobStep { span: StepSpan::Moment, ..step(place, &text) });
        }
    }
    let page = page(&report).expect("it renders");
    assert!(page.len() < 6 * LINES_LIMIT, "{}", page.len());
    assert_eq!(page.matches(" bytes are left out</li>").count(), 3);
    for line in ["line 0 ", "line 49999 "] {
        assert_eq!(page.matches(line).count(), 3, "{line}");
    }
}

#[test]
fn bars_and_dots_lie_within_the_axis() {
    let mut report = JobReport::default();
    let primary = || JobPlace::Primary { function: "ingest".into() };
    for (at, span) in [(0, StepSpan::Begins), (5_000, StepSpan::Ends), (10_000, StepSpan::Begins)] {
        report.add(&JobStep { at: Duration::from_millis(at), span, ..step(primary(), "") });
    }
    let queue = JobPlace::Queue { name: "ingest-failures".into() };
    let waits = StepSpan::Lasts(Duration::from_hours(1));
    report.add(&JobStep { at: Duration::from_secs(5), span: waits, ..step(queue, "") });
    let scale = TimeScale::new(report.length());
    let bars = |row: &ReportRow| {
        let bars = scale.bars(row).into_iter();
        bars.map(|bar| format!("{} {} {} {:?}", bar.class, bar.x, bar.width, bar.end.map(|(mark, _)| mark.sign)))
            .collect::<Vec<_>>()
    };
    assert_eq!(bars(&report.rows[0]), ["lambda 0.0% 50.0% Some(\"✗\")", "lambda 99.4% 0.6% None"]);
    assert_eq!(bars(&report.rows[1]), ["wait 50.0% 50.0% None"]);
    let dots = scale.dots(&report.rows[1]);
    assert_eq!(dots.iter().map(|dot| (dot.x.as_str(), dot.is_bad)).collect::<Vec<_>>(), [("50.0%", true)]);
}

#[test]
fn a_dot_is_what_no_bar_shows() {
    let dispatcher = || JobPlace::Dispatcher { function: "ingestDlq".into() };
    let queue = || JobPlace::Queue { name: "ingest-failures".into() };
    let (begins, moment) = (StepSpan::Begins, StepSpan::Moment);
    let table = [
        (queue(), moment, vec![StepKind::Step, StepKind::Bad], 2),
        (queue(), moment, vec![StepKind::Note, StepKind::Log], 0),
        (dispatcher(), begins, vec![StepKind::Step, StepKind::Note], 0),
        (dispatcher(), moment, vec![StepKind::Note], 1),
    ];
    for (place, span, kinds, expected) in table {
        let mut report = JobReport::default();
        for kind in &kinds {
            report.add(&JobStep { kind: *kind, span, ..step(place.clone(), "") });
        }
        let row = &report.rows[0];
        assert_eq!(TimeScale::new(report.length()).dots(row).len(), expected, "{place} {kinds:?}");
    }
}
