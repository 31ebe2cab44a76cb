//! The bad day of docs/operate.md: what the page shows is what the commands say here.

use std::{env, fs};

use immortal_emulator::{EntryKind, JournalEntry};

use super::deployed::Deployed;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operate.md");
/// What stands in the page before and behind each part of the session.
const BEGIN: &str = "<!-- session: ";
const OPEN: &str = "```console\n";
const CLOSE: &str = "```\n";

const HANGS: &str = "5f0c7a52-3d0e-4d1b-9a57-0f4f6c1e2b01";
const FAILS: [&str; 2] = ["0e8b1c94-61f4-4c58-8f6a-b2d9a7c0e310", "9c1d2e3f-8a7b-4c6d-9e0f-1a2b3c4d5e6f"];
/// What fails while the function is paused.
const WAITS: [&str; 2] = ["b7a4e0d2-5c19-4e83-a6f0-3d8e9b2c7f14", "c2f6b8a0-7d3e-4f91-8b5c-6a0d1e9f4b23"];

/// A part of the session, as it was typed and answered.
#[derive(Default)]
struct Session(String);

impl Session {
    /// Types a command, with an answer to what it asks; the test says `--yes` in its place, for it is no terminal.
    async fn run(&mut self, deployed: &Deployed, typed: &[&str], code: i32) {
        let asks = typed.first().is_some_and(|name| ["stop", "redrive"].contains(name));
        let arguments = if asks { [typed, &["--yes"]].concat() } else { typed.to_vec() };
        let (status, stdout, stderr) = deployed.run(&arguments).await;
        assert_eq!(status, code, "{typed:?}: {stdout}{stderr}");
        let typed = format!("$ cargo immortal {}\n", arguments.join(" "));
        self.0.extend([typed, stderr, stdout]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_what_happens() {
    let deployed = Deployed::start().await;
    deployed.fail(HANGS, r#"{"name":"hangs"}"#);
    deployed.hanging(HANGS).await;
    for (count, request_id) in (1..).zip(FAILS) {
        deployed.fail(request_id, r#"{"name":""}"#);
        deployed.dead_letters(count).await;
    }
    let mut sessions = Vec::new();

    let mut look = Session::default();
    look.run(&deployed, &["pause"], 0).await;
    for request_id in WAITS {
        deployed.fail(request_id, r#"{"name":""}"#);
    }
    look.run(&deployed, &["jobs"], 0).await;
    sessions.push(("look", look));

    let mut stop = Session::default();
    stop.run(&deployed, &["stop", HANGS], 0).await;
    sessions.push(("stop", stop));

    // The task's stop comes to those that wait.
    let stopped = |entry: &JournalEntry| matches!(entry.kind, EntryKind::Queued { .. }).then_some(());
    let count = || deployed.emulator.messages("hello-failures").len();
    deployed.until("the stop of a task", |entry| stopped(entry).filter(|()| count() == 3)).await;
    let mut wait = Session::default();
    wait.run(&deployed, &["pause"], 0).await;
    sessions.push(("wait", wait));

    deployed.deploy_fix();
    let mut resume = Session::default();
    resume.run(&deployed, &["resume"], 0).await;
    for request_id in WAITS {
        deployed.succeeded(request_id).await;
    }
    deployed.dead_letters(3).await;
    sessions.push(("resume", resume));

    let mut redrive = Session::default();
    redrive.run(&deployed, &["dead"], 0).await;
    redrive.run(&deployed, &["redrive", FAILS[0]], 0).await;
    deployed.succeeded(FAILS[0]).await;
    redrive.run(&deployed, &["redrive", "--all"], 0).await;
    for request_id in [FAILS[1], HANGS] {
        deployed.succeeded(request_id).await;
    }
    redrive.run(&deployed, &["jobs"], 0).await;
    sessions.push(("redrive", redrive));

    let page = fs::read_to_string(PAGE).expect("the page is there");
    let mut current = page.clone();
    for (name, Session(text)) in &sessions {
        current = with_session(&current, name, text);
    }
    if env::var_os("UPDATE_EXPECT").is_some() && normalised(&page) != normalised(&current) {
        fs::write(PAGE, &current).expect("the page can be written");
        return;
    }
    assert_eq!(
        normalised(&page),
        normalised(&current),
        "docs/operate.md shows something else; UPDATE_EXPECT=1 writes what is said now"
    );
}

/// The page with this text in the place of the named part of its session.
fn with_session(page: &str, name: &str, text: &str) -> String {
    let begin = format!("{BEGIN}{name} -->\n{OPEN}");
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("the page has no session {name}"));
    let (_, after) = rest.split_once(CLOSE).expect("each session ends");
    format!("{before}{begin}{text}{CLOSE}{after}")
}

/// The text without what differs each time: spans of time, moments, hours that are paid for, and the ids of tasks; with single
/// blanks, for columns are as wide as these; and with the rows of a table sorted, which are in the order of those spans.
fn normalised(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(normalised_line).collect();
    let mut parts: Vec<_> = lines.chunk_by(|one, other| is_row(one) && is_row(other)).map(<[String]>::to_vec).collect();
    for part in &mut parts {
        part.sort();
    }
    parts.concat().join("\n")
}

/// A row begins with a request id.
fn is_row(line: &str) -> bool {
    line.split(' ')
        .next()
        .is_some_and(|word| word.len() == 36 && word.bytes().filter(|byte| *byte == b'-').count() == 4)
}

fn normalised_line(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let (core, rest) = word.split_at(word.trim_end_matches([',', ')', ':', ';']).len());
        let shown = if is_span(core) {
            "SPAN".to_owned()
        } else if is_moment(core) {
            "MOMENT".to_owned()
        } else if is_hours(core) {
            "HOURS".to_owned()
        } else {
            with_hidden_ids(core)
        };
        // A span has one or two units.
        if shown == "SPAN" && words.last().is_some_and(|last| last == "SPAN") {
            words.pop();
        }
        words.push(shown + rest);
    }
    words.join(" ")
}

fn is_span(word: &str) -> bool {
    let digits = word.strip_suffix(['s', 'm', 'h', 'd']);
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// With two places.
fn is_hours(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    word.split_once('.').is_some_and(|(whole, part)| is_number(whole) && is_number(part) && part.len() == 2)
}

fn is_moment(word: &str) -> bool {
    word.len() == "2026-11-26T12:00:00Z".len() && word.ends_with('Z') && word.as_bytes()[10] == b'T'
}

/// A task's id is 32 hexadecimal digits at the end of its ARN.
fn with_hidden_ids(word: &str) -> String {
    match word.rsplit_once('/') {
        Some((before, id)) if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("{before}/ID")
        }
        _ => word.to_owned(),
    }
}

#[test]
fn what_differs_each_time_is_left_out() {
    let id = "0123456789abcdef0123456789abcdef";
    let table = [
        ("r-1  0  3m 10s   1h   0.01  x".to_owned(), "r-1 0 SPAN HOURS x"),
        ("given up 5s ago, at 2026-11-26T12:00:00Z: x".to_owned(), "given up SPAN ago, at MOMENT: x"),
        (format!("task arn:aws:ecs:task/jobs/{id}, ended"), "task arn:aws:ecs:task/jobs/ID, ended"),
    ];
    for (line, expected) in table {
        assert_eq!(normalised(&line), expected);
    }
}
