//! The record of a success: event and response are in it byte for byte, it is nobody's failure, and an ARN that is known
//! as a destination prints itself.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::{
    record::{RecordForm, SuccessRecord},
    target::{DestinationArn, ResultDestination},
};
use crate::{
    dispatcher::input::{self, DispatcherInput, RecordContent},
    fixtures::{functions, json, parts},
};

pub fn check(bytes: &[u8]) {
    let Some([arn, context, event, response]) = parts::<4>(bytes) else { return };
    if let Ok(destination) = arn.parse::<DestinationArn>() {
        assert_eq!(destination.to_string(), arn);
        assert!(arn.ends_with(destination.name()) && arn.contains(destination.region()));
        assert!(destination.largest_record() > 0);
        assert_eq!(arn.parse(), Ok(ResultDestination::Arn(destination)));
    }
    let Ok(context) = serde_json::from_str(context) else { return };
    let (event, response) = (json(event), json(response));
    let record = SuccessRecord {
        context: &context,
        attempt: 1,
        timestamp: "2026-11-26T00:00:00.000Z",
        event: event.map(|event| serde_json::from_str(event).expect("it is JSON")),
        response: response.map(|response| serde_json::from_str(response).expect("it is JSON")),
    };
    let table = [
        (RecordForm::Whole, event, response),
        (RecordForm::WithoutEvent, None, response),
        (RecordForm::Address("s3://bucket/key".to_owned()), None, None),
    ];
    for (form, event, response) in table {
        let record = record.to_json(&form);
        let members: HashMap<String, &RawValue> = serde_json::from_str(&record).expect("a record is JSON");
        assert_eq!(members["requestPayload"].get(), event.unwrap_or("null"));
        assert_eq!(members["responsePayload"].get(), response.unwrap_or("null"));
        let DispatcherInput::Single(reading) = input::read(&record, &functions(&[])) else {
            panic!("a record is not a batch")
        };
        assert!(!reading.iter().any(|record| matches!(record, Ok(RecordContent::Failure(_)))), "it is a success");
    }
}
