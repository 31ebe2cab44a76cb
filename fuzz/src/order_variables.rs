//! An order: one variable a part, `NAME=value`. What is read is written as the same order, and its event is untouched.

use crate::{
    event_gzip::{gunzip, gzip},
    fixtures::assert_one_line,
    names::{MAX_EVENT, env},
    order::{EventForm, Order},
};

pub fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let given: Vec<(&str, &str)> = text.split("\n\n").filter_map(|part| part.split_once('=')).collect();
    let order = match Order::from_variables(lookup(&given)) {
        Ok(order) => order,
        Err(malformed) => return assert_one_line(&malformed.to_string()),
    };
    let (name, event) = match &order.event {
        EventForm::Inline(event) => (env::EVENT, event),
        EventForm::Gzip(event) => (env::EVENT_GZIP, event),
        EventForm::S3(event) => (env::EVENT_S3, event),
    };
    assert_eq!(lookup(&given)(name).as_ref(), Some(event), "the event is what the variable holds");
    let written = order.to_variables(&order.event);
    let borrowed: Vec<_> = written.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let again = Order::from_variables(lookup(&borrowed)).expect("an order that was read can be written");
    assert_eq!(again.to_variables(&again.event), written);
    if let EventForm::Gzip(text) = &order.event
        && let Ok(event) = gunzip(text)
    {
        assert!(event.len() as u64 <= MAX_EVENT);
        assert_eq!(gunzip(&gzip(&event)).expect("our own"), event);
    }
}

fn lookup<'a>(variables: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |wanted| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
}
