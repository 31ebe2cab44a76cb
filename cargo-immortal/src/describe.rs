//! Asks a program what it is, never its source.

use std::{fs, path::Path, process::ExitStatus, time::Duration};

use immortal_core::{
    manifest::Manifest,
    names::env::{FUNCTION_NAME, ROLE, RUNTIME_API},
    role::Role,
};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
    time::timeout,
};

use crate::{artifact::is_linked, child::ProcessGroup, failure::CommandError, value::EnvVariable};

/// What prints a constant and exits needs no longer than this, on however slow a machine.
const DESCRIBES_WITHIN: Duration = Duration::from_secs(20);

/// How much is shown of what a program said in place of its manifest.
const LAST_LINES: usize = 10;

/// How every manifest begins.
const BEGINNING: &str = r#"{"schema":"#;

/// What a program did when it was asked.
#[derive(Debug, Default)]
struct DescribeAnswer {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// `None` for one that didn't end in time.
    status: Option<ExitStatus>,
}

/// The program's manifest. `name` is what the user knows it by, `variables` what a `main` may need before it calls `run`.
pub(crate) async fn describe(
    executable: &Path,
    name: &str,
    variables: &[EnvVariable],
) -> Result<Manifest, CommandError> {
    let mut command = Command::new(executable);
    command.envs(variables.iter().map(|variable| (&variable.name, &variable.value)));
    command.env(ROLE, "describe").env_remove(RUNTIME_API).env_remove(FUNCTION_NAME);
    let answer = ask(command).await;
    let answer = answer.map_err(|error| CommandError::WrongUse(format!("{name} can't be run: {error}")))?;
    if let Some(value) = manifest(&answer.stdout) {
        return read(value, name).map_err(CommandError::WrongUse);
    }
    let is_ours = fs::read(executable).is_ok_and(|program| is_linked(&program, Role::Handler));
    Err(CommandError::WrongUse(if is_ours { undescribed(name, &answer) } else { foreign(name) }))
}

async fn ask(command: Command) -> std::io::Result<DescribeAnswer> {
    let mut group = ProcessGroup::spawn(command, std::process::Stdio::piped())?;
    let mut answer = DescribeAnswer::default();
    let (stdout, stderr) = (group.leader.stdout.take(), group.leader.stderr.take());
    // A program that knows nothing of roles may say anything, or never end.
    let ended = timeout(DESCRIBES_WITHIN, async {
        tokio::try_join!(read_all(stdout, &mut answer.stdout), read_all(stderr, &mut answer.stderr))?;
        group.leader.wait().await
    });
    if let Ok(status) = ended.await {
        answer.status = Some(status?);
    }
    Ok(answer)
}

async fn read_all(pipe: Option<impl AsyncRead + Unpin>, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(bytes).await?;
    }
    Ok(())
}

/// The manifest among whatever else a `main` prints.
fn manifest(stdout: &[u8]) -> Option<Value> {
    let stdout = String::from_utf8_lossy(stdout);
    let value = |(at, _)| serde_json::Deserializer::from_str(&stdout[at..]).into_iter().next()?.ok();
    let is_manifest = |value: &Value| value["schema"].is_u64() && value["immortal"].is_string();
    // `run` prints it last.
    stdout.match_indices(BEGINNING).filter_map(value).filter(is_manifest).last()
}

fn read(manifest: Value, name: &str) -> Result<Manifest, String> {
    let (schema, ours) = (manifest["schema"].as_u64().unwrap_or_default(), u64::from(Manifest::SCHEMA));
    if schema != ours {
        return Err(format!(
            "{name} has a manifest of schema {schema}, and this cargo-immortal reads {ours}; use the same version of \
             immortal-lambda and cargo-immortal"
        ));
    }
    serde_json::from_value(manifest).map_err(|error| {
        format!(
            "{name} has a manifest that can't be read: {error}; use the same version of immortal-lambda and cargo-immortal"
        )
    })
}

fn foreign(name: &str) -> String {
    format!(
        "{name} is not an immortal function: nothing in it is of immortal-lambda; put #[immortal] on its handler or \
         #[immortal::main] on its main, or choose another package with -p"
    )
}

/// What is said of a program of ours without a manifest: its `main` ends, or does something else, before it calls `run`.
fn undescribed(name: &str, answer: &DescribeAnswer) -> String {
    let end = match answer.status {
        Some(status) => format!("ended with {status}"),
        None => format!("was still running after {} s", DESCRIBES_WITHIN.as_secs()),
    };
    let said = if answer.stderr.is_empty() { &answer.stdout } else { &answer.stderr };
    let said = String::from_utf8_lossy(said);
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    let said = match last {
        [] => " and said nothing; ".to_owned(),
        lines => format!("; what it said last:\n  | {}\n", lines.join("\n  | ")),
    };
    format!(
        "{name} printed no manifest when it was asked for it with {ROLE}=describe: it {end}{said}put #[immortal::main] in \
         the place of #[tokio::main], which answers before anything of main runs, or give main what it needs with \
         --env NAME=VALUE"
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn own() -> String {
        serde_json::to_string(&Manifest::new("ingest", "ingest", "0.1.0")).expect("plain data")
    }

    #[test]
    fn the_manifest_is_found_among_other_output() {
        let own = own();
        let other = r#"{"schema":7,"table":"a"}"#;
        let table = [
            (own.clone(), true),
            (format!("{own}\n"), true),
            (format!("starting\n{{\"level\":\"info\"}}\n{other}\n{own}\nbye\n"), true),
            (format!("no line break before {own}and none after"), true),
            (own.replace(',', ",\n "), true),
            (format!("{{\"schema\":1,\n{own}"), true),
            (other.to_owned(), false),
            (r#"{"schema":"1","immortal":"0.1.0"}"#.to_owned(), false),
            (own[..own.len() - 1].to_owned(), false),
            (String::new(), false),
        ];
        for (stdout, found) in table {
            let handler = manifest(stdout.as_bytes()).map(|manifest| manifest["handler"].clone());
            assert_eq!(handler, found.then(|| "ingest".into()), "{stdout}");
        }
    }

    #[test]
    fn another_schema_asks_for_the_same_version() {
        let own = manifest(own().as_bytes()).expect("its own");
        assert_eq!(read(own.clone(), "t/ingest").expect("its own").handler.as_deref(), Some("ingest"));
        let table = [
            (
                r#"{"schema":2,"immortal":"9.0.0"}"#,
                "t/ingest has a manifest of schema 2, and this cargo-immortal reads 1",
            ),
            (r#"{"schema":1,"immortal":"9.0.0"}"#, "t/ingest has a manifest that can't be read"),
        ];
        for (stdout, expected) in table {
            let error = read(manifest(stdout.as_bytes()).expect("one"), "t/ingest").expect_err("another version's");
            assert!(error.starts_with(expected) && error.contains("use the same version"), "{error}");
        }
    }

    #[test]
    fn without_a_manifest_its_own_last_lines_are_shown() {
        let answer = |stdout: &str, stderr: &str, status: Option<i32>| DescribeAnswer {
            stdout: stdout.into(),
            stderr: stderr.into(),
            status: status.map(ExitStatus::from_raw),
        };
        let many = (0..20).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n\n");
        let table = [
            (
                answer("x", "PREFIX must be set\n", Some(101 << 8)),
                "exit status: 101; what it said last:\n  | PREFIX must be set\nput ",
            ),
            (answer("hello\n", "", Some(0)), "exit status: 0; what it said last:\n  | hello\nput "),
            (answer("", "", None), "it was still running after 20 s and said nothing; put "),
            (answer("", &many, Some(9)), "signal: 9 (SIGKILL); what it said last:\n  | line 10\n  | line 11\n"),
        ];
        for (answer, expected) in table {
            let message = undescribed("t/tool", &answer);
            assert!(message.starts_with("t/tool printed no manifest") && message.contains(expected), "{message}");
        }
    }
}
