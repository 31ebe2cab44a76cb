//! Event buses and `PutEvents`. A bus stores the events that are put on it; it has no rules.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::platform::{ACCOUNT, ApiError, CallOutcome, Platform, REGION, arn, json_response, lock, parse_json};

/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>: 256 KiB for all entries of a call.
const MAX_CALL_SIZE: usize = 256 << 10;

/// The buses, and the events on them.
#[derive(Debug)]
pub(crate) struct EventBuses {
    pub(crate) platform: Arc<Platform>,
    /// The events by the bus's ARN, as a target would receive them.
    buses: Mutex<BTreeMap<String, Vec<Value>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<EventEntry>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EventEntry {
    event_bus_name: String,
    source: String,
    detail_type: String,
    detail: String,
    resources: Vec<String>,
}

impl EventEntry {
    fn size(&self) -> usize {
        self.source.len()
            + self.detail_type.len()
            + self.detail.len()
            + self.resources.iter().map(String::len).sum::<usize>()
    }
}

impl EventBuses {
    pub(crate) fn new(platform: Arc<Platform>) -> Self {
        Self { platform, buses: Mutex::default() }
    }

    pub(crate) fn create_bus(&self, name: &str) -> String {
        let arn = bus_arn(name);
        lock(&self.buses).entry(arn.clone()).or_default();
        arn
    }

    pub(crate) fn events(&self, bus_arn: &str) -> Vec<Value> {
        lock(&self.buses).get(bus_arn).cloned().unwrap_or_default()
    }

    /// Puts an event of Lambda on a bus; `false` if the bus does not exist.
    pub(crate) fn put(&self, bus_arn: &str, detail_type: &str, resources: &[&str], detail: &Value) -> bool {
        let event = self.event("lambda", detail_type, resources, detail);
        lock(&self.buses).get_mut(bus_arn).map(|events| events.push(event)).is_some()
    }

    fn event(&self, source: &str, detail_type: &str, resources: &[&str], detail: &Value) -> Value {
        json!({
            "version": "0",
            "id": self.platform.ids.uuid(),
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT,
            "time": self.platform.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": REGION,
            "resources": resources,
            "detail": detail,
        })
    }
}

fn bus_arn(name: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { arn("events", &format!("event-bus/{name}")) }
}

/// `PutEvents`: an invalid entry fails alone, in a response with status 200.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
pub(crate) fn call(buses: &EventBuses, operation: &str, body: &[u8]) -> Result<CallOutcome, ApiError> {
    if operation != "PutEvents" {
        let message = format!("the emulator does not implement EventBridge {operation}");
        return Err(ApiError::new(400, "UnknownOperationException", message));
    }
    let PutEvents { entries } = parse_json(body)?;
    if entries.is_empty() || entries.len() > 10 {
        return Err(ApiError::new(400, "ValidationException", "A call has 1 to 10 entries."));
    }
    if entries.iter().map(EventEntry::size).sum::<usize>() > MAX_CALL_SIZE {
        return Err(ApiError::new(
            400,
            "ValidationException",
            "Total size of the entries in the request is over the limit.",
        ));
    }
    let results: Vec<_> = entries.iter().map(|entry| buses.put_entry(entry)).collect();
    let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
    Ok(json_response(&buses.platform, &json!({ "FailedEntryCount": failed, "Entries": results })))
}

impl EventBuses {
    fn put_entry(&self, entry: &EventEntry) -> Value {
        let failed = |code: &str, message: &str| json!({ "ErrorCode": code, "ErrorMessage": message });
        if entry.source.is_empty() || entry.detail_type.is_empty() {
            return failed("InvalidArgument", "Source and DetailType are required.");
        }
        if entry.source.starts_with("aws.") {
            return failed("NotAuthorizedForSourceException", "Not authorized for the source.");
        }
        let Ok(detail @ Value::Object(_)) = serde_json::from_str(&entry.detail) else {
            return failed("MalformedDetail", "Detail is malformed.");
        };
        let resources: Vec<_> = entry.resources.iter().map(String::as_str).collect();
        let event = self.event(&entry.source, &entry.detail_type, &resources, &detail);
        let id = event["id"].clone();
        // An event for an unknown bus is accepted and dropped.
        if let Some(events) = lock(&self.buses).get_mut(&bus_arn(&entry.event_bus_name)) {
            events.push(event);
        }
        json!({ "EventId": id })
    }
}
