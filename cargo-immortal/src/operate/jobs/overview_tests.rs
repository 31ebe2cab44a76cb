use expect_test::expect;

use super::{super::job::JobState, *};

fn job(request_id: &str, state: JobState) -> Job {
    Job {
        request_id: request_id.to_owned(),
        series: 0,
        attempt: 1,
        state,
        since_seconds: 130,
        age_seconds: 7_500,
        spot: true,
        cpu: 256,
        memory: 512,
        vcpu_hours: 0.52,
        gb_hours: 1.0413,
        reason: (state == JobState::Failed).then(|| "exit 1: the handler returned an error".to_owned()),
        task: "arn:aws:ecs:eu-central-1:111111111111:task/jobs/0123".to_owned(),
        created: Some("2026-11-26T09:55:00Z".to_owned()),
        tasks: 2,
    }
}

fn overview(jobs: Vec<Job>, mapping: Option<&str>, dead: Option<u64>) -> JobsOverview {
    let failures = QueueDepth { waiting: 12, in_flight: 3 };
    let dead = dead.map(|waiting| QueueDepth { waiting, in_flight: 0 });
    let now = "2026-11-26T12:00:00Z".parse().expect("a moment");
    JobsOverview::new("hello", jobs, failures, dead, mapping.map(str::to_owned), now)
}

#[test]
fn as_a_table() {
    let jobs = vec![
        job("8f5f1f5c-7a1b-4a86-9d5e-0d1c2b3a4f5e", JobState::Running),
        job("r-2", JobState::Failed),
        Job { spot: false, cpu: 4_096, memory: 16_384, series: 1, ..job("r-3", JobState::Succeeded) },
    ];
    expect![[r"
        REQUEST                               SERIES  ATTEMPT  STATE      SINCE   AGE    CAPACITY  SIZE               VCPU-H  GB-H  ENDED BY
        8f5f1f5c-7a1b-4a86-9d5e-0d1c2b3a4f5e  0       1        running    2m 10s  2h 5m  Spot      0.25 vCPU, 0.5 GB  0.52    1.04
        r-2                                   0       1        failed     2m 10s  2h 5m  Spot      0.25 vCPU, 0.5 GB  0.52    1.04  exit 1: the handler returned an error
        r-3                                   1       1        succeeded  2m 10s  2h 5m  Fargate   4 vCPU, 16 GB      0.52    1.04

        failure queue  12 waiting, 3 received already
        dead letters   2 waiting: cargo immortal dead
        paused         no"]].assert_eq(&overview(jobs, Some("Enabled"), Some(2)).lines().join("\n"));
    expect![[r"
        no job of the last hour has a task

        failure queue  12 waiting, 3 received already
        dead letters   none
        paused         yes: cargo immortal resume"]]
    .assert_eq(&overview(vec![], Some("Disabled"), Some(0)).lines().join("\n"));
    expect![[r"
        no job of the last hour has a task

        failure queue  12 waiting, 3 received already
        dead letters   no queue for them
        paused         unknown: no mapping leads to the dispatcher"]]
    .assert_eq(&overview(vec![], None, None).lines().join("\n"));
}

#[test]
fn as_json() {
    let json = serde_json::to_string_pretty(&overview(vec![job("r-2", JobState::Failed)], Some("Disabling"), None));
    expect![[r#"
        {
          "function": "hello",
          "at": "2026-11-26T12:00:00Z",
          "paused": true,
          "mapping": "Disabling",
          "failureQueue": {
            "waiting": 12,
            "inFlight": 3
          },
          "deadLetters": null,
          "jobs": [
            {
              "requestId": "r-2",
              "series": 0,
              "attempt": 1,
              "state": "failed",
              "sinceSeconds": 130,
              "ageSeconds": 7500,
              "spot": true,
              "cpu": 256,
              "memory": 512,
              "vcpuHours": 0.52,
              "gbHours": 1.0413,
              "reason": "exit 1: the handler returned an error",
              "task": "arn:aws:ecs:eu-central-1:111111111111:task/jobs/0123",
              "created": "2026-11-26T09:55:00Z",
              "tasks": 2
            }
          ]
        }"#]]
    .assert_eq(&json.expect("plain data"));
}
