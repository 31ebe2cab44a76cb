//! Which binary of which package is meant.

use cargo_metadata::{Metadata, MetadataCommand, TargetKind};
use clap::Args;

use crate::{failure::CommandError, names};

/// The package that every function depends on.
pub(crate) const FRAMEWORK: &str = "immortal-lambda";

/// Where the handler is.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PackageSelection {
    /// The package with the handler, as NAME or NAME@VERSION
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
pub(crate) struct PackageCandidate {
    /// Its package, as the user and `cargo lambda` name it: with the version, where a dependency has the same name.
    pub(crate) package: String,
    /// Its package, as Cargo alone knows it.
    pub(crate) id: String,
    /// Its own name.
    pub(crate) bin: String,
    /// The function's name, and the stack's.
    pub(crate) name: String,
    /// Where `cargo lambda` is to put it, if another package has a binary of the same name: both would lie in one place.
    pub(crate) lambda_dir: Option<String>,
    /// Whether the package depends on the framework.
    pub(crate) depends: bool,
    /// Where it does so without the default features: those to build a binary with all roles with.
    pub(crate) role_features: Option<String>,
    /// Whether the package is the one of the current directory.
    pub(crate) here: bool,
}

impl PackageCandidate {
    /// Whether this names its package: as NAME, NAME@VERSION, or as Cargo's package ID.
    fn is_of(&self, package: &str) -> bool {
        // The ID ends with the name and version, or the version alone where the directory has the package's name.
        let own = self.package.split('@').next().unwrap_or_default();
        let version = self.id.rsplit(['#', '@']).next().unwrap_or_default();
        package == own || package == self.id || package.split_once('@') == Some((own, version))
    }
}

/// Finds the binary by what Cargo says of the workspace.
pub(crate) fn find(selection: &PackageSelection) -> Result<PackageCandidate, CommandError> {
    let mut command = MetadataCommand::new();
    let metadata = command.no_deps().exec().map_err(|error| match error {
        cargo_metadata::Error::CargoMetadata { stderr } => {
            let stderr = stderr.trim();
            CommandError::WrongUse(stderr.strip_prefix("error: ").unwrap_or(stderr).to_owned())
        }
        error => CommandError::WrongUse(format!("cargo can't say what is in this directory: {error}")),
    })?;
    let lock = std::fs::read_to_string(metadata.workspace_root.join("Cargo.lock")).unwrap_or_default();
    choose(&candidates(&metadata, &lock), selection).map_err(CommandError::WrongUse)
}

fn candidates(metadata: &Metadata, lock: &str) -> Vec<PackageCandidate> {
    let packages = metadata.workspace_packages();
    let all: Vec<_> = packages.iter().flat_map(|package| binaries(package)).collect();
    let here = std::env::current_dir().unwrap_or_default();
    let of_package = |package: &&cargo_metadata::Package| {
        let framework = package.dependencies.iter().find(|dependency| dependency.name == FRAMEWORK);
        let slim = framework.filter(|framework| !framework.uses_default_features);
        let role_features = slim.map(|slim| role_features(slim.rename.as_ref().unwrap_or(&slim.name)));
        let here = package.manifest_path.parent().is_some_and(|root| root.as_std_path() == here);
        let own = binaries(package);
        let spec = spec(&package.name, &package.version.to_string(), lock);
        let id = package.id.repr.clone();
        let is_only = own.len() == 1;
        let (package, all) = (package.name.to_string(), &all);
        let candidate = move |bin: String| PackageCandidate {
            name: names::function(&function_name(&package, &bin, is_only, all)),
            lambda_dir: is_shared(&bin, all).then(|| format!("target/lambda/{package}")),
            package: spec.clone(),
            id: id.clone(),
            bin,
            depends: framework.is_some(),
            role_features: role_features.clone(),
            here,
        };
        own.into_iter().map(candidate).collect::<Vec<_>>()
    };
    packages.iter().flat_map(of_package).collect()
}

fn binaries(package: &cargo_metadata::Package) -> Vec<String> {
    let bins = package.targets.iter().filter(|target| target.kind.contains(&TargetKind::Bin));
    bins.map(|target| target.name.clone()).collect()
}

/// What Cargo takes for this package and no other, by what its lock file holds.
fn spec(package: &str, version: &str, lock: &str) -> String {
    let line = format!("name = \"{package}\"");
    let is_shared = lock.lines().filter(|other| *other == line).count() > 1;
    if is_shared { format!("{package}@{version}") } else { package.to_owned() }
}

/// The binary's name, unless it says nothing: as Lambda's own `bootstrap`, or as one of several of this name.
fn function_name(package: &str, bin: &str, is_only: bool, all: &[String]) -> String {
    if bin != "bootstrap" && !is_shared(bin, all) {
        bin.to_owned()
    } else if is_only {
        package.to_owned()
    } else {
        format!("{package}-{bin}")
    }
}

fn is_shared(bin: &str, all: &[String]) -> bool {
    all.iter().filter(|other| *other == bin).count() > 1
}

/// The features of all roles, of the framework under the name that a package knows it by.
pub(crate) fn role_features(framework: &str) -> String {
    ["dispatcher", "runner", "large-events"].map(|feature| format!("{framework}/{feature}")).join(",")
}

/// The one that the flags name; without flags, the only one here, or the only one that there is.
fn choose(candidates: &[PackageCandidate], selection: &PackageSelection) -> Result<PackageCandidate, String> {
    let PackageSelection { package, bin, .. } = selection;
    if let Some(package) = package
        && !candidates.iter().any(|candidate| candidate.is_of(package))
    {
        return Err(format!("there is no package {package:?} with a binary in this workspace; {}", offer(candidates)));
    }
    let named = |candidate: &&PackageCandidate| match package {
        Some(package) => candidate.is_of(package),
        None => candidate.depends,
    };
    let fits = |candidate: &&PackageCandidate| bin.as_ref().is_none_or(|bin| candidate.bin == *bin);
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

fn offer(candidates: &[PackageCandidate]) -> String {
    let word = |candidate: &PackageCandidate| {
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

/// A package with one binary of its own.
#[cfg(test)]
pub(crate) fn example(package: &str, bin: &str) -> PackageCandidate {
    PackageCandidate {
        package: package.to_owned(),
        id: format!("path+file:///w/{package}#0.1.0"),
        bin: bin.to_owned(),
        name: bin.to_owned(),
        lambda_dir: None,
        depends: true,
        role_features: None,
        here: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_called_as_its_binary_unless_that_says_nothing() {
        let all = ["hello", "bootstrap", "worker", "worker", "http"].map(str::to_owned);
        let table = [
            (("hello", "hello", true), "hello"),
            (("jobs", "http", false), "http"),
            (("orders", "bootstrap", true), "orders"),
            (("orders", "bootstrap", false), "orders-bootstrap"),
            (("orders", "worker", true), "orders"),
            (("stock", "worker", false), "stock-worker"),
        ];
        for ((package, bin, is_only), expected) in table {
            assert_eq!(function_name(package, bin, is_only, &all), expected);
        }
    }

    #[test]
    fn a_package_is_named_with_its_version_where_a_dependency_has_its_name() {
        let lock = "name = \"http\"\nversion = \"1.5.0\"\n\nname = \"http\"\nname = \"http-body\"\n";
        assert_eq!(spec("http", "0.1.0", lock), "http@0.1.0");
        assert_eq!(spec("http-body", "0.1.0", lock), "http-body");
        let http = PackageCandidate { package: "http@0.1.0".into(), ..example("http", "http") };
        for id in [http.id.clone(), "path+file:///w/web#http@0.1.0".to_owned()] {
            let http = PackageCandidate { id: id.clone(), ..http.clone() };
            for (named, expected) in
                [("http", true), ("http@0.1.0", true), (&id, true), ("http@1.5.0", false), ("web", false)]
            {
                assert_eq!(http.is_of(named), expected, "{named}");
            }
        }
    }

    fn candidate(package: &str, bin: &str, depends: bool, here: bool) -> PackageCandidate {
        PackageCandidate { depends, here, ..example(package, bin) }
    }

    fn chosen(candidates: &[PackageCandidate], package: Option<&str>, bin: Option<&str>) -> Result<String, String> {
        let selection = PackageSelection { package: package.map(Into::into), bin: bin.map(Into::into), release: false };
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
