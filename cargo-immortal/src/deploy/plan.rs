//! What a deployment does: a pure function of what is there and what is asked for, shown by `--plan` and then done.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use serde::Serialize;

use super::{
    freshness::StaleZip,
    image_choice::ImageChoice,
    packaged_template::{TextChange, differences},
    stack_parameters::ParameterValue,
};

/// A zip, and whether it has to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ZipState {
    /// As the user would write it.
    pub(super) path: String,
    /// `None`: it is newer than its sources, or was named by the user.
    pub(super) stale: Option<StaleZip>,
    /// The words of the command that builds it.
    pub(super) command: Vec<String>,
    /// Of the zip that is there, where it stays.
    pub(super) key: Option<String>,
    /// Whether the bucket has it.
    pub(super) is_uploaded: bool,
}

/// The image, and what there is of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ImageState {
    pub(super) choice: ImageChoice,
    /// The name of our own repository.
    pub(super) repository: String,
    pub(super) has_repository: bool,
    /// The tag of this runner; `None`: nothing is locked yet that it could be made of.
    pub(super) tag: Option<String>,
    pub(super) is_pushed: bool,
}

/// The bucket of the zips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BucketState {
    pub(super) name: String,
    pub(super) is_there: bool,
}

/// The stack, before and after.
#[derive(Clone, Debug, Default)]
pub(super) struct StackState {
    pub(super) name: String,
    /// The template and the parameters that are deployed; `None` for a new stack.
    pub(super) deployed: Option<(String, BTreeMap<String, String>)>,
    /// The template to deploy; `None` where it is known only after a build.
    pub(super) template: Option<String>,
    pub(super) parameters: BTreeMap<String, ParameterValue>,
}

/// All that is there.
#[derive(Clone, Debug)]
pub(super) struct DeployFacts {
    pub(super) zips: Vec<ZipState>,
    pub(super) image: ImageState,
    pub(super) bucket: BucketState,
    pub(super) stack: StackState,
}

/// What is done about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub(super) enum DeployStep {
    /// The zip is newer than its sources.
    KeepZip {
        path: String,
    },
    BuildZip {
        path: String,
        command: String,
        why: String,
    },
    /// The image is the one that was chosen.
    TakeImage {
        image: String,
    },
    /// The image of this runner is there.
    KeepImage {
        image: String,
    },
    MakeRepository {
        repository: String,
    },
    /// Build and push.
    PushImage {
        image: String,
    },
    MakeBucket {
        bucket: String,
    },
    KeepUpload {
        object: String,
    },
    Upload {
        path: String,
        object: String,
    },
    CreateStack {
        stack: String,
        changes: Vec<PlannedChange>,
    },
    UpdateStack {
        stack: String,
        changes: Vec<PlannedChange>,
    },
    /// What changes is known once the package is built.
    DeployStack {
        stack: String,
        changes: Vec<PlannedChange>,
    },
    KeepStack {
        stack: String,
    },
}

/// A change of the stack, as far as the texts tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct PlannedChange {
    /// `add`, `modify`, `remove`, or `set` for a parameter.
    pub(super) action: &'static str,
    pub(super) name: String,
    /// A resource's type, or a parameter's value.
    pub(super) detail: String,
}

/// The steps, in the order in which they are done.
pub(super) fn plan(state: &DeployFacts) -> Vec<DeployStep> {
    let mut steps: Vec<_> = state.zips.iter().map(zip_step).collect();
    steps.extend(image_steps(&state.image));
    if !state.bucket.is_there {
        steps.push(DeployStep::MakeBucket { bucket: state.bucket.name.clone() });
    }
    steps.extend(state.zips.iter().map(|zip| upload_step(zip, &state.bucket)));
    steps.push(stack_step(&state.stack));
    steps
}

fn zip_step(zip: &ZipState) -> DeployStep {
    let ZipState { path, stale, command, .. } = zip.clone();
    match stale {
        None => DeployStep::KeepZip { path },
        Some(why) => DeployStep::BuildZip { path, command: command.join(" "), why: why.to_string() },
    }
}

fn image_steps(state: &ImageState) -> Vec<DeployStep> {
    let ImageState { choice, repository, has_repository, tag, is_pushed } = state;
    let own = format!("{repository}:{}", tag.as_deref().unwrap_or("TAG"));
    match choice {
        ImageChoice::Named(image) | ImageChoice::Kept(image) => vec![DeployStep::TakeImage { image: image.clone() }],
        ImageChoice::Own if *is_pushed => vec![DeployStep::KeepImage { image: own }],
        ImageChoice::Own => {
            let make = (!has_repository).then(|| DeployStep::MakeRepository { repository: repository.clone() });
            make.into_iter().chain([DeployStep::PushImage { image: own }]).collect()
        }
    }
}

fn upload_step(zip: &ZipState, bucket: &BucketState) -> DeployStep {
    let key = zip.key.as_deref().unwrap_or("HASH.zip");
    let object = format!("s3://{}/{key}", bucket.name);
    if zip.is_uploaded {
        DeployStep::KeepUpload { object }
    } else {
        DeployStep::Upload { path: zip.path.clone(), object }
    }
}

fn stack_step(state: &StackState) -> DeployStep {
    let stack = state.name.clone();
    let empty = BTreeMap::new();
    let (template, previous) = match &state.deployed {
        Some((template, parameters)) => (template.as_str(), parameters),
        None => ("", &empty),
    };
    let mut changes = parameter_changes(&state.parameters, previous);
    let Some(wanted) = &state.template else {
        return DeployStep::DeployStack { stack, changes };
    };
    let resources = differences(template, wanted).into_iter().map(|(change, name, kind)| {
        let action = match change {
            TextChange::Add => "add",
            TextChange::Modify => "modify",
            TextChange::Remove => "remove",
        };
        PlannedChange { action, name, detail: kind }
    });
    changes.extend(resources);
    match &state.deployed {
        None => DeployStep::CreateStack { stack, changes },
        Some(_) if changes.is_empty() => DeployStep::KeepStack { stack },
        Some(_) => DeployStep::UpdateStack { stack, changes },
    }
}

fn parameter_changes(
    wanted: &BTreeMap<String, ParameterValue>,
    previous: &BTreeMap<String, String>,
) -> Vec<PlannedChange> {
    let given = wanted.iter().filter_map(|(name, value)| match value {
        ParameterValue::Given(value) if previous.get(name) != Some(value) => Some((name, value)),
        _ => None,
    });
    given.map(|(name, value)| PlannedChange { action: "set", name: name.clone(), detail: value.clone() }).collect()
}

/// As a person reads it: what it is about, and what would be done.
impl fmt::Display for DeployStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, subject: &str, text: &str| write!(f, "{subject:<8}  {text}");
        match self {
            Self::KeepZip { path } => line(f, "package", &format!("{path} is there")),
            Self::BuildZip { path, command, why } => {
                line(f, "package", &format!("build {path}, since {why}: {command}"))
            }
            Self::TakeImage { image } => line(f, "image", &format!("{image}, as chosen")),
            Self::KeepImage { image } => line(f, "image", &format!("{image} is there")),
            Self::MakeRepository { repository } => line(f, "image", &format!("make the ECR repository {repository}")),
            Self::PushImage { image } => line(f, "image", &format!("build and push {image}")),
            Self::MakeBucket { bucket } => line(f, "code", &format!("make the bucket {bucket}")),
            Self::KeepUpload { object } => line(f, "code", &format!("{object} is there")),
            Self::Upload { path, object } => line(f, "code", &format!("upload {path} as {object}")),
            Self::KeepStack { stack } => line(f, "stack", &format!("{stack} has nothing to change")),
            Self::CreateStack { stack, changes } => line(f, "stack", &format!("create {stack}{}", listed(changes))),
            Self::UpdateStack { stack, changes } => line(f, "stack", &format!("update {stack}{}", listed(changes))),
            Self::DeployStack { stack, changes } => line(
                f,
                "stack",
                &format!(
                    "deploy {stack}; which resources change is known once the package is built{}",
                    listed(changes)
                ),
            ),
        }
    }
}

fn listed(changes: &[PlannedChange]) -> String {
    let width = changes.iter().map(|change| change.name.len()).max().unwrap_or_default();
    changes.iter().fold(String::new(), |mut text, PlannedChange { action, name, detail }| {
        // Writing to a string can't fail.
        let _ = write!(text, "\n            {action:<6}  {name:<width$}  {detail}");
        text
    })
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
