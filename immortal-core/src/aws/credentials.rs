//! Credentials: from variables, as Lambda has them, or from the agent of the container, as Fargate and snapshots do.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_smithy_types::date_time::{DateTime, Format};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Uri, header};
use serde::Deserialize;
use tokio::{sync::Mutex, time::timeout};

use super::{Http, Trouble, trouble::chain, whole};

/// The agent's address in a task.
const AGENT: &str = "http://169.254.170.2";
/// How long the agent, on the same host, may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long before they expire credentials are asked for anew: the agent has others for minutes by then.
const AHEAD: Duration = Duration::from_secs(10);

/// Where credentials come from, and the last that came from there.
#[derive(Debug)]
pub(super) struct Provider {
    source: Source,
    kept: Mutex<Option<Credentials>>,
}

#[derive(Debug)]
enum Source {
    Variables(Credentials),
    Agent { uri: Uri, authorization: Authorization },
    Nowhere(String),
}

/// What the agent wants to see: a secret, so that nothing shows it.
enum Authorization {
    None,
    Token(String),
    File(String),
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

impl Provider {
    pub(super) fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self { source: Source::read(lookup), kept: Mutex::new(None) }
    }

    /// Credentials that are good for some seconds, or at least still are.
    pub(super) async fn get(&self, http: &Http) -> Result<Credentials, Trouble> {
        let (uri, authorization) = match &self.source {
            Source::Variables(credentials) => return Ok(credentials.clone()),
            Source::Nowhere(why) => return Err(Trouble::Unsent(why.clone())),
            Source::Agent { uri, authorization } => (uri, authorization),
        };
        let mut kept = self.kept.lock().await;
        let is_good_for = |time: Duration, credentials: &Credentials| {
            credentials.expiry().is_none_or(|expiry| expiry > SystemTime::now() + time)
        };
        if let Some(credentials) = kept.as_ref().filter(|kept| is_good_for(AHEAD, kept)) {
            return Ok(credentials.clone());
        }
        match timeout(PATIENCE, ask(http, uri, authorization)).await {
            Ok(Ok(fresh)) => Ok(kept.insert(fresh).clone()),
            late_or_refused => {
                if let Some(credentials) = kept.as_ref().filter(|kept| is_good_for(Duration::ZERO, kept)) {
                    return Ok(credentials.clone());
                }
                let why = match late_or_refused {
                    Ok(Err(why)) => why,
                    _ => format!("no answer within {} s", PATIENCE.as_secs()),
                };
                Err(Trouble::Unanswered(format!("no credentials come from the container's agent: {why}")))
            }
        }
    }
}

impl Source {
    fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        if let (Some(id), Some(secret)) = (lookup("AWS_ACCESS_KEY_ID"), lookup("AWS_SECRET_ACCESS_KEY")) {
            return Self::Variables(Credentials::new(id, secret, lookup("AWS_SESSION_TOKEN"), None, "variables"));
        }
        let authorization = match lookup("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => Authorization::File(file),
            None => lookup("AWS_CONTAINER_AUTHORIZATION_TOKEN").map_or(Authorization::None, Authorization::Token),
        };
        let relative = lookup("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{AGENT}{path}"));
        let Some(uri) = relative.or_else(|| lookup("AWS_CONTAINER_CREDENTIALS_FULL_URI")) else {
            return Self::Nowhere(
                "there are no credentials: neither variables nor a container's agent; give the task or function a role"
                    .to_owned(),
            );
        };
        match uri.parse::<Uri>() {
            Ok(uri) if may_be_asked(&uri) => Self::Agent { uri, authorization },
            _ => Self::Nowhere(format!(
                "credentials can't be asked for at {uri}: it must be https, or an address of this host or its agent"
            )),
        }
    }
}

/// In the clear, only the host itself and its agents: those of ECS, and of EKS.
fn may_be_asked(uri: &Uri) -> bool {
    const AGENTS: [IpAddr; 3] = [
        IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
        IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23)),
    ];
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") if host == "localhost" => true,
        Some("http") => host.parse().is_ok_and(|host: IpAddr| host.is_loopback() || AGENTS.contains(&host)),
        _ => false,
    }
}

async fn ask(http: &Http, uri: &Uri, authorization: &Authorization) -> Result<Credentials, String> {
    let token = match authorization {
        Authorization::None => None,
        Authorization::Token(token) => Some(token.clone()),
        Authorization::File(file) => {
            let token = std::fs::read_to_string(file).map_err(|error| format!("its token file {file}: {error}"))?;
            Some(token.trim().to_owned())
        }
    };
    let mut request = Request::get(uri).header(header::ACCEPT, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, token);
    }
    let request = request.body(Full::<Bytes>::default()).map_err(|_| "its token is no header".to_owned())?;
    let answer = http.request(request).await.map_err(|error| chain(&error))?;
    let status = answer.status();
    let body = whole(answer.into_body()).await.map_err(|_| "its answer broke off".to_owned())?;
    if !status.is_success() {
        return Err(format!("it answers {status}"));
    }
    // Nothing of the answer may be shown, so neither what serde says of it.
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| "its answer can't be read".to_owned())?;
    let expiry = answer
        .expiration
        .as_deref()
        .map(|time| DateTime::from_str(time, Format::DateTime).ok().and_then(|time| SystemTime::try_from(time).ok()));
    match expiry {
        Some(None) => Err("its answer expires at no time".to_owned()),
        expiry => Ok(Credentials::new(
            answer.access_key_id,
            answer.secret_access_key,
            answer.token,
            expiry.flatten(),
            "agent",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
        sync::mpsc,
        thread,
    };

    use super::*;
    use crate::aws::http_client;

    /// An agent that gives these answers, one a connection, and what each request was authorized by.
    fn agent(answers: Vec<(u16, String)>) -> (String, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        let (sender, authorized) = mpsc::channel();
        thread::spawn(move || {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().expect("a connection");
                let mut token = String::new();
                for line in BufReader::new(&stream).lines().map_while(Result::ok) {
                    if line.is_empty() {
                        break;
                    }
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("authorization: ") {
                        value.clone_into(&mut token);
                    }
                }
                sender.send(token).expect("the test listens");
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {status} Status\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                )
                .expect("it is read");
            }
        });
        (format!("http://{address}/v1/credentials"), authorized)
    }

    fn answer(id: &str, left: Duration) -> (u16, String) {
        let expiry = DateTime::from(SystemTime::now() + left).fmt(Format::DateTime).expect("a moment");
        (
            200,
            format!(
                r#"{{"AccessKeyId":"{id}","SecretAccessKey":"s","Token":"t","Expiration":"{expiry}","RoleArn":"r"}}"#
            ),
        )
    }

    async fn id(provider: &Provider) -> Result<String, Trouble> {
        let http = http_client().expect("HTTPS");
        provider.get(&http).await.map(|credentials| credentials.access_key_id().to_owned())
    }

    fn provider(variables: &[(&str, &str)]) -> Provider {
        Provider::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[tokio::test]
    async fn variables_come_first() {
        let provider = provider(&[
            ("AWS_ACCESS_KEY_ID", "one"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2"),
        ]);
        assert_eq!(id(&provider).await, Ok("one".to_owned()));
    }

    #[tokio::test]
    async fn an_agent_is_asked_anew_before_they_expire_and_may_fail_until_then() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("token");
        let file = file.to_str().expect("text");
        let hour = Duration::from_hours(1);
        let answers = vec![
            answer("one", Duration::from_secs(8)),
            (500, String::new()),
            (200, "{\"AccessKeyId\":\"secret\"".to_owned()),
            answer("two", hour),
        ];
        let (uri, authorized) = agent(answers);
        let provider =
            provider(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)]);
        let mut seen = Vec::new();
        for token in ["a", "b\n", "c", "d", "e"] {
            std::fs::write(file, token).expect("ours");
            seen.push(id(&provider).await.expect("there are some"));
        }
        assert_eq!(seen, ["one", "one", "one", "two", "two"]);
        assert_eq!(authorized.iter().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }

    #[tokio::test]
    async fn without_any_the_agents_failure_is_told_and_nothing_that_it_said() {
        let expired = answer("old", Duration::ZERO);
        let (uri, _authorized) =
            agent(vec![(403, "secret".into()), (200, "\"secret\"".into()), expired, (404, String::new())]);
        let provider = provider(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri)]);
        for expected in ["403 Forbidden", "can't be read"] {
            let trouble = id(&provider).await.expect_err("there are none");
            let Trouble::Unanswered(why) = trouble else { panic!("{trouble:?}") };
            assert!(why.contains(expected) && !why.contains("secret"), "{why}");
        }
        assert_eq!(id(&provider).await, Ok("old".to_owned()), "the service is to say so");
        assert!(matches!(id(&provider).await, Err(Trouble::Unanswered(why)) if why.contains("404")));
    }

    #[test]
    fn only_this_host_and_its_agents_are_asked_in_the_clear() {
        let table = [
            ("http://127.0.0.1:9001/2021", true),
            ("http://localhost/x", true),
            ("http://[::1]/x", true),
            ("http://169.254.170.23/v1", true),
            ("http://[fd00:ec2::23]/v1", true),
            ("https://example.com/x", true),
            ("http://169.254.169.254/x", false),
            ("http://example.com/x", false),
            ("ftp://127.0.0.1/x", false),
            ("no address", false),
        ];
        for (uri, expected) in table {
            let provider = provider(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)]);
            assert_eq!(matches!(provider.source, Source::Agent { .. }), expected, "{uri}");
        }
        let task = provider(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1")]);
        let Source::Agent { uri, .. } = task.source else { panic!("{task:?}") };
        assert_eq!(uri, "http://169.254.170.2/v2/credentials/1");
        assert!(matches!(provider(&[]).source, Source::Nowhere(why) if why.contains("role")));
    }
}
