//! This test binary as a function's `bootstrap`: unmodified `lambda_runtime`, and a handler that does what its event
//! says.

use std::{
    io::{Cursor, Read as _, Write as _},
    net::TcpStream,
    os::unix::process::CommandExt as _,
    process::{self, Command},
};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::clients::sqs_from_environment;

const BOOTSTRAP_ARGUMENTS: [&str; 3] = ["bootstrap::as_a_function", "--exact", "--nocapture"];

/// A package whose `bootstrap` is this binary.
pub(crate) fn package() -> Vec<u8> {
    let me = std::env::current_exe().expect("a test knows its path");
    script(&format!("#!/bin/sh\nexec '{}' {}\n", me.display(), BOOTSTRAP_ARGUMENTS.join(" ")))
}

/// A package with this script as its `bootstrap`.
pub(crate) fn script(script: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).expect("in memory");
    zip.write_all(script.as_bytes()).expect("in memory");
    zip.finish().expect("in memory").into_inner()
}

/// The function, when run in a sandbox. As a test it does nothing.
#[test]
fn as_a_function() {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return;
    }
    if std::env::var_os("FAIL_INIT").is_some() {
        post("init/error", &json!({ "errorType": "Init.Failed", "errorMessage": "no database" }), "Init.Failed");
        process::exit(1);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    runtime.block_on(lambda_runtime::run(service_fn(handler))).expect("a served runtime");
}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    println!("saw {}", context.request_id);
    match payload["do"].as_str() {
        Some("fail") => Err("it failed".into()),
        Some("hang") => std::future::pending().await,
        Some("exit") => process::exit(i32::try_from(payload["code"].as_i64().unwrap_or(1)).unwrap_or(1)),
        Some("kill") => {
            Command::new("/bin/sh").args(["-c", "kill -9 $PPID"]).status().expect("a shell");
            std::future::pending().await
        }
        Some("fail then exec") => {
            let error = json!({ "errorType": "Immortal.HandedOver", "errorMessage": "handed over" });
            post(&format!("invocation/{}/error", context.request_id), &error, "Immortal.HandedOver");
            panic!("{}", Command::new(std::env::current_exe().expect("its path")).args(BOOTSTRAP_ARGUMENTS).exec());
        }
        Some("large") => Ok(Value::from("x".repeat(6_300_000))),
        Some("refuse") => {
            // Reports every record as failed.
            let records = payload["Records"].as_array().cloned().unwrap_or_default();
            Ok(json!({ "batchItemFailures": records }))
        }
        _ if payload["Records"].is_array() => {
            let records = payload["Records"].as_array().cloned().unwrap_or_default();
            if records.iter().any(|record| record["body"] == "hang") {
                std::future::pending::<()>().await;
            }
            let back =
                records.iter().filter(|record| record["body"].as_str().is_some_and(|body| body.contains("poison")));
            let mut back: Vec<_> = back.map(|record| json!({ "itemIdentifier": record["messageId"] })).collect();
            for record in &records {
                if let Some(seconds) = record["body"].as_str().and_then(|body| body.strip_prefix("later ")) {
                    change_visibility(record, seconds.parse()?).await?;
                    back.push(json!({ "itemIdentifier": record["messageId"] }));
                }
            }
            println!("batch {}", Value::from(records));
            Ok(json!({ "batchItemFailures": back }))
        }
        _ => Ok(json!({
            "event": payload,
            "id": context.request_id,
            "arn": context.invoked_function_arn,
            "pid": process::id(),
            "environment": std::env::vars().collect::<std::collections::BTreeMap<_, _>>(),
        })),
    }
}

/// Sets the visibility timeout of a record's message.
async fn change_visibility(record: &Value, seconds: i32) -> Result<(), Error> {
    let client = sqs_from_environment().await;
    let queue = record["eventSourceARN"].as_str().and_then(|arn| arn.rsplit(':').next()).unwrap_or_default();
    let url = client.get_queue_url().queue_name(queue).send().await?;
    let receipt = record["receiptHandle"].as_str().unwrap_or_default();
    let change = client.change_message_visibility().set_queue_url(url.queue_url).receipt_handle(receipt);
    change.visibility_timeout(seconds).send().await?;
    Ok(())
}

/// Posts to the Runtime API over a separate connection.
fn post(path: &str, body: &Value, error_type: &str) {
    let host = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("in a sandbox");
    let mut stream = TcpStream::connect(&host).expect("the Runtime API");
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "POST /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\
         Lambda-Runtime-Function-Error-Type: {error_type}\r\nConnection: close\r\n\r\n{body}"
    )
    .expect("the Runtime API");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}
