//! What each parameter of a stack is to be: what the user says, what this command knows, what the stack has, or the default.

use std::{collections::BTreeMap, str::FromStr};

use super::packaged_template::ParameterDefault;

/// `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParameterFlag {
    pub(super) name: String,
    pub(super) value: String,
}

impl FromStr for ParameterFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(format!("{name:?} is not the name of a parameter: letters and digits"));
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

/// What a parameter of the stack becomes. One that is in no list has its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParameterValue {
    Given(String),
    /// What the stack has.
    Previous,
}

/// What the parameters are decided from.
#[derive(Debug)]
pub(super) struct ParameterSources<'a> {
    /// Those of the template to deploy.
    pub(super) wanted: &'a [ParameterDefault],
    /// Those of the template that is deployed.
    pub(super) deployed: &'a [ParameterDefault],
    /// What the stack has.
    pub(super) previous: &'a BTreeMap<String, String>,
    pub(super) flags: &'a [ParameterFlag],
    /// What this command finds out by itself; a flag overrides it.
    pub(super) known: &'a BTreeMap<&'static str, String>,
}

impl ParameterSources<'_> {
    /// The parameters to name, or all that is wrong with them.
    pub(super) fn values(&self) -> Result<BTreeMap<String, ParameterValue>, String> {
        let mut problems = self.unknown();
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for ParameterDefault { name, default } in self.wanted {
            if let Some(value) = self.given(name) {
                values.insert(name.clone(), ParameterValue::Given(value.to_owned()));
            } else if self.keeps(name, default.is_some()) {
                values.insert(name.clone(), ParameterValue::Previous);
            } else if default.is_none() {
                missing.push(format!("--parameter {name}=VALUE"));
            }
        }
        if !missing.is_empty() {
            problems.push(format!("the stack needs {}; docs/deploy.md says what each is", missing.join(" and ")));
        }
        if problems.is_empty() { Ok(values) } else { Err(problems.join("; ")) }
    }

    fn given(&self, name: &str) -> Option<&str> {
        let flag = self.flags.iter().rfind(|flag| flag.name == name).map(|flag| flag.value.as_str());
        flag.or_else(|| self.known.get(name).map(String::as_str))
    }

    /// Whether the stack's own value stays: one that somebody chose, and not the default of the template before, which follows
    /// the attribute and the flags.
    fn keeps(&self, name: &str, has_default: bool) -> bool {
        let Some(previous) = self.previous.get(name) else { return false };
        let deployed = self.deployed.iter().find(|parameter| parameter.name == name);
        let was_default = deployed.is_some_and(|parameter| parameter.default.as_ref() == Some(previous));
        !(has_default && was_default)
    }

    fn unknown(&self) -> Vec<String> {
        let is_unknown = |flag: &&ParameterFlag| !self.wanted.iter().any(|wanted| wanted.name == flag.name);
        let names: Vec<_> = self.wanted.iter().map(|parameter| parameter.name.as_str()).collect();
        let unknown = self.flags.iter().filter(is_unknown);
        unknown
            .map(|flag| format!("the template has no parameter {}; it has {}", flag.name, names.join(", ")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_names_and_values() {
        let table = [
            ("Subnets=subnet-a,subnet-b", Some(("Subnets", "subnet-a,subnet-b"))),
            ("Cluster=", Some(("Cluster", ""))),
            ("A=b=c", Some(("A", "b=c"))),
            ("Subnets", None),
            ("=x", None),
            ("Sub nets=x", None),
        ];
        for (text, expected) in table {
            let flag = text.parse::<ParameterFlag>().ok().map(|flag| (flag.name, flag.value));
            assert_eq!(flag, expected.map(|(name, value)| (name.to_owned(), value.to_owned())), "{text}");
        }
    }

    fn defaults(parameters: &[(&str, Option<&str>)]) -> Vec<ParameterDefault> {
        let default = |(name, default): &(&str, Option<&str>)| ParameterDefault {
            name: (*name).to_owned(),
            default: default.map(str::to_owned),
        };
        parameters.iter().map(default).collect()
    }

    fn values(
        previous: &[(&str, &str)],
        flags: &[&str],
        known: &[(&'static str, &str)],
    ) -> Result<BTreeMap<String, ParameterValue>, String> {
        let wanted =
            defaults(&[("Image", None), ("Subnets", None), ("TaskMemory", Some("2048")), ("MaxTasks", Some(""))]);
        let deployed = defaults(&[("Image", None), ("Subnets", None), ("TaskMemory", Some("1024")), ("Old", None)]);
        let flags: Vec<_> = flags.iter().map(|flag| flag.parse().expect("a flag")).collect();
        let known = known.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let previous = previous.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ParameterSources { wanted: &wanted, deployed: &deployed, previous: &previous, flags: &flags, known: &known }
            .values()
    }

    #[test]
    fn each_has_its_source() {
        let given = |value: &str| ParameterValue::Given(value.to_owned());
        let stack = [("Image", "i:1"), ("Subnets", "s"), ("TaskMemory", "1024"), ("Old", "x")];
        let table = [
            (values(&[], &["Subnets=a"], &[("Image", "i")]), vec![("Image", given("i")), ("Subnets", given("a"))]),
            (
                values(&stack, &[], &[("Image", "i:2")]),
                vec![("Image", given("i:2")), ("Subnets", ParameterValue::Previous)],
            ),
            (
                values(&stack, &["Image=mine", "MaxTasks=5"], &[("Image", "i:2")]),
                vec![("Image", given("mine")), ("MaxTasks", given("5")), ("Subnets", ParameterValue::Previous)],
            ),
            // Chosen by somebody, so that the new default does not apply.
            (
                values(&[("Image", "i:1"), ("Subnets", "s"), ("TaskMemory", "8192")], &[], &[]),
                vec![
                    ("Image", ParameterValue::Previous),
                    ("Subnets", ParameterValue::Previous),
                    ("TaskMemory", ParameterValue::Previous),
                ],
            ),
        ];
        for (values, expected) in table {
            let expected = expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            assert_eq!(values, Ok(expected));
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let error = values(&[], &["Subnet=a", "Memory=1"], &[]).expect_err("all of it is wrong");
        for part in [
            "no parameter Subnet; it has Image, Subnets, TaskMemory, MaxTasks",
            "no parameter Memory",
            "needs --parameter Image=VALUE and --parameter Subnets=VALUE",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
