//! The template's roles against what the roles really call: nothing is called that is not granted, and nothing is granted
//! that is not called.

use std::collections::BTreeSet;

use immortal_emulator::{ACCOUNT, EntryKind, Fault, FaultKind, FaultedCalls, REGION};

use crate::{
    binaries::zip_of,
    chain::{Chain, Fate, Setup},
};

/// What `cargo immortal template` writes; its own tests hold it to this file.
const TEMPLATE: &str = include_str!("../../cargo-immortal/src/template/expected/default.yaml");

/// The actions that the policies of this resource allow.
fn granted(role: &str) -> BTreeSet<&'static str> {
    let section = TEMPLATE.split_once(&format!("\n  {role}:\n")).expect("the template has it").1;
    let lines = section.lines().take_while(|line| line.is_empty() || line.starts_with("   "));
    let words = lines.skip_while(|line| !line.contains("Policies:")).flat_map(str::split_whitespace);
    let action = |word: &&str| {
        let (service, action) = word.split_once(':').unwrap_or_default();
        // Not the keys of conditions, such as `ecs:cluster`.
        service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) && action.starts_with(char::is_uppercase)
    };
    words.filter(action).filter(|word| !word.ends_with(':')).collect()
}

/// The action that a call needs.
fn action(service: &str, operation: &str) -> String {
    format!("{service}:{}", operation.strip_suffix("ByArn").unwrap_or(operation))
}

fn called(chain: &Chain) -> BTreeSet<String> {
    let entries = chain.emulator.journal();
    let calls = entries.iter().filter_map(|entry| match &entry.kind {
        // A download's address is signed by Lambda itself.
        EntryKind::Called { service, operation, .. } if *service != "download" => Some(action(service, operation)),
        _ => None,
    });
    calls.collect()
}

#[tokio::test]
async fn granted_is_what_is_called() {
    let chain = Setup {
        function: |function| function.layers = vec![format!("arn:aws:lambda:{REGION}:{ACCOUNT}:layer:data:1")],
        ..Setup::of("killed")
    };
    let chain = chain.start().await;
    chain.emulator.publish_layer("data", zip_of([("data.txt", 0o644, b"data".as_slice())]));
    // A task's order is looked up, and the event is too large for one: every call that a role can make is made.
    chain.emulator.inject(Fault {
        operation: "TaskStateChange",
        kind: FaultKind::WithoutOverrides,
        calls: FaultedCalls::All,
    });
    let mut random = fastrand::Rng::with_seed(3);
    let noise: String = std::iter::repeat_with(|| random.alphanumeric()).take(50_000).collect();
    let request = chain.invoke(&format!(r#"{{"lambda":"fail","tasks":["fail","succeed"],"noise":"{noise}"}}"#)).await;
    assert!(matches!(chain.fate(&request).await, Fate::Task(_)), "{}", chain.story());

    // What the platform does for a role goes past the APIs here: the queue's messages, the logs, and the passing of roles.
    let of_ours =
        |action: &&'static str| !["logs:", "sqs:", "iam:"].iter().any(|platform| action.starts_with(platform));
    let dispatcher: BTreeSet<_> = granted("DispatcherRole").into_iter().filter(of_ours).collect();
    let runner: BTreeSet<_> = granted("TaskRole").into_iter().filter(of_ours).collect();
    assert!(dispatcher.is_disjoint(&runner), "each call is one role's: {dispatcher:?} {runner:?}");
    assert!(granted("PrimaryRole").into_iter().all(|action| !of_ours(&action)), "the primary calls nothing");
    let granted: BTreeSet<_> = dispatcher.union(&runner).map(|action| (*action).to_owned()).collect();
    assert_eq!(called(&chain), granted);
}
