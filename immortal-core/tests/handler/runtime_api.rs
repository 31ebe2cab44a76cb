//! A Runtime API for one test, and the test itself as the function.

use std::{
    cell::Cell,
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

/// Set in the process that is the function; it holds the name of its test.
const FUNCTION: &str = "IMMORTAL_TEST_FUNCTION";

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Whether this process is the function of that test.
pub(crate) fn is_function(test: &str) -> bool {
    env::var(FUNCTION).is_ok_and(|name| name == test)
}

/// Starts this very test as the function, with a Runtime API that gives each event this much time.
pub(crate) fn start(test: &str, more: &[(&str, &str)], time: Duration) -> (Function, RuntimeApi) {
    start_with(test, more, time, Stdio::null())
}

/// As [`start`], with a standard error whose reader is gone.
pub(crate) fn start_unread(test: &str, time: Duration) -> (Function, RuntimeApi) {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    start_with(test, &[], time, writer.into())
}

fn start_with(test: &str, more: &[(&str, &str)], time: Duration, stderr: Stdio) -> (Function, RuntimeApi) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    let (events, queue) = channel();
    let (requests, seen) = channel();
    let refuses = Arc::<AtomicBool>::default();
    let refuses_posts = Arc::clone(&refuses);
    thread::spawn(move || serve(&listener, queue, &requests, &Answers { time, refuses_posts }));
    let function = Command::new(env::current_exe().expect("a test knows its path"))
        .args(["--exact", test, "--nocapture"])
        .env(FUNCTION, test)
        .env("RUST_BACKTRACE", "0")
        .env("IMMORTAL_ROLE", "handler")
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .env("AWS_LAMBDA_FUNCTION_NAME", "ingest")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .envs(more.iter().copied())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .expect("a test can be run");
    (Function(function), RuntimeApi { events, given: Cell::new(0), seen, refuses_posts: refuses })
}

/// The function's process, which never outlives its test.
pub(crate) struct Function(Child);

impl Function {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until it ends by itself.
    pub(crate) fn code(mut self) -> Option<i32> {
        self.0.wait().expect("a child").code()
    }

    /// Waits so long until it ends by itself; one that goes on is `None`, as one that was killed.
    pub(crate) fn code_within(mut self, patience: Duration) -> Option<i32> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status.code();
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Ends it, which must still be running.
    pub(crate) fn end(mut self) {
        assert!(self.0.try_wait().expect("a child").is_none(), "it ended by itself");
        self.0.kill().expect("it still runs");
        self.0.wait().expect("a child");
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct RuntimeApi {
    events: Sender<(usize, Value)>,
    given: Cell<usize>,
    pub(crate) seen: Receiver<Request>,
    refuses_posts: Arc<AtomicBool>,
}

/// How the Runtime API answers.
#[derive(Clone)]
struct Answers {
    time: Duration,
    refuses_posts: Arc<AtomicBool>,
}

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl RuntimeApi {
    /// Answers every post with an error from now on.
    pub(crate) fn refuse_posts(&self) {
        self.refuses_posts.store(true, Ordering::SeqCst);
    }

    /// Waits for `/next`, and answers it.
    pub(crate) fn expect_next(&self, event: &Value) {
        self.given.set(self.given.get() + 1);
        self.events.send((self.given.get(), event.clone())).expect("the server runs");
        self.expect("/2018-06-01/runtime/invocation/next");
    }

    pub(crate) fn expect_post(&self, path: &str) -> Request {
        self.expect(path)
    }

    pub(crate) fn expect(&self, path: &str) -> Request {
        let request = self.seen.recv_timeout(PATIENCE).expect("a request");
        assert_eq!(request.path, path, "{request:?}");
        request
    }

    /// Of a function that has ended: what it sent is here, but for the `/next` that it may have begun.
    pub(crate) fn expect_nothing_more(&self) {
        let more: Vec<_> = self.seen.try_iter().filter(|request| !request.path.ends_with("/next")).collect();
        assert!(more.is_empty(), "{more:?}");
    }
}

fn serve(listener: &TcpListener, events: Receiver<(usize, Value)>, requests: &Sender<Request>, answers: &Answers) {
    let events = Arc::new(Mutex::new(events));
    for stream in listener.incoming().map_while(Result::ok) {
        let (events, requests, answers) = (Arc::clone(&events), requests.clone(), answers.clone());
        thread::spawn(move || connection(stream, &events, &requests, &answers));
    }
}

fn connection(
    stream: TcpStream,
    events: &Mutex<Receiver<(usize, Value)>>,
    requests: &Sender<Request>,
    answers: &Answers,
) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    let mut writer = stream;
    while let Some(request) = read(&mut reader) {
        let next = request.path.ends_with("/next");
        let answer = if next {
            let Ok((number, event)) = events.lock().expect("no panic").recv() else { return };
            let deadline =
                (SystemTime::now() + answers.time).duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
            let event = event.to_string();
            format!(
                "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: r-{number}\r\nlambda-runtime-deadline-ms: \
                 {deadline}\r\nlambda-runtime-invoked-function-arn: \
                 arn:aws:lambda:eu-central-1:123456789012:function:ingest\r\nlambda-runtime-invocation-id: \
                 i-{number}\r\nlambda-runtime-client-context: {{\"custom\":{{\"a\":\"b\"}}}}\r\ncontent-length: \
                 {}\r\n\r\n{event}",
                event.len()
            )
        } else if answers.refuses_posts.load(Ordering::SeqCst) {
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else {
            "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned()
        };
        if requests.send(request).is_err() || writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap_or(0))];
    reader.read_exact(&mut body).ok()?;
    Some(Request { path, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}
