//! A request to the Runtime API over a separate connection, without an async runtime.
//!
//! `lambda_runtime` has no call for these: a start that failed, and an event that is handed over while the handler may
//! hold every thread of the runtime.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use lambda_runtime::Diagnostic;
use serde::Serialize;

use crate::names::{env, header, path};

/// The timeout of each step of a request; the Runtime API is on the same host.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// The body of an error report to the Runtime API.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorReport<'a> {
    error_message: &'a str,
    error_type: &'a str,
    stack_trace: [&'a str; 0],
}

/// Reports that the function can't start.
pub(crate) fn init_error(diagnostic: &Diagnostic) -> io::Result<()> {
    error(path::INIT_ERROR, &diagnostic.error_type, &diagnostic.error_message, &[])
}

/// Posts an error to a path of the Runtime API, and waits until it is accepted.
pub(crate) fn error(path: &str, error_type: &str, message: &str, headers: &[(&str, &str)]) -> io::Result<()> {
    let api = std::env::var(env::RUNTIME_API).map_err(io::Error::other)?;
    let (host, base) = origin(&api);
    let body = serde_json::to_vec(&ErrorReport { error_message: message, error_type, stack_trace: [] })?;
    let error_type: String = error_type.chars().map(|char| if char.is_ascii_graphic() { char } else { '_' }).collect();
    let mut request = format!(
        "POST {base}{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{}: {error_type}\r\n",
        body.len(),
        header::ERROR_TYPE
    );
    for (name, value) in headers {
        request.push_str(name);
        request.push_str(": ");
        request.push_str(value);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    let mut request = request.into_bytes();
    request.extend(body);
    match exchange(host, &request)? {
        200..=299 => Ok(()),
        status => Err(io::Error::other(format!("the Runtime API answered {status} to {path}"))),
    }
}

/// Host and base path: Lambda names a bare `host:port`, but `lambda_runtime` takes a scheme and a path too, and local
/// tools use that.
fn origin(api: &str) -> (&str, &str) {
    let api = api.strip_prefix("http://").unwrap_or(api);
    let (host, base) = api.split_at(api.find('/').unwrap_or(api.len()));
    (host, base.trim_end_matches('/'))
}

/// Sends a request and reads the answer's status.
fn exchange(host: &str, request: &[u8]) -> io::Result<u16> {
    let mut stream = connect(host)?;
    stream.set_write_timeout(Some(STEP_TIMEOUT))?;
    stream.set_read_timeout(Some(STEP_TIMEOUT))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 512];
    loop {
        if let Some(status) = status(&answer) {
            return Ok(status);
        }
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => answer.extend_from_slice(&chunk[..read]),
        }
    }
}

fn connect(host: &str) -> io::Result<TcpStream> {
    let with_port = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut last = io::Error::other(format!("{host} is not a valid address"));
    for address in with_port.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, STEP_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The status in the first line of a response, once the line is complete.
fn status(answer: &[u8]) -> Option<u16> {
    let end = answer.windows(2).position(|pair| pair == b"\r\n")?;
    let line = std::str::from_utf8(&answer[..end]).ok()?;
    line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_runtime_api_may_have_a_scheme_and_a_base_path() {
        let table = [
            ("127.0.0.1:9001", ("127.0.0.1:9001", "")),
            ("http://127.0.0.1:9001/", ("127.0.0.1:9001", "")),
            ("http://[::1]:9000/.rt", ("[::1]:9000", "/.rt")),
            ("localhost/a/b/", ("localhost", "/a/b")),
        ];
        for (api, expected) in table {
            assert_eq!(origin(api), expected, "{api}");
        }
    }

    #[test]
    fn the_status_is_read_from_a_whole_line() {
        let table: &[(&str, Option<u16>)] = &[
            ("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", Some(202)),
            ("HTTP/1.0 403\r\n", Some(403)),
            ("HTTP/1.1 202 Acc", None),
            ("HTTP/1.1 20\r\n", None),
            ("", None),
        ];
        for (answer, expected) in table {
            assert_eq!(status(answer.as_bytes()), *expected, "{answer:?}");
        }
    }

    #[test]
    fn an_answer_in_pieces_is_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let host = listener.local_addr().expect("bound").to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut request = [0; 5];
            stream.read_exact(&mut request).expect("a request");
            for piece in ["HTTP/1.", "1 202 Acce", "pted\r\n\r\n"] {
                stream.write_all(piece.as_bytes()).expect("a client that reads");
            }
            request
        });
        assert_eq!(exchange(&host, b"hello").expect("an answer"), 202);
        assert_eq!(&server.join().expect("no panic"), b"hello");
    }

    #[test]
    fn a_closed_connection_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let host = listener.local_addr().expect("bound").to_string();
        let server = std::thread::spawn(move || drop(listener.accept()));
        assert!(exchange(&host, b"hello").is_err());
        server.join().expect("no panic");
    }
}
