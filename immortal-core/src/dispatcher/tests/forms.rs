//! The form in which an event travels, and that it is the event.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use super::{
    chain::{back, batch, last, manifest, message, named, one, variable},
    service::{NOW, Service, ServiceFault, invoke},
    state_changes::stopped,
};
use crate::manifest::Manifest;

#[tokio::test]
async fn too_long_is_the_next_form() {
    let service = Service::start().await;
    let said =
        ServiceFault::Refuse(400, "InvalidParameterException", "Container Overrides length must be at most 8192");
    service.with(|state| state.faults = vec![said.clone(), said.clone()]);
    let dispatcher = service.dispatcher(&[("IMMORTAL_EVENT_BUCKET", "events")], manifest()).await;
    assert!(named(&invoke(&dispatcher, &one(" {\"a\" : 1} ")).await.expect("an answer")).is_empty());
    let uri = variable(&last(&service), "IMMORTAL_EVENT_S3").expect("its place");
    service.with(|state| {
        assert_eq!((state.calls.len(), state.tasks.len()), (3, 1));
        assert_eq!(state.objects[&path_of(&uri)], b" {\"a\" : 1} ", "the event as it came");
        state.faults = vec![said.clone(), said];
    });
    assert_eq!(back(&service, &batch(&[message("m-2", "r-2", "1", NOW)])).await, ["m-2"], "there is no bucket");
}

fn path_of(uri: &str) -> String {
    uri.strip_prefix("s3:/").expect("an address").to_owned()
}

#[tokio::test]
async fn another_body_under_the_same_request_id_replaces_no_event() {
    let service = Service::start().await;
    let variables = [("IMMORTAL_EVENT_BUCKET", "events"), ("IMMORTAL_INLINE_EVENTS", "false")];
    let dispatcher = service.dispatcher(&variables, manifest()).await;
    for body in ["{\"n\":1}", "{\"n\":2}", "{\"n\":1}"] {
        assert!(named(&invoke(&dispatcher, &one(body)).await.expect("an answer")).is_empty());
    }
    service.with(|state| assert_eq!(state.tasks.len(), 1, "one request, one task"));
    let first: Value = service.with(|state| serde_json::from_str(&state.calls[0]).expect("JSON"));
    let uri = variable(&first, "IMMORTAL_EVENT_S3").expect("its place");
    let arn = "arn:aws:ecs:eu-central-1:111111111111:task/default/1";
    let failed = stopped(&first, arn, Some(1), "EssentialContainerExited").to_string();
    invoke(&dispatcher, &failed).await.expect("the next attempt");
    assert_eq!(variable(&last(&service), "IMMORTAL_EVENT_S3"), Some(uri.clone()), "attempt 2 reads the same object");
    service.with(|state| {
        assert_eq!(state.objects[&path_of(&uri)], b"{\"n\":1}");
        assert_eq!(state.objects.len(), 2, "the same event is the same object");
    });
}

/// A stopped first attempt whose order holds this gzip, redone with a bucket only.
async fn regrouped(service: &Service, gzip: &str) -> Result<Value, String> {
    let plain = service.dispatcher(&[], manifest()).await;
    invoke(&plain, &one("1")).await.expect("attempt 1");
    let mut order = last(service);
    let environment = &mut order["overrides"]["containerOverrides"][0]["environment"];
    environment[0] = json!({ "name": "IMMORTAL_EVENT_GZIP", "value": gzip });
    let variables = [("IMMORTAL_EVENT_BUCKET", "events"), ("IMMORTAL_INLINE_EVENTS", "false")];
    let dispatcher = service.dispatcher(&variables, manifest()).await;
    // ECS's own description has the same order: a task that it didn't know would be asked for again for half a minute.
    let arn = service.with(|state| {
        let (_, task) = state.tasks.values_mut().next().expect("attempt 1");
        task["overrides"] = order["overrides"].clone();
        task["taskArn"].as_str().expect("text").to_owned()
    });
    let event = stopped(&order, &arn, Some(1), "EssentialContainerExited").to_string();
    invoke(&dispatcher, &event).await.map_err(|failed| failed.0)?;
    Ok(last(service))
}

fn gzip_member(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[tokio::test]
async fn an_event_of_several_gzip_members_is_whole() {
    let service = Service::start().await;
    let members = [gzip_member(b"{\"n\""), gzip_member(b":1}")].concat();
    let call = regrouped(&service, &BASE64_STANDARD.encode(members)).await.expect("the next attempt");
    let uri = variable(&call, "IMMORTAL_EVENT_S3").expect("its place");
    service.with(|state| assert_eq!(state.objects[&path_of(&uri)], b"{\"n\":1}"));
}

#[tokio::test]
async fn a_gzip_that_holds_no_event_is_refused_by_what_is_wrong_with_it() {
    let bomb = gzip_member(&vec![b' '; 1 << 20]).repeat(512);
    let cut = gzip_member(b"{}");
    let cut = cut.get(..10).expect("longer");
    for (gzip, said) in [(bomb.as_slice(), "more than 8388608 bytes"), (cut, "not valid gzip")] {
        let service = Service::start().await;
        let why = regrouped(&service, &BASE64_STANDARD.encode(gzip)).await.expect_err(said);
        assert!(why.contains(said) && why.contains("r-1") && !why.contains("too long"), "{why}");
        service.with(|state| assert_eq!((state.calls.len(), state.objects.len()), (1, 0)));
    }
}

#[tokio::test]
async fn an_order_that_fits_as_attempt_1_fits_as_the_last_one_without_a_bucket() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[], Manifest { attempts: 10, ..manifest() }).await;
    let mut random = fastrand::Rng::with_seed(5);
    let noise: String = std::iter::repeat_with(|| random.alphanumeric()).take(9_000).collect();
    // The longest that is taken at all; noise gains nothing by gzip.
    let taken = async |length: usize| {
        let event = format!("\"{}\"", &noise[..length]);
        let message = message("m-1", &format!("request-{length}"), &event, NOW);
        named(&invoke(&dispatcher, &batch(&[message])).await.expect("an answer")).is_empty()
    };
    let mut longest = 7_000;
    for step in [512, 256, 128, 64, 32, 16, 8, 4, 2, 1] {
        longest += if taken(longest + step).await { step } else { 0 };
    }
    assert!(taken(longest).await && !taken(longest + 1).await, "{longest}");
    let mut order = last(&service);
    let environment = order["overrides"]["containerOverrides"][0]["environment"].as_array_mut().expect("a list");
    for variable in environment.iter_mut().filter(|variable| variable["name"] == "IMMORTAL_ATTEMPT") {
        variable["value"] = json!("29");
    }
    environment.push(json!({ "name": "IMMORTAL_INTERRUPTIONS", "value": "19" }));
    invoke(&dispatcher, &stopped(&order, "arn:29", None, "SpotInterruption").to_string()).await.expect("attempt 30");
    let call = last(&service);
    assert_eq!(variable(&call, "IMMORTAL_ATTEMPT").as_deref(), Some("30"));
    let overrides = serde_json::to_string(&call["overrides"]).expect("JSON").len();
    assert!((7_800..=7_900).contains(&overrides), "{overrides}");
}

#[tokio::test]
async fn no_event_is_in_an_order_that_may_be_read() {
    let service = Service::start().await;
    let variables = [("IMMORTAL_EVENT_BUCKET", "events"), ("IMMORTAL_INLINE_EVENTS", "false")];
    let dispatcher = service.dispatcher(&variables, manifest()).await;
    assert!(named(&invoke(&dispatcher, &one("{\"secret\":1}")).await.expect("an answer")).is_empty());
    service.with(|state| {
        assert!(!state.calls[0].contains("secret"), "{}", state.calls[0]);
        assert_eq!(state.objects.len(), 1);
    });
}
