//! `cargo immortal template`: one `CloudFormation` template of all that a function and its attempts on Fargate need.

pub(crate) mod grants;
mod packages;
mod parameters;
mod plan;
mod render;

use std::{
    path::{Component, Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use immortal_core::manifest::Manifest;

pub(crate) use self::packages::ZipPackages;
#[cfg(feature = "aws")]
use self::plan::PrimaryOwner;
use self::plan::{FailureDelivery, PrimaryPlan, TaskSettings, TemplatePlan};
#[cfg(feature = "aws")]
pub(crate) use self::{parameters::yaml as parameters_yaml, render::template as template_text};
use crate::{
    artifact::{self, CpuArchitecture},
    failure::CommandError,
    output::print_line,
    package, value,
};

/// What to write a template of.
#[derive(Debug, clap::Args)]
pub(crate) struct TemplateArgs {
    #[command(flatten)]
    options: TemplateOptions,
    /// Where to write the template [default: target/immortal/NAME/template.yaml]
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Replace the file that is there
    #[arg(long)]
    force: bool,
}

/// What decides a template, for each command that makes one.
#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct TemplateOptions {
    #[command(flatten)]
    pub(crate) selection: package::PackageSelection,
    /// All but the function, which another stack has; docs/existing-stacks.md shows how that stack takes the template
    #[arg(long, conflicts_with_all = ["dead_letter_config", "timeout"])]
    pub(crate) attach: bool,
    /// The function's package [default: target/lambda/NAME/bootstrap.zip]
    #[arg(long, value_name = "PATH")]
    pub(crate) zip: Option<PathBuf>,
    /// The dispatcher's package, where the function's was built without that role
    #[arg(long, value_name = "PATH")]
    pub(crate) dispatcher_zip: Option<PathBuf>,
    /// The processor of functions and tasks [default: the package's, else `x86_64`]
    #[arg(long, value_name = "ARCH")]
    pub(crate) arch: Option<CpuArchitecture>,
    /// Fill the failure queue by the function's `DeadLetterConfig` instead of its `OnFailure` destination
    #[arg(long)]
    pub(crate) dead_letter_config: bool,
    /// Let a queue trigger the function, which the template makes too; docs/triggers.md says what that means
    #[arg(long, conflicts_with_all = ["attach", "dead_letter_config"])]
    pub(crate) sqs: bool,
    /// The Lambda function's timeout
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = value::timeout)]
    pub(crate) timeout: Duration,
    /// The Lambda function's memory in MB; a task has twice as much, unless the attribute says what [default: 512]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(128..=10240))]
    pub(crate) memory: Option<u32>,
    /// The handler uses `immortal::Progress`: it gets the bucket's name, and may keep its progress there
    #[arg(long)]
    pub(crate) progress: bool,
    /// A variable of the Lambda function; the handler has it in Fargate too
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<value::EnvVariable>,
}

/// The packages of a template, as the template names them.
#[derive(Debug)]
pub(crate) struct CodeFiles {
    pub(crate) primary: String,
    /// The dispatcher's, where it has one of its own.
    pub(crate) dispatcher: Option<String>,
}

impl TemplateOptions {
    /// Which stack has the primary.
    #[cfg(feature = "aws")]
    pub(crate) fn owner(&self) -> PrimaryOwner {
        if self.attach { PrimaryOwner::OtherStack } else { PrimaryOwner::ThisStack }
    }

    /// All that decides the template's text.
    pub(crate) fn plan(
        &self,
        name: &str,
        architecture: CpuArchitecture,
        manifest: &Manifest,
        code: CodeFiles,
    ) -> TemplatePlan {
        let memory = self.memory.unwrap_or(LAMBDA_MEMORY);
        let primary = PrimaryPlan {
            code: code.primary,
            dispatcher_code: code.dispatcher,
            delivery: if self.dead_letter_config {
                FailureDelivery::DeadLetterConfig
            } else {
                FailureDelivery::OnFailure
            },
            has_source_queue: self.sqs,
            timeout: self.timeout,
            memory,
            environment: self.env.clone(),
        };
        TemplatePlan {
            name: name.to_owned(),
            version: manifest.immortal.to_string(),
            architecture,
            primary: (!self.attach).then_some(primary),
            task: TaskSettings::from_manifest(manifest, memory),
            has_progress: self.progress,
        }
    }

    /// What is odd about what was asked for, and is done all the same.
    pub(crate) fn note(&self, manifest: &Manifest, plan: &TemplatePlan) -> Option<String> {
        memory_note(manifest, self.memory, self.attach, plan.task)
    }
}

pub(crate) async fn run(args: TemplateArgs) -> Result<ExitCode, CommandError> {
    let TemplateArgs { options, output, force } = args;
    let candidate = package::find(&options.selection)?;
    let target = artifact::target_directory()?;
    let output = output.unwrap_or_else(|| target.join("immortal").join(&candidate.name).join("template.yaml"));
    artifact::may_write(&output, force)?;

    let zip = options.zip.clone().unwrap_or_else(|| artifact::package_path(&target, &candidate));
    let packages = ZipPackages::read(&zip, options.dispatcher_zip.as_deref(), &candidate)?;
    let architecture = packages.architecture(options.arch, &candidate).map_err(CommandError::WrongUse)?;
    let manifest = packages.describe(&candidate, options.selection.release, &options.env).await?;
    let from_template = |zip: &Path| Ok::<_, CommandError>(relative(&resolved(zip)?, &resolved(&output)?));
    let code = CodeFiles {
        primary: from_template(&zip)?,
        dispatcher: options.dispatcher_zip.as_deref().map(from_template).transpose()?,
    };
    let plan = options.plan(&candidate.name, architecture, &manifest, code);
    artifact::write(&output, render::template(&plan).as_bytes())?;

    let output = artifact::shown(&output);
    print_line(&output);
    if packages.primary.is_none() {
        eprintln!(
            "note: {} isn't there yet; next: {}",
            artifact::shown(&zip),
            artifact::build_command(&candidate, architecture)
        );
    }
    if let Some(note) = options.note(&manifest, &plan) {
        eprintln!("note: {note}");
    }
    eprintln!("next: {}", next(&plan, &output, options.dispatcher_zip.as_deref().unwrap_or(&zip)));
    Ok(ExitCode::SUCCESS)
}

/// The memory of a Lambda function of which nothing is said, in MB.
const LAMBDA_MEMORY: u32 = 512;

/// What is odd about the task's memory beside the Lambda function's, where that is known.
fn memory_note(manifest: &Manifest, lambda: Option<u32>, attach: bool, task: TaskSettings) -> Option<String> {
    let TaskSettings { memory, .. } = task;
    match lambda {
        None if attach && manifest.memory.is_none() => Some(format!(
            "a task has {memory} MB, which is twice {LAMBDA_MEMORY}; name the function's own memory with --memory if it is another"
        )),
        Some(lambda) if memory < lambda => Some(format!(
            "the attribute gives a task {memory} MB, and the function has {lambda}; what fits in Lambda may not fit in Fargate"
        )),
        _ => None,
    }
}

fn next(plan: &TemplatePlan, output: &str, zip: &Path) -> String {
    let name = &plan.name;
    match plan.primary {
        Some(_) => format!(
            "aws cloudformation package --template-file {output} --s3-bucket BUCKET --output-template-file \
             packaged.yaml\n      \
             aws cloudformation deploy --template-file packaged.yaml --stack-name {name} --capabilities CAPABILITY_IAM \
             --parameter-overrides Image=IMAGE Subnets=SUBNET,SUBNET"
        ),
        None => format!(
            "aws s3 cp {} s3://BUCKET/{name}/1.zip\n      \
             aws cloudformation deploy --template-file {output} --stack-name {name}-immortal --capabilities CAPABILITY_IAM \
             --parameter-overrides FunctionName=NAME FunctionRole=ROLE CodeBucket=BUCKET CodeKey={name}/1.zip Image=IMAGE \
             Subnets=SUBNET,SUBNET\n      \
             or by the stack that has the function: docs/existing-stacks.md",
            artifact::shown(zip)
        ),
    }
}

/// The absolute path without `..` and links, of which the end may not exist yet.
fn resolved(path: &Path) -> Result<PathBuf, CommandError> {
    let unknown = |error| CommandError::WrongUse(format!("{} can't be found: {error}", path.display()));
    let absolute = std::path::absolute(path).map_err(unknown)?;
    let mut resolved = PathBuf::new();
    for component in absolute.components() {
        match component {
            // Of what exists, the links are resolved by now.
            Component::ParentDir => drop(resolved.pop()),
            component => resolved.push(component),
        }
        resolved = resolved.canonicalize().unwrap_or(resolved);
    }
    Ok(resolved)
}

/// The way from a file to another: `package` and `deploy` take a template's paths relative to the template.
fn relative(to: &Path, from: &Path) -> String {
    let directory = from.parent().unwrap_or(Path::new("/"));
    let shared = to.components().zip(directory.components()).take_while(|(a, b)| a == b).count();
    let up = directory.components().skip(shared).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to.components().skip(shared)).collect();
    path.display().to_string()
}

#[cfg(test)]
mod dashboard_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_leads_through_no_parent_and_no_link() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().canonicalize().expect("it is there");
        std::fs::create_dir_all(root.join("real/deep")).expect("a directory");
        std::os::unix::fs::symlink(root.join("real/deep"), root.join("link")).expect("a link");
        let table = [
            ("a/../b.yaml", "b.yaml"),
            ("real/deep/../b.yaml", "real/b.yaml"),
            ("link/../b.yaml", "real/b.yaml"),
            ("link/new/../b.yaml", "real/deep/b.yaml"),
        ];
        for (path, expected) in table {
            assert_eq!(resolved(&root.join(path)).expect("known"), root.join(expected), "{path}");
        }
    }

    #[test]
    fn the_way_from_the_template_to_the_zip() {
        let zip = Path::new("/w/target/lambda/hello/bootstrap.zip");
        let table = [
            ("/w/target/immortal/hello/template.yaml", "../../lambda/hello/bootstrap.zip"),
            ("/w/template.yaml", "target/lambda/hello/bootstrap.zip"),
            ("/x/y/template.yaml", "../../w/target/lambda/hello/bootstrap.zip"),
            ("/w/target/lambda/hello/template.yaml", "bootstrap.zip"),
        ];
        for (template, expected) in table {
            assert_eq!(relative(zip, Path::new(template)), expected);
        }
    }
}
