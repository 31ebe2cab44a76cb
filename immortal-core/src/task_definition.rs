//! The names of a task definition.

/// The family of a task definition that is named by family, by family and revision, or by its ARN.
#[must_use]
pub fn family(task_definition: &str) -> &str {
    let name = task_definition.rsplit('/').next().unwrap_or(task_definition);
    name.split(':').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_names_its_family() {
        for definition in ["jobs", "jobs:7", "arn:aws:ecs:eu-central-1:111111111111:task-definition/jobs:7"] {
            assert_eq!(family(definition), "jobs", "{definition}");
        }
    }
}
