//! AWS's services on loopback, as far as a test says what they answer: for what neither the emulator nor moto does.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

type Answers = BTreeMap<String, Vec<(u16, String)>>;

/// The server; it ends with the test's process.
pub(crate) struct ScriptedAws {
    endpoint: String,
    /// Each with its body.
    calls: Arc<Mutex<Vec<(String, String)>>>,
}

/// An error as the query services of AWS write it.
pub(crate) fn query_error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    )
}

impl ScriptedAws {
    /// Answers each call with its status and body: the first time with the first of its name, and so on; the last one stays.
    /// A call is named by its action, or by method and path where it has none. What has no answer is not there.
    pub(crate) fn start(answers: &[(&str, u16, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let mut by_call = Answers::new();
        for (call, status, body) in answers {
            by_call.entry((*call).to_owned()).or_default().push((*status, body.clone()));
        }
        let (answers, calls) = (Arc::new(Mutex::new(by_call)), Arc::new(Mutex::new(Vec::new())));
        let seen = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, seen) = (Arc::clone(&answers), Arc::clone(&seen));
                thread::spawn(move || serve(stream, &answers, &seen));
            }
        });
        Self { endpoint, calls }
    }

    /// Points a command to it.
    pub(crate) fn serves<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "none")
            .env("AWS_SECRET_ACCESS_KEY", "none")
            .env_remove("AWS_PROFILE")
    }

    /// How often a call was made.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls.lock().expect("no test panics here").iter().filter(|(made, _)| made == call).count()
    }

    /// The body of the first call of a name.
    pub(crate) fn body(&self, call: &str) -> String {
        let calls = self.calls.lock().expect("no test panics here");
        let body = calls.iter().find(|(made, _)| made == call).map(|(_, body)| body.clone());
        body.unwrap_or_else(|| panic!("{call} was not called"))
    }
}

fn serve(mut stream: TcpStream, answers: &Mutex<Answers>, seen: &Mutex<Vec<(String, String)>>) {
    let Some((call, body)) = read(&stream) else { return };
    seen.lock().expect("no test panics here").push((call.clone(), body));
    let mut answers = answers.lock().expect("no test panics here");
    let (status, body) = match answers.get_mut(&call) {
        Some(rest) if rest.len() > 1 => rest.remove(0),
        Some(rest) => rest[0].clone(),
        None => (404, String::new()),
    };
    // A HEAD has no body.
    let body = if call.starts_with("HEAD ") { "" } else { &body };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    // Whoever asked may be gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

/// Reads a request; returns what it calls, and its body.
fn read(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut target, mut waits) = (0, None, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "x-amz-target" => target = value.trim().rsplit('.').next().map(str::to_owned),
            "expect" => waits = true,
            _ => {}
        }
    }
    if waits {
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let text = String::from_utf8_lossy(&body).into_owned();
    let action = text.split('&').find_map(|field| field.strip_prefix("Action=")).map(str::to_owned);
    let path = path.split('?').next().unwrap_or_default().to_owned();
    Some((target.or(action).unwrap_or_else(|| format!("{method} {path}")), text))
}
