//! The `overrides` of a `RunTask` call, and their length as sent.

use serde::Serialize;

use super::next_step::MOST_INTERRUPTIONS;
use crate::{
    manifest::MOST_ATTEMPTS,
    names::env,
    order::{EventForm, Order},
    task_size::TaskSize,
};

/// `overrides` may hold 8,192 characters, their JSON included (`botocore:ecs:RunTaskRequest.overrides`). Whether these
/// are characters or bytes is not documented, so bytes are counted, and the last few are left alone.
pub(crate) const LONGEST: usize = 7_900;

/// The last series for which there is room: each begins with a redrive, which a person makes.
const MOST_SERIES: u32 = 9_999;

/// The largest task that Fargate has: a job's tasks may grow to it.
const LARGEST_SIZE: TaskSize = TaskSize { cpu: 32_768, memory: 249_856 };

/// The overrides of a task: the order for one container, and the size of the task.
///
/// Its JSON is what the SDK sends of it: what is measured is what is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskOverrides {
    #[serde(rename = "containerOverrides")]
    containers: [ContainerOverride; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ephemeral_storage: Option<EphemeralStorage>,
}

/// The overrides of the container.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ContainerOverride {
    pub(crate) name: String,
    pub(crate) environment: Vec<OrderVariable>,
}

/// A variable of the order.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OrderVariable {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EphemeralStorage {
    // ECS's own spelling of GiB.
    #[serde(rename = "sizeInGiB")]
    pub(super) size_in_gib: i32,
}

/// Leaves out the order, which contains an event and a context.
impl std::fmt::Debug for ContainerOverride {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ContainerOverride({}, {} variables)", self.name, self.environment.len())
    }
}

impl std::fmt::Debug for OrderVariable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Variable({}, {} bytes)", self.name, self.value.len())
    }
}

impl TaskOverrides {
    /// The overrides for an order, and for the size and the storage in GiB that aren't left to the task definition.
    ///
    /// The size is the task's only: beside a sidecar a container of that size would be more than the task.
    #[must_use]
    pub(crate) fn new<E>(
        container: &str,
        order: &Order<E>,
        event: &EventForm,
        size: Option<TaskSize>,
        storage: Option<u32>,
    ) -> Self {
        let integer = |number: Option<u32>| number.and_then(|number| i32::try_from(number).ok());
        let variables = order.to_variables(event).into_iter().map(|(name, value)| OrderVariable { name, value });
        Self {
            containers: [ContainerOverride { name: container.to_owned(), environment: variables.collect() }],
            cpu: size.map(|size| size.cpu.to_string()),
            memory: size.map(|size| size.memory.to_string()),
            ephemeral_storage: integer(storage).map(|size_in_gib| EphemeralStorage { size_in_gib }),
        }
    }

    /// The container's part.
    #[must_use]
    pub(crate) fn container(&self) -> &ContainerOverride {
        let [container] = &self.containers;
        container
    }

    /// How many bytes of JSON these overrides are.
    #[must_use]
    pub(crate) fn length(&self) -> usize {
        json_length(self)
    }

    /// How many bytes they are in the longest order of the same job: what fits as attempt 1 fits as the last one.
    #[must_use]
    pub(crate) fn longest(&self) -> usize {
        let largest = [
            (env::ATTEMPT, MOST_ATTEMPTS + MOST_INTERRUPTIONS),
            (env::INTERRUPTIONS, MOST_INTERRUPTIONS),
            (env::SERIES, MOST_SERIES),
        ];
        let with_comma = |variable: &OrderVariable| json_length(variable).saturating_add(1);
        let own = self.container().environment.iter().filter(|own| largest.iter().any(|(name, _)| *name == own.name));
        let own: usize = own.map(with_comma).sum();
        let reserved = largest.map(|(name, value)| OrderVariable { name, value: value.to_string() });
        let growth = |number: &Option<String>, largest: u32| {
            number.as_ref().map_or(0, |number| largest.to_string().len().saturating_sub(number.len()))
        };
        let growth = growth(&self.cpu, LARGEST_SIZE.cpu) + growth(&self.memory, LARGEST_SIZE.memory);
        let reserved = reserved.iter().map(with_comma).sum::<usize>().saturating_sub(own);
        self.length().saturating_add(reserved).saturating_add(growth)
    }

    /// Whether they are short enough to be sent, in this attempt and in each later one.
    #[must_use]
    pub(crate) fn fit(&self) -> bool {
        self.longest() <= LONGEST
    }
}

fn json_length(value: &impl Serialize) -> usize {
    let mut counter = Counter(0);
    // Neither plain data nor the counter can fail; what couldn't be counted would never fit.
    serde_json::to_writer(&mut counter, value).map_or(usize::MAX, |()| counter.0)
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;

    fn overrides(order: &Order, size: Option<TaskSize>) -> TaskOverrides {
        TaskOverrides::new("runner", order, &order.event, size, None)
    }

    fn order(event: &str) -> Order {
        Order {
            event: EventForm::Inline(event.to_owned()),
            context: Context { aws_request_id: "r-1".into(), ..Context::default() },
            handler_path: None,
            attempt: 1,
            interruptions: 0,
            limit: None,
            series: 0,
            source: None,
            failed_at: None,
        }
    }

    #[test]
    fn the_size_is_the_tasks_and_not_the_containers() {
        let (order, size) = (order("1"), TaskSize { cpu: 1024, memory: 4096 });
        let overrides = TaskOverrides::new("runner", &order, &order.event, Some(size), Some(50));
        let json = serde_json::to_string(&overrides).expect("plain data");
        assert!(json.starts_with(
            r#"{"containerOverrides":[{"name":"runner","environment":[{"name":"AWS_LAMBDA_FUNCTION_EVENT","value":"1"}"#
        ));
        assert!(json.ends_with(r#""value":"1"}]}],"cpu":"1024","memory":"4096","ephemeralStorage":{"sizeInGiB":50}}"#));
        assert_eq!(overrides.length(), json.len());
    }

    #[test]
    fn what_the_task_definition_says_is_left_to_it() {
        let json = serde_json::to_string(&overrides(&order("1"), None));
        assert!(json.expect("plain data").ends_with(r#"{"name":"IMMORTAL_ATTEMPT","value":"1"}]}]}"#));
    }

    #[test]
    fn escaping_and_bytes_count() {
        let length = |event: &str| overrides(&order(event), None).length();
        let plain = length("0");
        for (event, more) in [("\"a\"", 4), ("\"\\\\\"", 7), ("\"ä\"", 5), ("\"😀\"", 7), ("\n0", 2)] {
            assert_eq!(length(event), plain + more, "{event:?}");
        }
    }

    #[test]
    fn what_fits_as_attempt_1_fits_as_the_last_one() {
        let overrides = |attempt, interruptions, memory, event: &str| {
            let size = TaskSize { cpu: memory / 4, memory };
            overrides(&Order { attempt, interruptions, ..order(event) }, Some(size))
        };
        let series = serde_json::to_string(&OrderVariable { name: env::SERIES, value: MOST_SERIES.to_string() });
        let series = series.expect("plain data").len() + 1;
        let (mut fitting, mut too_long) = (0, 0);
        for length in 7_400..7_800 {
            let event = format!("\"{}\"", "a".repeat(length));
            let first = overrides(1, 0, 1024, &event);
            for (attempt, interruptions, memory) in [(9, 0, 8192), (10, 0, 16_384), (10, 9, 122_880), (30, 20, 122_880)]
            {
                let later = overrides(attempt, interruptions, memory, &event);
                assert_eq!(later.longest(), first.longest(), "each attempt has the same room");
                assert!(!first.fit() || later.length() + series <= LONGEST, "{length} {attempt} {interruptions}");
            }
            let room_left = overrides(30, 20, 122_880, &event).length() + series <= LONGEST;
            assert_eq!(first.fit(), room_left, "{length}: no more room than that is kept");
            *(if first.fit() { &mut fitting } else { &mut too_long }) += 1;
        }
        assert!(fitting > 0 && too_long > 0, "{fitting} {too_long}");
    }
}
