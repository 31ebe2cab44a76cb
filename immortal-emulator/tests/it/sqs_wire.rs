//! SQS through the real client.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_sqs::{
    Client,
    error::ProvideErrorMetadata as _,
    operation::change_message_visibility::ChangeMessageVisibilityError,
    types::{Message, MessageAttributeValue, MessageSystemAttributeName as SystemAttribute, QueueAttributeName},
};
use immortal_emulator::{Emulator, Fault, FaultKind, FaultedCalls, Queue, REGION, RedrivePolicy};

use crate::clients::{emulator_in_real_time, sqs};

async fn start() -> (Emulator, Client) {
    let emulator = emulator_in_real_time().await;
    emulator.create_queue(Queue::new("dead"));
    let redrive = Some(RedrivePolicy { dead_letter_queue: "dead".into(), max_receive_count: 2 });
    emulator.create_queue(Queue { redrive, ..Queue::new("failures") });
    let client = sqs(&emulator).await;
    (emulator, client)
}

fn url(emulator: &Emulator, queue: &str) -> String {
    format!("{}/123456789012/{queue}", emulator.endpoint())
}

fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:123456789012:{queue}")
}

fn attribute(data_type: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(data_type).string_value(value).build().expect("it has a type")
}

async fn receive(client: &Client, url: &str) -> Option<Message> {
    let request = client.receive_message().queue_url(url).message_attribute_names("All");
    let answer = request.message_system_attribute_names(SystemAttribute::All).send().await.expect("received");
    answer.messages.unwrap_or_default().pop()
}

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let (emulator, client) = start().await;
    let found = client.get_queue_url().queue_name("failures").send().await.expect("there");
    let url = url(&emulator, "failures");
    assert_eq!(found.queue_url(), Some(url.as_str()));
    let request = client.send_message().queue_url(&url).message_body("{\"é\": 1}");
    let request = request.message_attributes("ImmortalReason", attribute("String", "stopped by a person"));
    let sent = request.message_attributes("ImmortalAttempts", attribute("Number", "3")).send().await.expect("sent");
    let digests = (sent.md5_of_message_body(), sent.md5_of_message_attributes());
    // By `md5sum` of the body, and of the attributes in the encoding that SQS documents.
    assert_eq!(digests, (Some("c1aaacb30b3491a928bb1095e57e93a2"), Some("50f34b578fc00b8d1f4f65b7e1faef15")));
    let message = receive(&client, &url).await.expect("there");
    assert_eq!((message.message_id(), message.body()), (sent.message_id(), Some("{\"é\": 1}")));
    assert_eq!(message.message_attributes().expect("asked for")["ImmortalAttempts"], attribute("Number", "3"));
    assert_eq!(message.attributes().expect("asked for")[&SystemAttribute::ApproximateReceiveCount], "1");
    assert!(receive(&client, &url).await.is_none(), "it is hidden");
    let delete = client.delete_message().queue_url(&url);
    delete.receipt_handle(message.receipt_handle().expect("there")).send().await.expect("deleted");
    assert!(emulator.messages("failures").is_empty());
}

#[tokio::test]
async fn attributes_are_returned_only_when_requested() {
    let (emulator, client) = start().await;
    let attributes = ["A", "B.1", "B.2"].map(|name| (name.to_owned(), immortal_emulator::MessageAttribute::text("x")));
    emulator.send_message("failures", "{}", attributes.into()).expect("sent");
    let url = url(&emulator, "failures");
    let bare = || client.receive_message().queue_url(&url).visibility_timeout(0);
    let message = bare().send().await.expect("received").messages()[0].clone();
    assert!(message.attributes().is_none() && message.message_attributes().is_none());
    let some = bare().message_attribute_names("B.*").message_system_attribute_names(SystemAttribute::SentTimestamp);
    let message = some.send().await.expect("received").messages()[0].clone();
    assert_eq!(
        (message.attributes().map(HashMap::len), message.message_attributes().map(HashMap::len)),
        (Some(1), Some(2))
    );
}

#[tokio::test]
async fn invalid_messages_are_rejected_as_by_sqs() {
    let (emulator, client) = start().await;
    let send = |queue: &str, body: &str| client.send_message().queue_url(url(&emulator, queue)).message_body(body);
    let most = (1 << 20) - "AStringb".len();
    let with = |request: aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder, value: &str| {
        request.message_attributes("A", attribute("String", value))
    };
    with(send("failures", &"x".repeat(most)), "b").send().await.expect("1 MiB with its attributes");
    for (request, code) in [
        (send("none", "{}"), "AWS.SimpleQueueService.NonExistentQueue"),
        (with(send("failures", &"x".repeat(most + 1)), "b"), "InvalidParameterValue"),
        (with(send("failures", "{}"), ""), "InvalidParameterValue"),
        (send("failures", "\u{1}"), "InvalidMessageContents"),
        (send("failures", ""), "MissingParameter"),
    ] {
        let error = request.send().await.expect_err(code);
        assert_eq!(error.code(), Some(code));
    }
    let error = send("none", "{}").send().await.expect_err("no such queue").into_service_error();
    assert!(error.is_queue_does_not_exist(), "{error:?}");
    emulator.inject(Fault { operation: "SendMessage", kind: FaultKind::AccessDenied, calls: FaultedCalls::Next(1) });
    emulator.inject(Fault { operation: "SendMessage", kind: FaultKind::Throttle, calls: FaultedCalls::Next(1) });
    assert_eq!(send("failures", "{}").send().await.expect_err("scripted").code(), Some("AccessDenied"));
    assert!(send("failures", "{}").send().await.expect_err("scripted").into_service_error().is_request_throttled());
}

#[tokio::test]
async fn a_fault_affects_the_dead_letter_of_its_request() {
    let (emulator, client) = start().await;
    emulator.inject_for(
        "r-2",
        Fault { operation: "SendMessage", kind: FaultKind::ResetAfter, calls: FaultedCalls::Next(1) },
    );
    let send = |request: &str| {
        let send = client.send_message().queue_url(url(&emulator, "dead")).message_body("{}");
        send.message_attributes("ImmortalRequestId", attribute("String", request)).send()
    };
    send("r-1").await.expect("about another");
    send("r-2").await.expect_err("scripted");
    send("r-2").await.expect("once only");
    assert_eq!(emulator.messages("dead").len(), 3, "the call took effect");
}

#[tokio::test]
async fn the_visibility_timeout_of_a_message_can_be_changed() {
    let (emulator, client) = start().await;
    let url = url(&emulator, "failures");
    emulator.send_message("failures", "{}", BTreeMap::new()).expect("sent");
    let receipt = receive(&client, &url).await.and_then(|message| message.receipt_handle).expect("there");
    let change = |receipt: &str, seconds: i32| {
        client.change_message_visibility().queue_url(&url).receipt_handle(receipt).visibility_timeout(seconds).send()
    };
    change(&receipt, 900).await.expect("it is in flight");
    emulator.advance(Duration::from_secs(890));
    assert!(receive(&client, &url).await.is_none(), "the queue's 30 seconds don't count any more");
    let error = change(&receipt, 43_200).await.expect_err("more than 12 hours since it was received");
    assert!(error.message().is_some_and(|message| message.contains("Total VisibilityTimeout")), "{error:?}");
    let error = change(&receipt, 43_201).await.expect_err("out of range");
    assert!(error.message().is_some_and(|message| message.contains("between 0 and 43200")), "{error:?}");
    change(&receipt, 0).await.expect("it is in flight");
    let error = change(&receipt, 10).await.expect_err("it is visible").into_service_error();
    assert!(matches!(error, ChangeMessageVisibilityError::MessageNotInflight(_)), "{error:?}");
    assert!(receive(&client, &url).await.is_some());
    let error = change(&receipt, 10).await.expect_err("it was received again");
    assert_eq!(error.code(), Some("InvalidParameterValue"));
    assert!(change("none", 10).await.expect_err("no receipt").into_service_error().is_receipt_handle_is_invalid());
}

#[tokio::test]
async fn a_redrive_policy_keeps_the_message_and_a_move_task_makes_a_new_one() {
    let (emulator, client) = start().await;
    let sent = emulator.send_message("failures", "{}", BTreeMap::new()).expect("sent");
    let (failures, dead) = (url(&emulator, "failures"), url(&emulator, "dead"));
    for _ in 0..2 {
        receive(&client, &failures).await.expect("there");
        emulator.advance(Duration::from_secs(30));
    }
    assert!(receive(&client, &failures).await.is_none(), "received too often");
    let message = receive(&client, &dead).await.expect("there");
    let attributes = message.attributes().expect("asked for");
    let enqueued = attributes[&SystemAttribute::SentTimestamp].clone();
    assert_eq!(message.message_id(), Some(sent.as_str()));
    assert_eq!(attributes[&SystemAttribute::DeadLetterQueueSourceArn], arn("failures"));
    // It is in flight, so it can't be moved yet.
    let task = |source: &str| client.start_message_move_task().source_arn(arn(source));
    task("dead").send().await.expect("accepted");
    assert!(emulator.messages("failures").is_empty());
    emulator.advance(Duration::from_secs(30));
    task("dead").send().await.expect("accepted").task_handle().expect("there");
    assert!(emulator.messages("dead").is_empty());
    let message = receive(&client, &failures).await.expect("there");
    let attributes = message.attributes().expect("asked for");
    assert_ne!(message.message_id(), Some(sent.as_str()));
    assert!(attributes[&SystemAttribute::SentTimestamp] > enqueued);
    assert!(!attributes.contains_key(&SystemAttribute::DeadLetterQueueSourceArn));
    // A message that a program sent there needs an explicit destination.
    emulator.send_message("dead", "written there", BTreeMap::new()).expect("sent");
    task("dead").send().await.expect("accepted");
    assert_eq!(emulator.messages("dead").len(), 1);
    task("dead").destination_arn(arn("failures")).send().await.expect("accepted");
    assert!(emulator.messages("dead").is_empty());
    for (request, code) in [
        (task("failures"), "InvalidParameterValue"),
        (task("none"), "ResourceNotFoundException"),
        (task("dead").destination_arn(arn("none")), "ResourceNotFoundException"),
    ] {
        assert_eq!(request.send().await.expect_err(code).code(), Some(code));
    }
}

#[tokio::test]
async fn a_queue_returns_its_attributes() {
    let (emulator, client) = start().await;
    for _ in 0..3 {
        emulator.send_message("failures", "{}", BTreeMap::new()).expect("sent");
    }
    let url = url(&emulator, "failures");
    receive(&client, &url).await.expect("there");
    let ask = |name: QueueAttributeName| client.get_queue_attributes().queue_url(&url).attribute_names(name).send();
    let answer = ask(QueueAttributeName::All).await.expect("answered");
    let attributes = answer.attributes().expect("there");
    let expected = [
        (QueueAttributeName::ApproximateNumberOfMessages, "2".to_owned()),
        (QueueAttributeName::ApproximateNumberOfMessagesNotVisible, "1".to_owned()),
        (QueueAttributeName::VisibilityTimeout, "30".to_owned()),
        (QueueAttributeName::MessageRetentionPeriod, "345600".to_owned()),
        (
            QueueAttributeName::RedrivePolicy,
            format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":2}}"#, arn("dead")),
        ),
    ];
    for (name, value) in expected {
        assert_eq!(attributes[&name], value);
    }
    let answer = ask(QueueAttributeName::QueueArn).await.expect("answered");
    assert_eq!(answer.attributes().expect("there").len(), 1);
    let error = ask("Colour".into()).await.expect_err("no such attribute");
    assert_eq!(error.code(), Some("InvalidAttributeName"));
}

#[tokio::test]
async fn several_messages_are_shown_again_at_once() {
    use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;

    let (emulator, client) = start().await;
    let url = url(&emulator, "failures");
    for body in ["1", "2"] {
        emulator.send_message("failures", body, BTreeMap::new()).expect("sent");
    }
    let receipts = [receive(&client, &url).await, receive(&client, &url).await];
    assert!(receive(&client, &url).await.is_none());
    let entry = |(id, message): (usize, Option<Message>)| {
        let receipt = message.and_then(|message| message.receipt_handle).expect("received");
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id.to_string()).receipt_handle(receipt);
        entry.visibility_timeout(0).build().expect("complete")
    };
    let entries: Vec<_> = receipts.into_iter().enumerate().map(entry).collect();
    let stranger = ChangeMessageVisibilityBatchRequestEntry::builder().id("x").receipt_handle("nobody's");
    let stranger = stranger.visibility_timeout(0).build().expect("complete");
    let call = client.change_message_visibility_batch().queue_url(&url).set_entries(Some(entries)).entries(stranger);
    let answer = call.send().await.expect("an answer of 200");
    assert_eq!((answer.successful().len(), answer.failed().len()), (2, 1));
    assert_eq!(answer.failed()[0].id(), "x");
    assert!(receive(&client, &url).await.is_some() && receive(&client, &url).await.is_some());
    let none = client.change_message_visibility_batch().queue_url(&url).send().await.expect_err("no entries");
    assert_eq!(none.code(), Some("AWS.SimpleQueueService.EmptyBatchRequest"));
}

#[tokio::test]
async fn the_latest_move_is_told_of_first() {
    let (emulator, client) = start().await;
    let list = || client.list_message_move_tasks().source_arn(arn("dead")).send();
    assert!(list().await.expect("listed").results().is_empty());
    for count in [1, 2] {
        for _ in 0..count {
            emulator.send_message("dead", "5", BTreeMap::new()).expect("sent");
        }
        let call = client.start_message_move_task().source_arn(arn("dead")).destination_arn(arn("failures"));
        call.send().await.expect("started");
    }
    let tasks = list().await.expect("listed");
    let [latest] = tasks.results() else { panic!("one unless told more: {tasks:?}") };
    assert_eq!((latest.status(), latest.approximate_number_of_messages_moved()), (Some("COMPLETED"), 2));
    assert_eq!(latest.destination_arn(), Some(arn("failures").as_str()));
    let all = client.list_message_move_tasks().source_arn(arn("dead")).max_results(10).send().await.expect("listed");
    assert_eq!(all.results().len(), 2);
}
