//! `hello` as it is deployed, on the emulator: its dispatcher is the real one, and its tasks are what a test says.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cargo_metadata::Message;
use immortal_emulator::{
    ACCOUNT, Emulator, EmulatorOptions, EntryKind, EntrySource, FailureTarget, Function, JournalEntry, Queue, REGION,
    RedrivePolicy, RuleTarget, TaskDefinition, TaskRule,
};

use super::canned::{CannedService, figure, stack};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// How long anything may take before a test says that it hangs.
const TEST_TIMEOUT: Duration = Duration::from_mins(2);

/// Stands in for the runner's image: fails as long as the handler is broken, hangs if the event says so, and does its work once
/// it is fixed. It writes what it is about to do.
const TASK: &str = r#"
    [ -e "$BROKEN" ] || exit 0
    case $AWS_LAMBDA_FUNCTION_EVENT in
        *hangs*) trap "exit 143" TERM; echo hanging; sleep 100 & wait; exit 143 ;;
        *) exit 1 ;;
    esac"#;

/// The deployment.
pub(crate) struct Deployed {
    pub(crate) emulator: Emulator,
    pub(crate) mapping: String,
    cloudformation: CannedService,
    cloudwatch: CannedService,
    directory: tempfile::TempDir,
}

impl Deployed {
    pub(crate) async fn start() -> Self {
        let emulator = Emulator::start(EmulatorOptions::default()).await.expect("loopback");
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::write(directory.path().join("broken"), "").expect("a small file");
        emulator.create_queue(Queue::new("hello-dead-letters"));
        let failures = emulator.create_queue(Queue {
            visibility_timeout: Duration::from_mins(6),
            retention: Duration::from_hours(14 * 24),
            redrive: Some(RedrivePolicy { dead_letter_queue: "hello-dead-letters".into(), max_receive_count: 1_000 }),
            ..Queue::new("hello-failures")
        });
        emulator.create_cluster("jobs", &["FARGATE", "FARGATE_SPOT"]);
        let task = TaskDefinition::new("hello", ["/bin/sh", "-c", TASK]);
        let mut task = TaskDefinition { container: "runner".to_owned(), ..task };
        let broken = directory.path().join("broken").to_string_lossy().into_owned();
        task.environment.insert("BROKEN".to_owned(), broken);
        let task = emulator.register_task_definition(task);
        emulator.deploy(primary("hello", &emulator)).expect("a sound function");
        let mut environment = function_environment(&emulator);
        let dead_letters_url = format!("{}/{ACCOUNT}/hello-dead-letters", emulator.endpoint());
        let function = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello");
        let variables = [
            ("IMMORTAL_ROLE", "dispatcher"),
            ("IMMORTAL_FUNCTION", function.as_str()),
            ("IMMORTAL_RUNNER", task.as_str()),
            ("IMMORTAL_CONTAINER", "runner"),
            ("IMMORTAL_CLUSTER", "jobs"),
            ("IMMORTAL_SUBNETS", "subnet-0a"),
            ("IMMORTAL_DEAD_LETTER_QUEUE", dead_letters_url.as_str()),
        ];
        environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let timeout = Duration::from_mins(1);
        let dispatcher = Function { timeout, environment, ..Function::new("helloDlq", package()) };
        emulator.deploy(dispatcher).expect("a sound function");
        emulator.put_task_rule(TaskRule {
            family: Some("hello".into()),
            last_status: vec!["STOPPED".into()],
            target: RuleTarget::Queue(failures.clone()),
        });
        let mapping = emulator.map_queue("hello-failures", "helloDlq", 10).expect("both exist");
        let url = |name: &str| format!("{}/{ACCOUNT}/{name}", emulator.endpoint());
        let resources = [
            ("Primary", "AWS::Lambda::Function", "hello".to_owned()),
            ("Dispatcher", "AWS::Lambda::Function", "helloDlq".to_owned()),
            ("FailureQueue", "AWS::SQS::Queue", url("hello-failures")),
            ("DeadLetterQueue", "AWS::SQS::Queue", url("hello-dead-letters")),
            ("FailureMapping", "AWS::Lambda::EventSourceMapping", mapping.clone()),
        ];
        let cloudformation = CannedService::start(move |_, _| stack(&resources));
        let cloudwatch = CannedService::start(|_, _| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            figure(now.as_secs_f64().floor(), 11_400.0)
        });
        Self { emulator, mapping, cloudformation, cloudwatch, directory }
    }

    /// A function whose failures go to the failure queue.
    pub(crate) fn primary(&self, name: &str) -> Function {
        primary(name, &self.emulator)
    }

    /// Deploys a handler that no longer fails.
    pub(crate) fn deploy_fix(&self) {
        fs::remove_file(self.directory.path().join("broken")).expect("it was broken");
    }

    /// Puts what Lambda writes of a failed invocation into the failure queue.
    pub(crate) fn fail(&self, request_id: &str, event: &str) {
        let record = format!(
            r#"{{"version":"1.0","timestamp":"2026-01-01T00:00:00.000Z","requestContext":{{"requestId":"{request_id}","functionArn":"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":1}},"requestPayload":{event},"responseContext":{{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"}},"responsePayload":{{"errorMessage":"Task timed out after 3.00 seconds","errorType":"Sandbox.Timedout"}}}}"#
        );
        self.emulator.send_message("hello-failures", record, BTreeMap::new()).expect("the queue exists");
    }

    /// Waits for something, and says what happened instead where it doesn't come.
    pub(crate) async fn until<T>(&self, what: &str, pick: impl FnMut(&JournalEntry) -> Option<T>) -> T {
        let waited = tokio::time::timeout(TEST_TIMEOUT, self.emulator.wait_for(pick)).await;
        waited.unwrap_or_else(|_| panic!("{what} never came:\n{:#?}", self.emulator.journal()))
    }

    /// Waits until so many dead letters lie in their queue.
    pub(crate) async fn dead_letters(&self, count: usize) {
        let is_there = |entry: &JournalEntry| {
            let is_dead = matches!(&entry.source, EntrySource::Queue { name } if name == "hello-dead-letters");
            (is_dead && self.emulator.messages("hello-dead-letters").len() >= count).then_some(())
        };
        self.until("a dead letter", is_there).await;
    }

    /// Waits until the task of this request hangs: its ARN.
    pub(crate) async fn hanging(&self, request_id: &str) -> String {
        let hangs = |entry: &JournalEntry| match (&entry.source, &entry.kind) {
            (EntrySource::Task { arn, started_by }, EntryKind::Log { line, .. }) => {
                (started_by.as_deref() == Some(request_id) && line == "hanging").then(|| arn.clone())
            }
            _ => None,
        };
        self.until("a hanging task", hangs).await
    }

    /// Waits until a task of this request succeeded.
    pub(crate) async fn succeeded(&self, request_id: &str) {
        let is_done = |entry: &JournalEntry| match (&entry.source, &entry.kind) {
            (EntrySource::Task { started_by, .. }, EntryKind::TaskStopped { exit_code: Some(0), .. }) => {
                (started_by.as_deref() == Some(request_id)).then_some(())
            }
            _ => None,
        };
        self.until("a success", is_done).await;
    }

    /// The command, in the example's directory, with nothing of this machine's configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = plain_command(arguments);
        command.envs(self.emulator.environment());
        command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", self.cloudformation.endpoint());
        command.env("AWS_ENDPOINT_URL_CLOUDWATCH", self.cloudwatch.endpoint());
        command
    }

    /// Runs it to its end: the exit code, and what it wrote to standard output and standard error.
    pub(crate) async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.command(arguments);
        output_text(tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs"))
    }
}

/// What a function needs to call the emulator; Lambda sets the other variables.
fn function_environment(emulator: &Emulator) -> BTreeMap<String, String> {
    emulator.environment().into_iter().filter(|(name, _)| name == "AWS_ENDPOINT_URL").collect()
}

fn primary(name: &str, emulator: &Emulator) -> Function {
    let failures = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:hello-failures");
    Function {
        on_failure: Some(FailureTarget::OnFailure(failures)),
        retries: 0,
        environment: function_environment(emulator),
        ..Function::new(name, package())
    }
}

/// The command without any configuration of AWS's.
pub(crate) fn plain_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-immortal"));
    command.arg("immortal").args(arguments).current_dir(PathBuf::from(WORKSPACE).join("examples/hello"));
    command.env_clear().stdin(Stdio::null());
    // What cargo needs to say which package this is.
    for name in ["PATH", "HOME", "CARGO", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
        .env("AWS_CONFIG_FILE", "/nonexistent/config")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials");
    command
}

pub(crate) fn output_text(output: Output) -> (i32, String, String) {
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.code().expect("it was not killed"), stdout, stderr)
}

/// The package of `hello`, with all roles: built as `cargo immortal local` builds it.
fn package() -> Vec<u8> {
    static PACKAGE: OnceLock<Vec<u8>> = OnceLock::new();
    let zip = || {
        let code = fs::read(binary()).expect("it was just built");
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755).compression_level(Some(1));
        zip.start_file("bootstrap", options).expect("writing to memory");
        zip.write_all(&code).expect("writing to memory");
        zip.finish().expect("writing to memory").into_inner()
    };
    PACKAGE.get_or_init(zip).clone()
}

fn binary() -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "rustc",
        "--quiet",
        "--message-format=json-render-diagnostics",
        "--package",
        "hello",
        "--bin",
        "hello",
    ]);
    cargo.args(["--", "-C", "strip=debuginfo"]).current_dir(WORKSPACE);
    // Build scripts that watch what Cargo told this test of its own package would run again, and all that depends on them.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
            cargo.env_remove(name);
        }
    }
    let output = cargo.stderr(Stdio::inherit()).output().expect("cargo runs this test, so it is there");
    assert!(output.status.success(), "hello doesn't build");
    let executable = |message: std::io::Result<Message>| match message.expect("cargo speaks JSON") {
        Message::CompilerArtifact(artifact) if artifact.target.name == "hello" => artifact.executable,
        _ => None,
    };
    Message::parse_stream(&*output.stdout).find_map(executable).expect("an executable").into()
}
