//! The page of `--report`: written at the end, on Ctrl-C, and refused where it can't be.

use std::{fs, path::Path};

use super::{
    lives::{begin_with, checked_output, immortal, signal},
    wrong_use::{one_line, package, refused},
};

fn greet(directory: &Path, name: &str, flags: &[&str], code: i32) -> String {
    let [event, page] = ["event.json", "out.html"].map(|file| directory.join(file));
    fs::write(&event, format!(r#"{{"name":"{name}"}}"#)).expect("a small file");
    let mut command = immortal(&["local", "-p", "hello", "--event"]);
    let output = command.arg(event).arg("--report").arg(&page).args(flags).output().expect("the command runs");
    let (_, shown) = checked_output(output, code);
    assert!(shown.contains(&format!("\nreport: {}\n", page.display())), "{shown}");
    fs::read_to_string(page).expect("the page is there")
}

#[test]
fn a_page_shows_each_attempt_of_a_job_that_was_given_up() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let page = greet(directory.path(), "", &[], 1);
    assert_eq!(page.matches("<details class=\"row\">").count(), 4 + 4, "attempts, two queues, dispatcher and calls");
    for text in [
        "<strong>Attempt 0</strong>",
        "<strong>Attempt 1</strong>",
        "<strong>Attempt 2</strong>",
        "<strong>Attempt 3</strong>",
        "the handler failed: a visitor without a name can&#39;t be greeted",
        "the event is in the dead-letter queue hello-dead-letters",
        "that was the last of 3 attempts",
        "11 bytes, SHA-256 <code>1390696a77e5d6f4375e9b36450c26bb67e99662fcd31b71cecd8ceda332040e</code>",
        "The event itself is not in this page",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
}

#[test]
fn the_event_is_in_the_page_only_where_asked_for() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let event = "<pre tabindex=\"0\">{&#34;name&#34;:&#34;&#60;b&#62;Ada&#34;}</pre>";
    let page = greet(directory.path(), "<b>Ada", &["--report-event"], 0);
    assert!(page.contains(event) && page.contains("Hello, &#60;b&#62;Ada!") && !page.contains("<b>Ada"), "{page}");
    assert!(!greet(directory.path(), "<b>Ada", &[], 0).contains(event));
}

#[test]
fn ctrl_c_leaves_a_page_of_what_happened_until_then() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let page = directory.path().join("out.html");
    let temporary = directory.path().join("temporary");
    fs::create_dir(&temporary).expect("a directory");
    let mut running = begin_with(&temporary, &["--report", page.to_str().expect("a plain path")]);
    signal(&running, "-INT");
    assert_eq!(running.wait().expect("it ends").code(), Some(130));
    let page = fs::read_to_string(page).expect("the page is there");
    for text in ["not over: this is what happened within", "<strong>Attempt 1</strong>", "no end is known"] {
        assert!(page.contains(text), "{text}\n{page}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let directory = package("fn main() {}");
    let local = |report: &str| {
        let arguments = ["local", "--event", "event.json", "--report", report];
        let message = refused(&super::wrong_use::immortal(&directory, &arguments));
        one_line(&message).to_owned()
    };
    let refused = "error: the report can't be written to";
    assert_eq!(local("missing/out.html"), format!("{refused} missing/out.html: there is no directory missing"));
    assert_eq!(local("src"), format!("{refused} src: it is a directory"));
}

#[test]
fn a_page_that_cannot_be_written_in_the_end_is_an_error_that_names_it() {
    let event = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(&event, r#"{"name":"Ada"}"#).expect("a small file");
    let mut command = immortal(&["local", "-p", "hello", "--report", "/dev/full", "--event"]);
    let (result, shown) = checked_output(command.arg(event.path()).output().expect("the command runs"), 1);
    assert_eq!(result, "{\"message\":\"Hello, Ada!\"}\n", "the result is not lost");
    let message = "error: the report can't be written to /dev/full: No space left on device (os error 28)";
    assert!(shown.lines().any(|line| line == message), "{shown}");
}
