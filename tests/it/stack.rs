//! Resolves the subset of CloudFormation that the templates of `cargo immortal template` use.

use immortal_emulator::{ACCOUNT, REGION};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// A template with the values of its parameters.
pub(crate) struct StackTemplate<'a> {
    root: Yaml<'a>,
    parameters: &'a [(&'a str, &'a str)],
    endpoint: String,
}

impl<'a> StackTemplate<'a> {
    pub(crate) fn read(text: &'a str, parameters: &'a [(&'a str, &'a str)], endpoint: String) -> Self {
        let mut documents = Yaml::load_from_str(text).expect("YAML");
        Self { root: documents.remove(0), parameters, endpoint }
    }

    /// A resource's resolved properties, without those that resolve to `AWS::NoValue`.
    pub(crate) fn properties(&self, resource: &str) -> Value {
        self.value(&self.root["Resources"][resource]["Properties"])
    }

    fn condition(&self, name: &str) -> bool {
        self.value(&self.root["Conditions"][name]) == json!(true)
    }

    fn value(&self, node: &Yaml<'_>) -> Value {
        match node {
            Yaml::Tagged(tag, argument) => self.function(&tag.suffix, argument),
            Yaml::Sequence(items) => items.iter().map(|item| self.value(item)).filter(|item| !item.is_null()).collect(),
            Yaml::Mapping(entries) => {
                let entries = entries.iter().map(|(key, value)| (text(&self.value(key)), self.value(value)));
                Value::Object(entries.filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
            }
            Yaml::Value(Scalar::String(text)) => json!(text),
            Yaml::Value(Scalar::Integer(number)) => json!(number),
            Yaml::Value(Scalar::Boolean(truth)) => json!(truth),
            other => panic!("not a value of a template: {other:?}"),
        }
    }

    fn function(&self, name: &str, argument: &Yaml<'_>) -> Value {
        let items = |at: usize| self.value(&argument[at]);
        match name {
            "Ref" => self.reference(argument.as_str().expect("a name")),
            "GetAtt" => {
                let (resource, attribute) = argument.as_str().and_then(|it| it.split_once('.')).expect("two names");
                assert_eq!(attribute, "Arn");
                json!(self.arn(resource))
            }
            "If" => {
                let branch = if self.condition(argument[0].as_str().expect("a name")) { 1 } else { 2 };
                items(branch)
            }
            "Equals" => json!(items(0) == items(1)),
            "Not" => json!(items(0) == json!(false)),
            "Join" => {
                let parts: Vec<_> = items(1).as_array().expect("a list").iter().map(text).collect();
                json!(parts.join(&text(&items(0))))
            }
            "Split" => text(&items(1)).split(text(&items(0)).as_str()).collect(),
            "Select" => {
                let at = items(0).as_u64().and_then(|at| usize::try_from(at).ok()).expect("a number");
                items(1)[at].clone()
            }
            "Sub" => json!(match argument {
                Yaml::Sequence(_) => self.substitute(&text(&items(0)), &items(1)),
                _ => self.substitute(argument.as_str().expect("text"), &Value::Null),
            }),
            other => panic!("the function !{other} is not implemented"),
        }
    }

    fn substitute(&self, template: &str, own: &Value) -> String {
        let mut parts = template.split("${");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |filled, part| {
            let (name, rest) = part.split_once('}').expect("a closing brace");
            let value = match (own.get(name), name.split_once('.')) {
                (Some(value), _) => text(value),
                (None, Some((resource, _))) => self.arn(resource),
                (None, None) => text(&self.reference(name)),
            };
            filled + &value + rest
        })
    }

    /// The value of `Ref` with this name.
    pub(crate) fn reference(&self, name: &str) -> Value {
        let said = self.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let parameter = self.root["Parameters"].as_mapping_get(name);
        if let Some(parameter) = parameter {
            let default = || text(&self.value(&parameter["Default"]));
            let value = said.map_or_else(default, str::to_owned);
            let list = parameter["Type"].as_str().is_some_and(|kind| kind != "String");
            return if list { value.split(',').collect() } else { json!(value) };
        }
        match name {
            "AWS::NoValue" => Value::Null,
            "AWS::AccountId" => json!(ACCOUNT),
            "AWS::Partition" => json!("aws"),
            "AWS::Region" => json!(REGION),
            "AWS::StackName" => json!("stack"),
            resource => match self.root["Resources"][resource]["Type"].as_str() {
                Some("AWS::SQS::Queue") => json!(format!("{}/{ACCOUNT}/{resource}", self.endpoint)),
                Some("AWS::ECS::TaskDefinition") => json!(self.arn(resource)),
                Some("AWS::S3::Bucket") => json!(resource.to_ascii_lowercase()),
                _ => json!(resource),
            },
        }
    }

    fn arn(&self, resource: &str) -> String {
        let of = |service: &str, name: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}");
        match self.root["Resources"][resource]["Type"].as_str() {
            Some("AWS::SQS::Queue") => of("sqs", resource),
            Some("AWS::ECS::Cluster") => of("ecs", &format!("cluster/{resource}")),
            Some("AWS::ECS::TaskDefinition") => {
                of("ecs", &format!("task-definition/{}:1", text(&self.properties(resource)["Family"])))
            }
            Some("AWS::S3::Bucket") => format!("arn:aws:s3:::{}", resource.to_ascii_lowercase()),
            kind => of("of", &format!("{kind:?}/{resource}")),
        }
    }
}

/// A scalar as text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
