use expect_test::expect;

use super::*;

fn report(waiting: u64, in_flight: u64, was_paused: bool, oldest: Option<u64>) -> PauseReport {
    let queue = QueueAttributes { waiting, in_flight, retention: 14 * 86_400, ..QueueAttributes::default() };
    let now = "2026-11-26T12:00:00Z".parse().expect("a moment");
    PauseReport::new("hello", was_paused, &queue, oldest.map(Duration::from_secs), now)
}

#[test]
fn it_says_until_when_it_may_last() {
    expect![[r"
        hello is paused: nothing new starts, tasks at work go on
        42 in the failure queue, 2 of them received already; it keeps a message for 14d
        the oldest is 3h 10m old and would be lost at 2026-12-10T08:50:00Z: resume before
        go on with: cargo immortal resume"]]
    .assert_eq(&report(40, 2, false, Some(11_400)).lines().join("\n"));
    expect![[r"
        hello is already paused: nothing new starts, tasks at work go on
        5 in the failure queue, which keeps a message for 14d
        CloudWatch does not say yet how old the oldest is; ask again with `cargo immortal pause`
        go on with: cargo immortal resume"]]
    .assert_eq(&report(5, 0, true, None).lines().join("\n"));
    expect![[r"
        hello is paused: nothing new starts, tasks at work go on
        nothing waits in the failure queue, which keeps a message for 14d
        go on with: cargo immortal resume"]]
    .assert_eq(&report(0, 0, false, Some(9)).lines().join("\n"));
}

#[test]
fn as_json() {
    let json = serde_json::to_string_pretty(&report(40, 2, false, Some(11_400))).expect("plain data");
    expect![[r#"
        {
          "function": "hello",
          "paused": true,
          "wasPaused": false,
          "waiting": 40,
          "inFlight": 2,
          "retentionSeconds": 1209600,
          "oldestSeconds": 11400,
          "oldestExpires": "2026-12-10T08:50:00Z"
        }"#]]
    .assert_eq(&json);
}
