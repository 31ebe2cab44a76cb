//! A template's text, as far as a deployment has to understand it: the files that it names, its parameters, and what differs
//! from another one. Read line by line, in the form in which `cargo immortal template` writes it.

use std::collections::BTreeMap;

/// Where an object lies in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct S3Location {
    pub(super) bucket: String,
    pub(super) key: String,
}

/// A parameter of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParameterDefault {
    pub(super) name: String,
    /// `None`: it must be given.
    pub(super) default: Option<String>,
}

/// What becomes of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TextChange {
    Add,
    Modify,
    Remove,
}

const CODE: &str = "      Code: ";

/// The files that `Code` of a function names, each once.
pub(super) fn code_paths(template: &str) -> Vec<String> {
    let mut paths: Vec<_> = template.lines().filter_map(code_path).collect();
    paths.dedup();
    paths
}

fn code_path(line: &str) -> Option<String> {
    let value = line.strip_prefix(CODE)?;
    // A mapping is an object in S3 already.
    (!value.starts_with('{')).then(|| scalar(value))
}

/// The template with the objects in the place of the files.
pub(super) fn with_objects(template: &str, objects: &BTreeMap<String, S3Location>) -> String {
    let line = |line: &str| {
        let object = code_path(line).and_then(|path| objects.get(&path));
        match object {
            Some(S3Location { bucket, key }) => format!("{CODE}{{S3Bucket: {bucket}, S3Key: {key}}}\n"),
            None => format!("{line}\n"),
        }
    };
    template.lines().map(line).collect()
}

/// The bucket that such a template names.
pub(super) fn bucket_of(template: &str) -> Option<String> {
    let lines = template.lines().filter_map(|line| line.strip_prefix(CODE)?.strip_prefix("{S3Bucket: "));
    let buckets = lines.filter_map(|rest| rest.split_once(',').map(|(bucket, _)| bucket));
    buckets.filter(|bucket| !bucket.starts_with('!')).map(str::to_owned).next()
}

/// The parameters, in their order.
pub(super) fn parameters(template: &str) -> Vec<ParameterDefault> {
    let mut parameters: Vec<ParameterDefault> = Vec::new();
    for line in section(template, "Parameters") {
        if let Some(name) = key(line) {
            parameters.push(ParameterDefault { name: name.to_owned(), default: None });
        } else if let (Some(default), Some(parameter)) = (line.strip_prefix("    Default: "), parameters.last_mut()) {
            parameter.default = Some(scalar(default));
        }
    }
    parameters
}

/// The resources and outputs whose text differs, with the type of each resource.
pub(super) fn differences(before: &str, after: &str) -> Vec<(TextChange, String, String)> {
    let (before, after) = (resources(before), resources(after));
    let kind = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("    Type: "));
        line.unwrap_or_default().to_owned()
    };
    let removed = before.iter().filter(|(name, _)| !after.contains_key(*name));
    let removed = removed.map(|(name, text)| (TextChange::Remove, name.clone(), kind(text)));
    let others = after.iter().filter_map(|(name, text)| match before.get(name) {
        None => Some((TextChange::Add, name.clone(), kind(text))),
        Some(before) if before != text => Some((TextChange::Modify, name.clone(), kind(text))),
        Some(_) => None,
    });
    others.chain(removed).collect()
}

/// Each resource's text by its logical id, without comments.
fn resources(template: &str) -> BTreeMap<String, String> {
    let mut resources = BTreeMap::<String, String>::new();
    let mut last = None;
    for line in section(template, "Resources").filter(|line| !line.trim_start().starts_with('#')) {
        if let Some(name) = key(line) {
            last = Some(name);
            resources.entry(name.to_owned()).or_default();
        } else if let (Some(resource), false) = (last.and_then(|name| resources.get_mut(name)), line.trim().is_empty())
        {
            resource.push_str(line);
            resource.push('\n');
        }
    }
    resources
}

/// The lines of a top-level section.
fn section<'a>(template: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let head = format!("{name}:");
    let begins = |line: &&str| !line.starts_with([' ', '#']) && !line.is_empty();
    template.lines().skip_while(move |line| line.trim_end() != head).skip(1).take_while(move |line| !begins(line))
}

/// The key of a line of the second level that has nothing but its key.
fn key(line: &str) -> Option<&str> {
    let key = line.strip_prefix("  ")?.trim_end().strip_suffix(':')?;
    (!key.starts_with([' ', '#'])).then_some(key)
}

/// A scalar of one line: plain, or in quotes of either kind.
fn scalar(value: &str) -> String {
    let value = value.trim();
    if let Some(quoted) = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')) {
        return quoted.replace("''", "'");
    }
    serde_json::from_str(value).ok().filter(|_| value.starts_with('"')).unwrap_or_else(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = include_str!("../template/expected/default.yaml");
    const EVERYTHING: &str = include_str!("../template/expected/everything.yaml");
    const ATTACHED: &str = include_str!("../template/expected/attach.yaml");

    #[test]
    fn the_files_become_objects() {
        let table = [
            (OWN, vec!["../../lambda/hello/bootstrap.zip"]),
            (EVERYTHING, vec!["/builds/my export/bootstrap.zip", "/builds/my export/dispatcher.zip"]),
            (ATTACHED, vec![]),
        ];
        for (template, paths) in table {
            assert_eq!(code_paths(template), paths);
            let location = |path: &&str| {
                let name = path.rsplit('/').next().unwrap_or_default();
                ((*path).to_owned(), S3Location { bucket: "b".into(), key: format!("hello/{name}") })
            };
            let packaged = with_objects(template, &paths.iter().map(location).collect());
            assert_eq!(code_paths(&packaged), [""; 0]);
            assert_eq!(packaged.lines().count(), template.lines().count());
            assert_eq!(bucket_of(&packaged), (!paths.is_empty()).then(|| "b".to_owned()));
        }
        assert_eq!(bucket_of(OWN), None);
    }

    #[test]
    fn parameters_and_their_defaults() {
        let default = |template: &str, name: &str| {
            let parameters = parameters(template);
            parameters.into_iter().find(|parameter| parameter.name == name).map(|parameter| parameter.default)
        };
        let table = [
            (OWN, "Image", Some(None)),
            (OWN, "Subnets", Some(None)),
            (OWN, "ImageRepository", Some(Some("hello-runner"))),
            (OWN, "TaskMemory", Some(Some("1024"))),
            (OWN, "Cluster", Some(Some(""))),
            (OWN, "FunctionName", None),
            (ATTACHED, "FunctionName", Some(None)),
            (ATTACHED, "Qualifier", Some(Some("$LATEST"))),
        ];
        for (template, name, expected) in table {
            assert_eq!(default(template, name), expected.map(|default| default.map(str::to_owned)), "{name}");
        }
        let names: Vec<_> = parameters(OWN).into_iter().map(|parameter| parameter.name).collect();
        assert_eq!(names.len(), names.iter().collect::<std::collections::BTreeSet<_>>().len(), "{names:?}");
    }

    #[test]
    fn what_differs_is_named() {
        assert_eq!(differences(OWN, OWN), []);
        let newer = OWN.replace("Timeout: 900", "Timeout: 60").replace("  # No retries", "  # None");
        let expected = (TextChange::Modify, "Primary".to_owned(), "AWS::Lambda::Function".to_owned());
        assert_eq!(differences(OWN, &newer), [expected]);
        let queue = include_str!("../template/expected/queue.yaml");
        let added = differences(OWN, queue);
        assert!(added.contains(&(TextChange::Add, "SourceQueue".into(), "AWS::SQS::Queue".into())), "{added:?}");
        let removed = differences(queue, OWN);
        assert!(removed.contains(&(TextChange::Remove, "SourceQueue".into(), "AWS::SQS::Queue".into())), "{removed:?}");
    }
}
