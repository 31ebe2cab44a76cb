//! A service on loopback that answers as it is told: for what the emulator has not, and for AWS's errors.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::Arc,
};

/// Answers requests as long as the test runs.
pub(crate) struct CannedService {
    endpoint: String,
}

/// What is answered: a status, a content type, and the body.
pub(crate) struct CannedAnswer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl CannedService {
    /// `answer` is given the head of the request, and its body.
    pub(crate) fn start(answer: impl Fn(&str, &str) -> CannedAnswer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                // A client that hangs up needs no answer.
                std::thread::spawn(move || serve(stream, &*answer));
            }
        });
        Self { endpoint }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

fn serve(mut stream: TcpStream, answer: &dyn Fn(&str, &str) -> CannedAnswer) -> Option<()> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    let (head, begin) = loop {
        if let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            break (String::from_utf8_lossy(&received[..end]).into_owned(), end + 4);
        }
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        received.extend_from_slice(&buffer[..count]);
    };
    let is_length = |line: &&str| line.to_ascii_lowercase().starts_with("content-length:");
    let length = head.lines().find(is_length).and_then(|line| line.split_once(':')?.1.trim().parse().ok()).unwrap_or(0);
    while received.len() < begin + length {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        received.extend_from_slice(&buffer[..count]);
    }
    let CannedAnswer { status, content_type, body } = answer(&head, &String::from_utf8_lossy(&received[begin..]));
    // Its protocol is that of CloudWatch, which others ignore.
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\nsmithy-protocol: rpc-v2-cbor\r\ncontent-length: {}\r\nconnection: \
         close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).ok()
}

/// `ListStackResources` of a stack with these resources: logical id, type, physical id.
pub(crate) fn stack(resources: &[(&str, &str, String)]) -> CannedAnswer {
    let member = |(logical, kind, physical): &(&str, &str, String)| {
        format!(
            "<member><LogicalResourceId>{logical}</LogicalResourceId><ResourceType>{kind}</ResourceType>\
             <PhysicalResourceId>{physical}</PhysicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
             <LastUpdatedTimestamp>2026-11-26T12:00:00Z</LastUpdatedTimestamp></member>"
        )
    };
    let members: String = resources.iter().map(member).collect();
    let body = format!(
        "<ListStackResourcesResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <ListStackResourcesResult><StackResourceSummaries>{members}</StackResourceSummaries></ListStackResourcesResult>\
         </ListStackResourcesResponse>"
    );
    CannedAnswer { status: 200, content_type: "text/xml", body: body.into_bytes() }
}

/// An error of the services that speak XML.
pub(crate) fn xml_error(status: u16, code: &str, message: &str) -> CannedAnswer {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>1</RequestId></ErrorResponse>"
    );
    CannedAnswer { status, content_type: "text/xml", body: body.into_bytes() }
}

/// `GetMetricStatistics` with one figure, of now: `{"Label": "x", "Datapoints": [{"Timestamp": 1(now), "Maximum": figure}]}`.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc8949>, and <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>.
pub(crate) fn figure(now: f64, figure: f64) -> CannedAnswer {
    let text = |text: &str| [&[0x60 | u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
    let number = |number: f64| [&[0xfb][..], &number.to_be_bytes()].concat();
    // A map of two, and in it a list of one map of two.
    let body = [
        vec![0xa2],
        text("Label"),
        text("x"),
        text("Datapoints"),
        vec![0x81, 0xa2],
        text("Timestamp"),
        vec![0xc1],
        number(now),
        text("Maximum"),
        number(figure),
    ];
    CannedAnswer { status: 200, content_type: "application/cbor", body: body.concat() }
}
