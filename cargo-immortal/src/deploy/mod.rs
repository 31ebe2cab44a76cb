//! `cargo immortal deploy`: from the source to the stack. What is there is asked first (`survey`), what is missing is decided
//! from that (`plan`), and then done, step by step.

mod args;
mod freshness;
mod image_choice;
mod packaged_template;
mod plan;
mod runner_version;
mod stack;
mod stack_before;
mod stack_parameters;
mod stack_status;
mod survey;
mod tool;
mod workspace;
mod zip_file;

use std::{collections::BTreeMap, process::ExitCode};

use serde::Serialize;

pub(crate) use self::{args::DeployArgs, runner_version::version_of_tag};
use self::{
    image_choice::ImageChoice,
    packaged_template::{S3Location, with_objects},
    stack::{StackDeployment, StackOutcome},
    survey::DeploySurvey,
};
use crate::{
    artifact::{self, shown},
    aws::AwsConnection,
    failure::CommandError,
    output::{eprint_line, print_line},
    package::{self, PackageCandidate},
    runner::RunnerContext,
    template::ZipPackages,
};

/// What `CloudFormation` takes in the call itself.
///
/// Source: `TemplateBody` in <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html>
const LONGEST_TEMPLATE: usize = 51_200;

/// What was done, for programs.
#[derive(Debug, Serialize)]
struct DeployReport<'a> {
    stack: &'a str,
    outcome: StackOutcome,
    image: &'a str,
    /// The packages in S3.
    code: Vec<String>,
    outputs: BTreeMap<String, String>,
}

pub(crate) async fn run(args: DeployArgs) -> Result<ExitCode, CommandError> {
    let candidate = package::find(&args.options.selection)?;
    let aws = AwsConnection::open(&args.aws).await?;
    let mut survey = DeploySurvey::take(&args, candidate, &aws).await?;
    if args.plan {
        let steps = plan::plan(&survey.state(&aws).await?);
        if args.json {
            print_line(serde_json::json!({ "stack": survey.stack_name, "steps": steps }));
        } else {
            steps.iter().for_each(print_line);
        }
        return Ok(ExitCode::SUCCESS);
    }

    build(&survey).await?;
    let packages = survey.packages()?;
    let (template, note) = survey.template(&packages).await?;
    if let Some(note) = note {
        eprint_line(format_args!("note: {note}"));
    }
    // The build may have changed the lock file.
    survey.image = survey.find_image(&aws).await?;
    let image = provide_image(&survey, &args, &packages, &aws).await?;
    let objects = upload(&survey, &template, &aws).await?;
    let template = package(&survey.candidate, &template, &objects)?;
    let parameters = survey.parameters(&template, &image, objects.last().map(|(_, location)| location))?;
    let name = survey.stack_name.as_str();
    let deployment =
        StackDeployment { name, is_new: survey.before.is_new, template: &template, parameters: &parameters };
    let outcome = stack::deploy(&aws, deployment).await?;

    let stack = aws.stack(name).await?.unwrap_or_default();
    if args.json {
        let code = objects.iter().map(|(_, S3Location { bucket, key })| format!("s3://{bucket}/{key}")).collect();
        let outputs = stack.outputs.into_iter().collect();
        let report = DeployReport { stack: name, outcome, image: &image, code, outputs };
        print_line(serde_json::to_string(&report).map_err(|error| CommandError::Failed(error.to_string()))?);
    } else {
        let width = stack.outputs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in &stack.outputs {
            print_line(format_args!("{name:<width$}  {value}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn build(survey: &DeploySurvey<'_>) -> Result<(), CommandError> {
    for zip in &survey.zips {
        let path = shown(&zip.path);
        if let Some(why) = &zip.stale {
            eprint_line(format_args!("package   build {path}, since {why}: {}", zip.command.join(" ")));
            tool::build(&zip.command).await?;
        } else {
            eprint_line(format_args!("package   {path} is there"));
        }
    }
    Ok(())
}

/// Has the image in its registry; returns its address.
async fn provide_image(
    survey: &DeploySurvey<'_>,
    args: &DeployArgs,
    packages: &ZipPackages,
    aws: &AwsConnection,
) -> Result<String, CommandError> {
    let state = &survey.image;
    if let ImageChoice::Named(image) | ImageChoice::Kept(image) = &state.choice {
        eprint_line(format_args!("image     {image}, as chosen"));
        return Ok(image.clone());
    }
    let Some(tag) = &state.tag else {
        return Err(CommandError::Failed(
            "Cargo.lock has no immortal-core, of which the runner is made; build the package first".to_owned(),
        ));
    };
    let image = format!("{}/{}:{tag}", survey.registry, state.repository);
    if state.is_pushed {
        eprint_line(format_args!("image     {image} is there"));
        return Ok(image);
    }
    let Some(program) = packages.with_roles() else {
        return Err(CommandError::WrongUse("there is no program to make the runner's image of".to_owned()));
    };
    let directory = survey.target.join("immortal").join(&survey.candidate.name).join("deploy").join("runner");
    RunnerContext::new(&survey.candidate, args.base.clone(), None, vec![program])?.write(&directory)?;
    eprint_line(format_args!("image     build and push {image}"));
    let platform = format!("linux/{}", program.program.architecture.docker());
    tool::build_image(&image, &platform, &directory).await?;
    if !state.has_repository {
        eprint_line(format_args!("image     make the ECR repository {}", state.repository));
        aws.create_repository(&state.repository).await?;
    }
    tool::log_in(&survey.registry, &aws.registry_login().await?).await?;
    tool::push_image(&image).await?;
    Ok(image)
}

/// Has each zip in the bucket; returns where, by the template's name for it.
async fn upload(
    survey: &DeploySurvey<'_>,
    template: &str,
    aws: &AwsConnection,
) -> Result<Vec<(Option<String>, S3Location)>, CommandError> {
    let bucket = survey.bucket.package_bucket();
    if !survey.bucket.is_there {
        eprint_line(format_args!("code      make the bucket {}", bucket.name));
        aws.create_bucket(bucket).await?;
    }
    let mut objects = Vec::new();
    for zip in survey.uploads(template) {
        let contents = survey::read(&zip.path)?;
        let location = survey.location(&contents);
        let object = format!("s3://{}/{}", location.bucket, location.key);
        if aws.has_object(bucket, &location.key).await? {
            eprint_line(format_args!("code      {object} is there"));
        } else {
            eprint_line(format_args!("code      upload {} as {object}", shown(&zip.path)));
            aws.put_object(bucket, &location.key, contents).await?;
        }
        objects.push((zip.in_template.clone(), location));
    }
    Ok(objects)
}

/// The template as it is deployed, which is kept in a file: it is the way back to this version.
fn package(
    candidate: &PackageCandidate,
    template: &str,
    objects: &[(Option<String>, S3Location)],
) -> Result<String, CommandError> {
    let named = objects.iter().filter_map(|(path, location)| Some((path.clone()?, location.clone())));
    let packaged = with_objects(template, &named.collect());
    if packaged.len() > LONGEST_TEMPLATE {
        return Err(CommandError::WrongUse(format!(
            "the template has {} bytes, and CloudFormation takes {LONGEST_TEMPLATE} in a call; take comments out of it, or \
             deploy it with `aws cloudformation deploy --s3-bucket BUCKET`",
            packaged.len()
        )));
    }
    let path = artifact::target_directory()?.join("immortal").join(&candidate.name).join("packaged.yaml");
    artifact::write(&path, packaged.as_bytes())?;
    Ok(packaged)
}
