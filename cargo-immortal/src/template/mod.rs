//! `cargo immortal template`: one `CloudFormation` template of all that a function and its lives need.

mod grants;
mod packages;
mod plan;
mod render;

use std::{
    path::{Component, Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use self::{
    packages::ZipPackages,
    plan::{FailureDelivery, TaskSettings, TemplatePlan},
};
use crate::{
    artifact::{self, CpuArchitecture},
    failure::CommandError,
    output::say,
    package, value,
};

/// What to write a template of.
#[derive(Debug, clap::Args)]
pub(crate) struct TemplateArgs {
    #[command(flatten)]
    selection: package::PackageSelection,
    /// Where to write the template [default: target/immortal/NAME/template.yaml]
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Replace the file that is there
    #[arg(long)]
    force: bool,
    /// The function's package [default: target/lambda/NAME/bootstrap.zip]
    #[arg(long, value_name = "PATH")]
    zip: Option<PathBuf>,
    /// The dispatcher's package, where the function's was built without that role
    #[arg(long, value_name = "PATH")]
    dispatcher_zip: Option<PathBuf>,
    /// The processor of functions and tasks [default: the package's, else `x86_64`]
    #[arg(long, value_name = "ARCH")]
    arch: Option<CpuArchitecture>,
    /// Fill the failure queue by the function's `DeadLetterConfig` instead of its `OnFailure` destination
    #[arg(long)]
    dead_letter_config: bool,
    /// The Lambda function's timeout
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = value::timeout)]
    timeout: Duration,
    /// The Lambda function's memory in MB
    #[arg(long, value_name = "MB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(128..=10240))]
    memory: u32,
    /// A variable of the Lambda function; the handler has it in Fargate too
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<value::EnvVariable>,
    /// The handler uses `immortal::Progress`: it gets the bucket, and may keep its progress there
    #[arg(long)]
    progress: bool,
}

pub(crate) async fn run(args: TemplateArgs) -> Result<ExitCode, CommandError> {
    let candidate = package::find(&args.selection)?;
    let target = artifact::target_directory()?;
    let output = args.output.unwrap_or_else(|| target.join("immortal").join(&candidate.name).join("template.yaml"));
    artifact::may_write(&output, args.force)?;

    let zip = args.zip.unwrap_or_else(|| artifact::package_path(&target, &candidate));
    let packages = ZipPackages::read(&zip, args.dispatcher_zip.as_deref(), &candidate)?;
    let architecture = packages.architecture(args.arch, &candidate).map_err(CommandError::WrongUse)?;
    let manifest = packages.describe(&candidate, args.selection.release, &args.env).await?;
    let from_template = |zip: &Path| Ok(relative(&resolved(zip)?, &resolved(&output)?));
    let plan = TemplatePlan {
        code: from_template(&zip)?,
        dispatcher_code: args.dispatcher_zip.as_deref().map(from_template).transpose()?,
        architecture,
        delivery: if args.dead_letter_config { FailureDelivery::DeadLetterConfig } else { FailureDelivery::OnFailure },
        timeout: args.timeout,
        memory: args.memory,
        environment: args.env,
        task: TaskSettings::of(&manifest),
        progress: args.progress,
        name: candidate.name.clone(),
    };
    artifact::write(&output, render::template(&plan).as_bytes())?;

    let output = artifact::shown(&output);
    say(&output);
    if packages.primary.is_none() {
        eprintln!(
            "note: {} isn't there yet; next: {}",
            artifact::shown(&zip),
            artifact::build_command(&candidate, architecture)
        );
    }
    eprintln!(
        "next: aws cloudformation package --template-file {output} --s3-bucket BUCKET --output-template-file \
         packaged.yaml\n      \
         aws cloudformation deploy --template-file packaged.yaml --stack-name {} --capabilities CAPABILITY_IAM \
         --parameter-overrides Image=IMAGE Subnets=SUBNET,SUBNET",
        plan.name
    );
    Ok(ExitCode::SUCCESS)
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
