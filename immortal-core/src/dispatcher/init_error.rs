//! The one call that a process makes which can't even start: telling Lambda why.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InitError<'a> {
    error_type: &'a str,
    error_message: &'a str,
}

/// Posts an init error to the Runtime API at `host:port`, and waits for its answer, as the process ends with it.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror>.
pub(super) fn report(api: &str, error_type: &str, error_message: &str) -> io::Result<()> {
    let body = serde_json::to_string(&InitError { error_type, error_message })?;
    let address = api.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("no address"))?;
    let bound = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, bound)?;
    stream.set_read_timeout(Some(bound))?;
    stream.set_write_timeout(Some(bound))?;
    write!(
        stream,
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: {api}\r\nContent-Type: application/json\r\n\
         Lambda-Runtime-Function-Error-Type: {error_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 2") {
        return Ok(());
    }
    Err(io::Error::other(format!("the Runtime API answered {}", String::from_utf8_lossy(&answer))))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn lambda_is_told_why() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let api = listener.local_addr().expect("its address").to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut part = [0; 1024];
                let length = stream.read(&mut part).expect("a part");
                request.extend_from_slice(&part[..length]);
            }
            stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").expect("an answer");
            String::from_utf8(request).expect("text")
        });
        report(&api, "Immortal.Configuration", "IMMORTAL_RUNNER is \"missing\"").expect("it was told");
        let request = server.join().expect("a request");
        assert!(request.starts_with("POST /2018-06-01/runtime/init/error HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("Lambda-Runtime-Function-Error-Type: Immortal.Configuration\r\n"), "{request}");
        assert!(request.ends_with(
            "\r\n\r\n{\"errorType\":\"Immortal.Configuration\",\"errorMessage\":\"IMMORTAL_RUNNER is \\\"missing\\\"\"}"
        ));
    }
}
