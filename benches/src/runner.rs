//! The runner: the time from the process's start until the handler has the event, compared with a shell script that
//! does the same.

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
    curl,
    function::{EVENT, FunctionProcess},
    programs::ReleasePrograms,
    sizes::zip_of,
    table::{FigureRow, RatioBound, median},
};

const ROUNDS: usize = 9;
const NAME: &str = "probe";
/// The rate of one connection in bytes per second, as S3 limits it.
const PACE: u32 = 60_000_000;
/// The baseline: download, inflate, exec, without checking the hash, the size or the entries of the zip. The faster of
/// two ways to inflate counts.
const BASELINES: [&str; 2] = [
    r#"curl -sSf -o "$1/zip" "$2" && unzip -q "$1/zip" -d "$1/task" && exec "$1/task/bootstrap""#,
    r#"curl -sSf -o "$1/zip" "$2" && python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])' "$1/zip" "$1/task" && chmod 755 "$1/task/bootstrap" && exec "$1/task/bootstrap""#,
];

pub(crate) async fn measure(programs: &ReleasePrograms) -> Result<Vec<FigureRow>> {
    let mut rows = Vec::new();
    let cases = [(1, None, 1.0), (10, None, 1.0), (50, None, 1.0), (50, Some(PACE), 0.8)];
    for (megabytes, pace, bound) in cases {
        let bench = RunnerBench::new(programs, megabytes, pace).await?;
        let mut times = [vec![], vec![], vec![]];
        for _ in 0..ROUNDS {
            times[0].push(bench.measure_runner(programs).await?.0);
            times[1].push(bench.measure_baseline(BASELINES[0]).await?);
            times[2].push(bench.measure_baseline(BASELINES[1]).await?);
        }
        let [ours, unzip, python] = times.map(|times| median(times) * 1e3);
        eprintln!(
            "{megabytes} MB, {pace:?}: runner {ours:.1} ms, curl + unzip {unzip:.1} ms, curl + zlib {python:.1} ms"
        );
        let mut figure = format!("runner, start → the handler has the event, {megabytes} MB zip");
        let mut baseline = "ms, `curl`, inflate, exec".to_owned();
        if let Some(pace) = pace {
            figure = format!("{figure}, each connection at {} MB/s", pace / 1_000_000);
            baseline.push_str(" on one connection");
        }
        rows.push(FigureRow::new(&figure, (ours, "ms"), (unzip.min(python), &baseline), RatioBound::AtMost(bound)));
    }
    Ok(rows)
}

/// A function with a zip of a given size on the emulator, and the listener to which its handler connects.
pub(crate) struct RunnerBench {
    emulator: Emulator,
    arn: String,
    listener: TcpListener,
}

impl RunnerBench {
    pub(crate) async fn new(programs: &ReleasePrograms, megabytes: usize, pace: Option<u32>) -> Result<Self> {
        let emulator = Emulator::start(EmulatorOptions::default()).await?;
        if let Some(pace) = pace {
            emulator.inject(Fault {
                operation: "Download",
                kind: FaultKind::RateLimited(pace),
                calls: FaultedCalls::All,
            });
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let zip = package_of_size(std::fs::read(programs.probe()?)?, megabytes)?;
        let arn = emulator.deploy(immortal_emulator::Function {
            environment: [("FIGURES_PROBE".to_owned(), listener.local_addr()?.to_string())].into(),
            ..immortal_emulator::Function::new(NAME, zip)
        })?;
        Ok(Self { emulator, arn, listener })
    }

    /// Returns the seconds until the handler has the event, and the runner's peak memory until then in bytes.
    pub(crate) async fn measure_runner(&self, programs: &ReleasePrograms) -> Result<(f64, f64)> {
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
        let (taken, connection) = self.handler_connection(begin).await?;
        let memory = peak_memory(&runner);
        drop(connection);
        let end = timeout(Duration::from_mins(1), runner.wait_with_output()).await??;
        ensure!(end.status.success(), "the runner failed: {}", String::from_utf8_lossy(&end.stderr));
        Ok((taken, memory?))
    }

    async fn measure_baseline(&self, script: &str) -> Result<f64> {
        let root: TempDir = tempfile::tempdir()?;
        let url = self.presigned_url().await?;
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(root.path()).arg(url);
        let probe = [("FIGURES_PROBE".to_owned(), self.listener.local_addr()?.to_string())];
        let begin = Instant::now();
        let mut function = FunctionProcess::start(command, &probe).await?;
        let taken = async { self.handler_connection(begin).await.map(|(taken, _)| taken) };
        let (answered, taken) = tokio::join!(function.invoke(EVENT), taken);
        answered?;
        taken
    }

    /// Waits for the handler's connection. The handler waits until it is closed.
    async fn handler_connection(&self, begin: Instant) -> Result<(f64, TcpStream)> {
        let accepted = timeout(Duration::from_mins(1), self.listener.accept()).await;
        let (connection, _) = accepted.context("the handler never received the event")??;
        Ok((begin.elapsed().as_secs_f64(), connection))
    }

    /// A new presigned URL of the code.
    async fn presigned_url(&self) -> Result<String> {
        let url = format!("{}/2015-03-31/functions/{NAME}", self.emulator.endpoint());
        let output = curl::signed().arg(&url).output().await?;
        let function: Value = serde_json::from_slice(&output.stdout).context("GetFunction returned no valid JSON")?;
        Ok(function["Code"]["Location"].as_str().context("GetFunction returned no code location")?.to_owned())
    }
}

/// A zip of this size: the program, and files of a megabyte that deflate to 44 %.
fn package_of_size(program: Vec<u8>, megabytes: usize) -> Result<Vec<u8>> {
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

/// The peak of a process's resident memory so far, in bytes.
fn peak_memory(process: &Child) -> Result<f64> {
    let id = process.id().context("the process has already ended")?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(peak.context("/proc has no VmHWM for the process")? * 1024.0)
}
