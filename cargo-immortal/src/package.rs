//! Which binary of which package is meant.

use cargo_metadata::{Metadata, MetadataCommand, TargetKind};
use clap::Args;

use crate::failure::Failure;

/// The package that every function depends on.
pub(crate) const FRAMEWORK: &str = "immortal-lambda";

/// Where the handler is.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Selection {
    /// The package with the handler
    #[arg(short, long)]
    pub(crate) package: Option<String>,
    /// Its binary, where it has more than one
    #[arg(long)]
    pub(crate) bin: Option<String>,
    /// Build with the release profile
    #[arg(long)]
    pub(crate) release: bool,
}

/// A binary that could be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Its package.
    pub(crate) package: String,
    /// Its own name, and so the function's.
    pub(crate) bin: String,
    /// Whether the package depends on the framework.
    pub(crate) depends: bool,
    /// Where it does so without the default features: those to build a binary with all roles with.
    pub(crate) role_features: Option<String>,
    /// Whether the package is the one of the current directory.
    pub(crate) here: bool,
}

/// Finds the binary by what Cargo says of the workspace.
pub(crate) fn find(selection: &Selection) -> Result<Candidate, Failure> {
    let mut command = MetadataCommand::new();
    let metadata = command.no_deps().exec().map_err(|error| match error {
        cargo_metadata::Error::CargoMetadata { stderr } => {
            let stderr = stderr.trim();
            Failure::WrongUse(stderr.strip_prefix("error: ").unwrap_or(stderr).to_owned())
        }
        error => Failure::WrongUse(format!("cargo can't say what is in this directory: {error}")),
    })?;
    choose(&candidates(&metadata), selection).map_err(Failure::WrongUse)
}

fn candidates(metadata: &Metadata) -> Vec<Candidate> {
    let here = std::env::current_dir().unwrap_or_default();
    let binaries = |package: &cargo_metadata::Package| {
        let framework = package.dependencies.iter().find(|dependency| dependency.name == FRAMEWORK);
        let slim = framework.filter(|framework| !framework.uses_default_features);
        let role_features = slim.map(|slim| role_features(slim.rename.as_ref().unwrap_or(&slim.name)));
        let here = package.manifest_path.parent().is_some_and(|root| root.as_std_path() == here);
        let name = package.name.to_string();
        let bins = package.targets.iter().filter(|target| target.kind.contains(&TargetKind::Bin));
        let candidate = move |target: &cargo_metadata::Target| Candidate {
            package: name.clone(),
            bin: target.name.clone(),
            depends: framework.is_some(),
            role_features: role_features.clone(),
            here,
        };
        bins.map(candidate).collect::<Vec<_>>()
    };
    metadata.workspace_packages().into_iter().flat_map(binaries).collect()
}

/// The features of all roles, of the framework under the name that a package knows it by.
pub(crate) fn role_features(framework: &str) -> String {
    ["dispatcher", "runner", "large-events"].map(|feature| format!("{framework}/{feature}")).join(",")
}

/// The one that the flags name; without flags, the only one here, or the only one that there is.
fn choose(candidates: &[Candidate], selection: &Selection) -> Result<Candidate, String> {
    let Selection { package, bin, .. } = selection;
    if let Some(package) = package
        && !candidates.iter().any(|candidate| candidate.package == *package)
    {
        return Err(format!("there is no package {package:?} with a binary in this workspace; {}", offer(candidates)));
    }
    let named = |candidate: &&Candidate| match package {
        Some(package) => candidate.package == *package,
        None => candidate.depends,
    };
    let fits = |candidate: &&Candidate| bin.as_ref().is_none_or(|bin| candidate.bin == *bin);
    let named: Vec<_> = candidates.iter().filter(named).filter(fits).collect();
    let here: Vec<_> = named.iter().copied().filter(|candidate| candidate.here).collect();
    match (here.as_slice(), named.as_slice()) {
        ([only], _) | ([], [only]) => Ok((*only).clone()),
        ([], []) => {
            let missing = match (bin, package) {
                (Some(bin), _) => format!("there is no binary {bin:?}"),
                _ => "no package here depends on immortal-lambda".to_owned(),
            };
            Err(format!("{missing}; {}", offer(candidates)))
        }
        _ => Err(format!("more than one binary could be meant; {}", offer(candidates))),
    }
}

fn offer(candidates: &[Candidate]) -> String {
    let word = |candidate: &Candidate| {
        if candidate.package == candidate.bin {
            format!("-p {}", candidate.package)
        } else {
            format!("-p {} --bin {}", candidate.package, candidate.bin)
        }
    };
    let words: Vec<_> = candidates.iter().filter(|candidate| candidate.depends).map(word).collect();
    if words.is_empty() {
        "add immortal-lambda to a package, and #[immortal] to its handler".to_owned()
    } else {
        format!("choose with {}", words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(package: &str, bin: &str, depends: bool, here: bool) -> Candidate {
        Candidate { package: package.into(), bin: bin.into(), depends, role_features: None, here }
    }

    fn chosen(candidates: &[Candidate], package: Option<&str>, bin: Option<&str>) -> Result<String, String> {
        let selection = Selection { package: package.map(Into::into), bin: bin.map(Into::into), release: false };
        choose(candidates, &selection).map(|candidate| format!("{}/{}", candidate.package, candidate.bin))
    }

    #[test]
    fn the_flags_decide_and_then_the_place() {
        let workspace = [
            candidate("hello", "hello", true, false),
            candidate("ingest", "ingest", true, false),
            candidate("tool", "tool", false, false),
            candidate("two", "a", true, false),
            candidate("two", "b", true, false),
        ];
        let choices = "choose with -p hello, -p ingest, -p two --bin a, -p two --bin b";
        let table = [
            ((Some("ingest"), None), Ok("ingest/ingest".to_owned())),
            ((Some("tool"), None), Ok("tool/tool".to_owned())),
            ((Some("two"), Some("b")), Ok("two/b".to_owned())),
            ((None, Some("a")), Ok("two/a".to_owned())),
            ((Some("two"), None), Err(format!("more than one binary could be meant; {choices}"))),
            ((None, None), Err(format!("more than one binary could be meant; {choices}"))),
            ((Some("two"), Some("c")), Err(format!("there is no binary \"c\"; {choices}"))),
            (
                (Some("nope"), None),
                Err(format!("there is no package \"nope\" with a binary in this workspace; {choices}")),
            ),
        ];
        for ((package, bin), expected) in table {
            assert_eq!(chosen(&workspace, package, bin), expected, "{package:?} {bin:?}");
        }
    }

    #[test]
    fn without_flags_it_is_the_one_here_or_the_only_one() {
        let (other, here) = (candidate("hello", "hello", true, false), candidate("ingest", "ingest", true, true));
        assert_eq!(chosen(&[other.clone(), here], None, None), Ok("ingest/ingest".to_owned()));
        assert_eq!(chosen(&[other, candidate("tool", "tool", false, true)], None, None), Ok("hello/hello".to_owned()));
    }

    #[test]
    fn a_workspace_without_the_framework_says_how_to_begin() {
        let error = chosen(&[candidate("tool", "tool", false, true)], None, None).expect_err("nothing depends");
        assert!(error.ends_with("add immortal-lambda to a package, and #[immortal] to its handler"), "{error}");
    }
}
