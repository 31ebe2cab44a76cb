use expect_test::expect;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn task(request_id: &str, attempt: u32, created: i64) -> DescribedTask {
    let context = format!(r#"{{"awsRequestId":"{request_id}","functionName":"hello"}}"#);
    DescribedTask {
        arn: format!("arn:{request_id}/{attempt}"),
        started_by: request_id.to_owned(),
        last_status: "RUNNING".to_owned(),
        desired_status: "RUNNING".to_owned(),
        cpu: 1_024,
        memory: 4_096,
        created: Some(at(created)),
        pull_started: Some(at(created + 10)),
        started: Some(at(created + 20)),
        environment: [(env::CONTEXT.to_owned(), context), (env::ATTEMPT.to_owned(), attempt.to_string())].into(),
        ..DescribedTask::default()
    }
}

fn stopped(task: DescribedTask, at_second: i64, code: &str, reason: &str, exit: Option<i64>) -> DescribedTask {
    DescribedTask {
        last_status: "STOPPED".to_owned(),
        desired_status: "STOPPED".to_owned(),
        stopped: Some(at(at_second)),
        stop_code: Some(code.to_owned()),
        stopped_reason: Some(reason.to_owned()),
        exit_code: exit,
        ..task
    }
}

#[test]
fn a_job_is_its_latest_attempt_with_the_costs_of_all() {
    let exited = "Essential container in task exited";
    let first = stopped(task("r-1", 1, 0), 1_810, "EssentialContainerExited", exited, Some(1));
    let spot = DescribedTask { capacity_provider: Some("FARGATE_SPOT".to_owned()), ..task("r-1", 2, 1_820) };
    let jobs = jobs(&[spot, first], at(3_630));
    let [job] = jobs.as_slice() else { panic!("{jobs:?}") };
    assert_eq!((job.attempt, job.state, job.spot, job.tasks), (2, JobState::Running, true, 2));
    assert_eq!((job.since_seconds, job.age_seconds), (3_630 - 1_840, 3_630));
    // 1,800 s of each.
    assert_eq!((job.vcpu_hours, job.gb_hours), (1.0, 4.0));
}

#[test]
fn a_redriven_job_is_its_latest_series() {
    let mut second = task("r-1", 1, 5_000);
    second.environment.insert(env::SERIES.to_owned(), "1".to_owned());
    let third = stopped(task("r-1", 3, 100), 200, "EssentialContainerExited", "", Some(3));
    let jobs = jobs(&[second, third], at(6_000));
    assert_eq!((jobs[0].series, jobs[0].attempt), (1, 1));
}

#[test]
fn states_and_reasons() {
    let exited =
        |exit| stopped(task("r", 1, 0), 60, "EssentialContainerExited", "Essential container in task exited", exit);
    let with = |last: &str, desired: &str| DescribedTask {
        last_status: last.to_owned(),
        desired_status: desired.to_owned(),
        stopped_reason: Some("Task stopped by user".to_owned()),
        ..task("r", 1, 0)
    };
    let memory = Some("OutOfMemoryError: Container killed due to memory usage".to_owned());
    let spot = "Your Spot Task was interrupted.";
    let tasks = [
        with("PROVISIONING", "RUNNING"),
        with("PENDING", "RUNNING"),
        with("RUNNING", "RUNNING"),
        with("RUNNING", "STOPPED"),
        with("DEPROVISIONING", "STOPPED"),
        exited(Some(0)),
        exited(Some(1)),
        exited(Some(2)),
        exited(Some(137)),
        DescribedTask { container_reason: memory, ..exited(Some(137)) },
        exited(Some(77)),
        exited(None),
        stopped(task("r", 1, 0), 60, "UserInitiated", "a bad day", Some(143)),
        stopped(task("r", 1, 0), 60, "SpotInterruption", spot, Some(143)),
        stopped(task("r", 1, 0), 60, "TaskFailedToStart", "CannotPullContainerError: no such image", None),
    ];
    let line = |task: &DescribedTask| {
        let job = &jobs(std::slice::from_ref(task), at(100))[0];
        format!("{}: {}", job.state.word(), job.reason.as_deref().unwrap_or("-"))
    };
    let lines: Vec<_> = tasks.iter().map(line).collect();
    expect![[r"
        starting: -
        starting: -
        running: -
        stopping: Task stopped by user
        stopping: Task stopped by user
        succeeded: -
        failed: exit 1: the handler returned an error
        failed: exit 2: it can never run
        failed: exit 137: killed by signal 9
        failed: OutOfMemoryError: Container killed due to memory usage
        failed: exit 77
        failed: Essential container in task exited
        stopped: a bad day
        interrupted: Your Spot Task was interrupted.
        interrupted: CannotPullContainerError: no such image"]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn what_is_at_work_comes_first() {
    let done = stopped(task("done", 1, 0), 90, "EssentialContainerExited", "", Some(0));
    let order: Vec<_> =
        jobs(&[done, task("old", 1, 0), task("new", 1, 50)], at(100)).into_iter().map(|job| job.request_id).collect();
    assert_eq!(order, ["new", "old", "done"]);
}

#[test]
fn a_task_whose_order_is_hidden_is_known_by_what_started_it() {
    let hidden = DescribedTask { environment: BTreeMap::new(), ..task("r-1", 3, 0) };
    let job = &jobs(&[hidden], at(100))[0];
    assert_eq!((job.request_id.as_str(), job.series, job.attempt), ("r-1", 0, 1));
}
