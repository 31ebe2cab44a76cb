//! Downloads from a server on loopback that can be told how to fail.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

use super::*;
use crate::runner::deployed_function::SecretValue;

/// What the server does with the n-th request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerConduct {
    Ranges,
    NoRanges,
    /// Cuts the connection after this many bytes of the body.
    CutShort(usize),
    /// Sends this many bytes of the body and no more.
    Stall(usize),
    Status(u16),
    /// Another content of the same length.
    Corrupt,
}

struct RangeServer {
    url: String,
    requests: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for RangeServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves the content; `conduct` says what to do with which request.
async fn serve(content: Arc<Vec<u8>>, conduct: impl Fn(usize) -> ServerConduct + Send + Sync + 'static) -> RangeServer {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let url = format!("http://{}/code?X-Amz-Signature=secret", listener.local_addr().expect("bound"));
    let requests = Arc::new(AtomicUsize::new(0));
    let (count, conduct) = (Arc::clone(&requests), Arc::new(conduct));
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let (content, count, conduct) = (Arc::clone(&content), Arc::clone(&count), Arc::clone(&conduct));
            connections.spawn(async move {
                let mut stream = BufReader::new(stream);
                while let Some(range) = request(&mut stream).await {
                    let conduct = conduct(count.fetch_add(1, Ordering::Relaxed));
                    if !respond(stream.get_mut(), &content, range, conduct).await {
                        return;
                    }
                }
            });
        }
    });
    RangeServer { url, requests, task }
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<Range<usize>> {
    let mut range = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if let Some(bytes) = line.to_lowercase().strip_prefix("range: bytes=") {
            let (from, to) = bytes.trim().split_once('-').expect("a range");
            range = Some(from.parse().expect("a number")..to.parse::<usize>().expect("a number") + 1);
        }
        if line == "\r\n" {
            return range;
        }
    }
}

/// Answers, and says whether the connection may go on.
async fn respond(stream: &mut TcpStream, content: &[u8], range: Range<usize>, conduct: ServerConduct) -> bool {
    let range = range.start..range.end.min(content.len());
    let (status, body) = match conduct {
        ServerConduct::Status(status) => (format!("{status} Status"), Vec::new()),
        ServerConduct::NoRanges => ("200 OK".to_owned(), content.to_vec()),
        ServerConduct::Corrupt => ("206 Partial Content".to_owned(), vec![0; range.len()]),
        _ => ("206 Partial Content".to_owned(), content[range.clone()].to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {}-{}/{}\r\n\r\n",
        body.len(),
        range.start,
        range.end.saturating_sub(1),
        content.len()
    );
    let most = match conduct {
        ServerConduct::CutShort(most) | ServerConduct::Stall(most) => most.min(body.len()),
        _ => body.len(),
    };
    if stream.write_all(head.as_bytes()).await.is_err() || stream.write_all(&body[..most]).await.is_err() {
        return false;
    }
    if matches!(conduct, ServerConduct::Stall(_)) {
        // Until the client hangs up.
        let _ = stream.read(&mut [0]).await;
    }
    !matches!(conduct, ServerConduct::CutShort(_) | ServerConduct::Stall(_))
}

fn content(length: usize) -> Arc<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(7);
    Arc::new((0..length).map(|_| random.u8(..)).collect())
}

fn package(server: &RangeServer, content: &[u8]) -> CodePackage {
    CodePackage { location: SecretValue(server.url.clone()), sha256: BASE64_STANDARD.encode(Sha256::digest(content)) }
}

fn downloader() -> CodeDownloader {
    CodeDownloader::new(crate::aws::HttpClient::new(), Duration::from_secs(1))
}

async fn never_again() -> Result<CodePackage, RunnerError> {
    panic!("the address is good")
}

async fn fetched(server: &RangeServer, content: &[u8]) -> Result<Vec<u8>, RunnerError> {
    let file = downloader().fetch("the code", &package(server, content), never_again).await?;
    let mut bytes = vec![0; usize::try_from(file.metadata().expect("open").len()).expect("small")];
    file.read_exact_at(&mut bytes, 0).expect("a disk");
    Ok(bytes)
}

const SMALL: usize = 10_000;
const LARGE: usize = 3 * 8 * 1024 * 1024 + 5;

#[tokio::test]
async fn comes_whole_with_and_without_ranges() {
    for (length, conduct, requests) in
        [(SMALL, ServerConduct::Ranges, 1), (LARGE, ServerConduct::Ranges, 4), (LARGE, ServerConduct::NoRanges, 1)]
    {
        let content = content(length);
        let server = serve(Arc::clone(&content), move |_| conduct).await;
        assert!(fetched(&server, &content).await.expect("sound") == *content, "{length} {conduct:?}");
        assert_eq!(server.requests.load(Ordering::Relaxed), requests, "{length} {conduct:?}");
    }
}

#[tokio::test]
async fn is_resumed_where_it_was_cut_or_stood_still() {
    for conduct in [
        ServerConduct::CutShort(1000),
        ServerConduct::Stall(1000),
        ServerConduct::Status(503),
        ServerConduct::CutShort(0),
    ] {
        let content = content(SMALL);
        let server =
            serve(Arc::clone(&content), move |number| if number < 2 { conduct } else { ServerConduct::Ranges }).await;
        assert!(fetched(&server, &content).await.expect("sound") == *content, "{conduct:?}");
        assert_eq!(server.requests.load(Ordering::Relaxed), 3, "{conduct:?}");
    }
}

#[tokio::test]
async fn progress_goes_on_however_often_it_is_cut() {
    let content = content(SMALL);
    let server = serve(Arc::clone(&content), |_| ServerConduct::CutShort(1000)).await;
    assert!(fetched(&server, &content).await.expect("sound") == *content);
}

#[tokio::test]
async fn what_never_gets_on_is_given_up_for_now() {
    for (conduct, word) in [
        (ServerConduct::Stall(0), "nothing came"),
        (ServerConduct::Status(503), "503"),
        (ServerConduct::Status(404), "404"),
    ] {
        let content = content(SMALL);
        let server = serve(Arc::clone(&content), move |_| conduct).await;
        let result = fetched(&server, &content).await;
        let Err(RunnerError::Transient(message)) = result else { panic!("{conduct:?}: {result:?}") };
        assert!(message.contains(word) && !message.contains("secret"), "{message}");
    }
}

#[tokio::test]
async fn another_hash_is_given_up_for_now() {
    let content = content(SMALL);
    let server = serve(Arc::clone(&content), |_| ServerConduct::Corrupt).await;
    let result = fetched(&server, &content).await;
    assert!(matches!(&result, Err(RunnerError::Transient(message)) if message.contains("hash")), "{result:?}");
}

#[tokio::test]
async fn an_expired_address_is_asked_for_anew_once() {
    let content = content(SMALL);
    let expired = serve(Arc::clone(&content), |_| ServerConduct::Status(403)).await;
    let fresh = serve(Arc::clone(&content), |_| ServerConduct::Ranges).await;
    let (old, new) = (package(&expired, &content), package(&fresh, &content));
    let asked = Semaphore::new(1);
    let again = |package: CodePackage| {
        asked.try_acquire().expect("asked once").forget();
        async { Ok(package) }
    };
    downloader().fetch("the code", &old, || again(new)).await.expect("the new address is good");
    asked.add_permits(1);
    let result = downloader().fetch("the code", &old, || again(old.clone())).await;
    assert!(matches!(&result, Err(RunnerError::Transient(message)) if message.contains("403")), "{result:?}");
    assert_eq!(expired.requests.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn nobody_there_is_said_without_the_address() {
    let package = CodePackage {
        location: SecretValue("http://127.0.0.1:1/code?X-Amz-Signature=secret".into()),
        sha256: String::new(),
    };
    let result = downloader().fetch("the code", &package, never_again).await;
    let Err(RunnerError::Transient(message)) = result else { panic!("{result:?}") };
    assert!(!message.contains("secret") && message.contains("refused"), "{message}");
}
