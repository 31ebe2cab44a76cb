//! The runner: from the process's start until the handler has the event, against the same by hand.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use immortal_emulator::{Emulator, EmulatorOptions, Fault, FaultKind, FaultedCalls};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::timeout,
};

use crate::{
    dispatcher::SIGNED,
    function::{EVENT, Function},
    programs::Programs,
    sizes::zip_of,
    table::{Reach, Row, median},
};

const ROUNDS: usize = 9;
const NAME: &str = "probe";
/// Bytes a second of one connection, as S3 paces it.
const PACE: u32 = 60_000_000;
/// The floor: download, inflate, exec, without a hash, a budget or a look at what is in the zip. The faster of two ways
/// to inflate counts.
const FLOORS: [&str; 2] = [
    r#"curl -sSf -o "$1/zip" "$2" && unzip -q "$1/zip" -d "$1/task" && exec "$1/task/bootstrap""#,
    r#"curl -sSf -o "$1/zip" "$2" && python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])' "$1/zip" "$1/task" && chmod 755 "$1/task/bootstrap" && exec "$1/task/bootstrap""#,
];

pub(crate) async fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let cases = [(1, None, 1.0), (10, None, 1.0), (50, None, 1.0), (50, Some(PACE), 0.8)];
    for (megabytes, pace, bound) in cases {
        let bench = Bench::new(programs, megabytes, pace).await?;
        let mut times = [vec![], vec![], vec![]];
        for _ in 0..ROUNDS {
            times[0].push(bench.runner(programs).await?.0);
            times[1].push(bench.floor(FLOORS[0]).await?);
            times[2].push(bench.floor(FLOORS[1]).await?);
        }
        let [ours, unzip, python] = times.map(|times| median(times) * 1e3);
        eprintln!(
            "{megabytes} MB, {pace:?}: runner {ours:.1} ms, curl + unzip {unzip:.1} ms, curl + zlib {python:.1} ms"
        );
        let mut figure = format!("runner, start → the handler has the event, {megabytes} MB zip");
        let mut floor = "ms, `curl`, inflate, exec".to_owned();
        if let Some(pace) = pace {
            figure = format!("{figure}, each connection at {} MB/s", pace / 1_000_000);
            floor.push_str(" on one connection");
        }
        rows.push(Row::new(&figure, (ours, "ms"), (unzip.min(python), &floor), Reach::AtMost(bound)));
    }
    Ok(rows)
}

/// A function's code of some size on the emulator, and a door at which its handler knocks.
pub(crate) struct Bench {
    emulator: Emulator,
    arn: String,
    door: TcpListener,
}

impl Bench {
    pub(crate) async fn new(programs: &Programs, megabytes: usize, pace: Option<u32>) -> Result<Self> {
        let emulator = Emulator::start(EmulatorOptions::default()).await?;
        if let Some(pace) = pace {
            emulator.inject(Fault {
                operation: "Download",
                kind: FaultKind::RateLimited(pace),
                calls: FaultedCalls::All,
            });
        }
        let door = TcpListener::bind("127.0.0.1:0").await?;
        let zip = package(std::fs::read(programs.probe()?)?, megabytes)?;
        let arn = emulator.deploy(immortal_emulator::Function {
            environment: [("FIGURES_PROBE".to_owned(), door.local_addr()?.to_string())].into(),
            ..immortal_emulator::Function::new(NAME, zip)
        })?;
        Ok(Self { emulator, arn, door })
    }

    /// Seconds until the handler has the event, and the most memory that the runner itself had until that moment, in
    /// bytes.
    pub(crate) async fn runner(&self, programs: &Programs) -> Result<(f64, f64)> {
        let root = tempfile::tempdir()?;
        let context = format!(
            r#"{{"awsRequestId":"5e0b7e6c-5a3c-4f0e-8d0e-1f2a3b4c5d6e","functionName":"{NAME}","functionVersion":"$LATEST","invokedFunctionArn":"{}","memoryLimitInMB":"512","logGroupName":"","logStreamName":""}}"#,
            self.arn
        );
        let mut command = Command::new(programs.all()?);
        command
            .env_clear()
            .envs(self.emulator.environment())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("IMMORTAL_ROLE", "runner")
            .env("AWS_LAMBDA_FUNCTION_EVENT", EVENT)
            .env("AWS_LAMBDA_FUNCTION_CONTEXT", context)
            .env("IMMORTAL_ATTEMPT", "1")
            .env("LAMBDA_TASK_ROOT", root.path().join("task"))
            .env("IMMORTAL_LAYER_ROOT", root.path().join("opt"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true);
        let begin = Instant::now();
        let runner = command.spawn()?;
        let (taken, visitor) = self.knock(begin).await?;
        let memory = peak_memory(&runner);
        drop(visitor);
        let end = timeout(Duration::from_mins(1), runner.wait_with_output()).await??;
        ensure!(end.status.success(), "the runner fails: {}", String::from_utf8_lossy(&end.stderr));
        Ok((taken, memory?))
    }

    async fn floor(&self, script: &str) -> Result<f64> {
        let root: TempDir = tempfile::tempdir()?;
        let url = self.location().await?;
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(root.path()).arg(url);
        let probe = [("FIGURES_PROBE".to_owned(), self.door.local_addr()?.to_string())];
        let begin = Instant::now();
        let mut function = Function::start(command, &probe).await?;
        let taken = async { self.knock(begin).await.map(|(taken, _)| taken) };
        let (answered, taken) = tokio::join!(function.invoke(EVENT), taken);
        answered?;
        taken
    }

    /// The handler at the door, which stays there until it is let go.
    async fn knock(&self, begin: Instant) -> Result<(f64, TcpStream)> {
        let knock = timeout(Duration::from_mins(1), self.door.accept()).await;
        let (visitor, _) = knock.context("the handler never had the event")??;
        Ok((begin.elapsed().as_secs_f64(), visitor))
    }

    /// A fresh address of the code.
    async fn location(&self) -> Result<String> {
        let url = format!("{}/2015-03-31/functions/{NAME}", self.emulator.endpoint());
        let curl = Command::new("curl").args(["-sSf", "--header", SIGNED, &url]).output().await?;
        let function: Value = serde_json::from_slice(&curl.stdout).context("no GetFunction")?;
        Ok(function["Code"]["Location"].as_str().context("no address")?.to_owned())
    }
}

/// The program, and data that shrinks to 44 % in files of a megabyte, until the zip has its size.
fn package(program: Vec<u8>, megabytes: usize) -> Result<Vec<u8>> {
    let mut files = vec![("bootstrap".to_owned(), program)];
    let with = |files: &[(String, Vec<u8>)]| {
        let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
        zip_of(&files)
    };
    let left = (megabytes * 1_000_000).saturating_sub(with(&files)?.len());
    let mut random = fastrand::Rng::with_seed(8);
    let words: Vec<[u8; 8]> = std::iter::repeat_with(|| random.u64(..).to_le_bytes()).take(512).collect();
    let mut unpacked = left * 9 / 4;
    while unpacked > 0 {
        let size = unpacked.min(1_000_000);
        let mut data = Vec::with_capacity(size + 8);
        while data.len() < size {
            let word = if random.u8(..) < 60 { random.u64(..).to_le_bytes() } else { words[random.usize(..512)] };
            data.extend(word);
        }
        data.truncate(size);
        files.push((format!("data/{}", files.len()), data));
        unpacked -= size;
    }
    let zip = with(&files)?;
    eprintln!("a zip of {:.1} MB, of {} files", zip.len() as f64 / 1e6, files.len());
    Ok(zip)
}

/// The most resident memory that a process had so far, in bytes.
fn peak_memory(process: &Child) -> Result<f64> {
    let id = process.id().context("it still runs")?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(peak.context("no VmHWM in its status")? * 1024.0)
}
