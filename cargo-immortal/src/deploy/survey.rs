//! What is there before a deployment: zips, image, bucket and stack. Everything is asked, and nothing is changed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{
    args::DeployArgs,
    image_choice::{ImageChoice, choose, registry, repository_in},
    packaged_template::{S3Location, parameters, with_objects},
    plan::{BucketState, DeployFacts, ImageState, StackState, ZipState},
    runner_version::hex,
    stack_before::{BucketChoice, StackBefore, bucket, stack_before},
    stack_parameters::{ParameterSources, ParameterValue},
    workspace::WorkspaceFiles,
    zip_file::{ZipFile, processor, zips},
};
use crate::{
    artifact::{self, CpuArchitecture, shown},
    aws::AwsConnection,
    failure::CommandError,
    names,
    package::PackageCandidate,
    template::{CodeFiles, ZipPackages, parameters_yaml, template_text},
};

/// What is deployed, and what is there of it.
#[derive(Debug)]
pub(super) struct DeploySurvey<'a> {
    args: &'a DeployArgs,
    pub(super) candidate: PackageCandidate,
    pub(super) target: PathBuf,
    workspace: WorkspaceFiles,
    /// The user's template, and its text.
    template: Option<(PathBuf, String)>,
    /// The primary's zip, and the dispatcher's where it has one of its own.
    pub(super) zips: Vec<ZipFile>,
    pub(super) stack_name: String,
    pub(super) before: StackBefore,
    pub(super) registry: String,
    pub(super) image: ImageState,
    pub(super) bucket: BucketChoice,
    /// The function of another stack and its role, where neither a flag nor the stack says them.
    function: Option<(String, String)>,
}

impl<'a> DeploySurvey<'a> {
    pub(super) async fn take(
        args: &'a DeployArgs,
        candidate: PackageCandidate,
        aws: &AwsConnection,
    ) -> Result<Self, CommandError> {
        let target = artifact::target_directory()?;
        let workspace = WorkspaceFiles::locate(&candidate)?;
        let template = args.template.as_deref().map(read_template).transpose()?;
        let zips = zips(args, &candidate, &target, &workspace, template.as_ref())?;
        let stack_name = stack_name(args, &candidate);
        let before = stack_before(aws, &stack_name).await?;
        let account = aws.account().await?;
        let registry = registry(&account, aws.region());
        let bucket = bucket(args, &account, &before, aws).await?;
        let mut survey = Self {
            args,
            image: ImageState::default(),
            candidate,
            target,
            workspace,
            template,
            zips,
            stack_name,
            before,
            registry,
            bucket,
            function: None,
        };
        survey.function = survey.find_function(aws).await?;
        survey.check_parameters()?;
        survey.image = survey.find_image(aws).await?;
        Ok(survey)
    }

    /// The processor that is built for.
    fn architecture(&self) -> CpuArchitecture {
        processor(self.args, self.zips.first().map(|zip| zip.path.as_path()))
    }

    /// The image, once the lock file is what is built.
    pub(super) async fn find_image(&self, aws: &AwsConnection) -> Result<ImageState, CommandError> {
        let repository = names::repository(&self.candidate.name);
        let named = self.flag("Image");
        let deployed = self.before.parameters.get("Image").map(String::as_str);
        let choice = choose(named, deployed, &format!("{}/{repository}", self.registry));
        if choice != ImageChoice::Own {
            return Ok(ImageState { choice, repository, ..ImageState::default() });
        }
        let tag = self.workspace.runner_tag(self.args.base.clone(), self.architecture())?;
        let has_repository = aws.repository_address(&repository).await?.is_some();
        let is_pushed = match (&tag, has_repository) {
            (Some(tag), true) => aws.has_image(&repository, tag).await?,
            _ => false,
        };
        Ok(ImageState { choice, repository, has_repository, tag, is_pushed })
    }

    fn flag(&self, name: &str) -> Option<&str> {
        let flag = self.args.parameters.iter().rfind(|flag| flag.name == name);
        flag.map(|flag| flag.value.as_str())
    }

    /// The template's text before it is known what the binary describes: good for the names of its parameters.
    fn outline(&self) -> String {
        match &self.template {
            Some((_, text)) => text.clone(),
            None => parameters_yaml(self.args.options.owner()),
        }
    }

    async fn find_function(&self, aws: &AwsConnection) -> Result<Option<(String, String)>, CommandError> {
        let wanted = parameters(&self.outline());
        let is_attached = wanted.iter().any(|parameter| parameter.name == "FunctionRole");
        let said = |name: &str| self.flag(name).or_else(|| self.before.parameters.get(name).map(String::as_str));
        if !is_attached || (said("FunctionName").is_some() && said("FunctionRole").is_some()) {
            return Ok(None);
        }
        let function = said("FunctionName").unwrap_or(&self.candidate.name);
        match aws.function_details(function, None).await {
            Ok(details) => {
                let role = details.role.rsplit('/').next().unwrap_or_default().to_owned();
                Ok(Some((details.name, role)))
            }
            Err(error) if error.is_not_found() => Err(CommandError::WrongUse(format!(
                "there is no Lambda function {function} here; name the one of the other stack with \
                 --parameter FunctionName=NAME"
            ))),
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses what can't be deployed before anything is built.
    fn check_parameters(&self) -> Result<(), CommandError> {
        let code = S3Location { bucket: String::new(), key: String::new() };
        self.parameters(&self.outline(), "", Some(&code)).map(drop)
    }

    /// What the parameters of the stack are to be, with this image and this package of the dispatcher.
    pub(super) fn parameters(
        &self,
        template: &str,
        image: &str,
        code: Option<&S3Location>,
    ) -> Result<BTreeMap<String, ParameterValue>, CommandError> {
        let mut known = BTreeMap::new();
        match &self.image.choice {
            ImageChoice::Own => {
                known.insert("Image", image.to_owned());
                known.insert("ImageRepository", self.image.repository.clone());
            }
            ImageChoice::Named(image) => {
                known.insert("ImageRepository", repository_in(&self.registry, image));
            }
            ImageChoice::Kept(_) => {}
        }
        if let Some(S3Location { bucket, key }) = code {
            known.extend([("CodeBucket", bucket.clone()), ("CodeKey", key.clone())]);
        }
        if let Some((function, role)) = &self.function {
            known.extend([("FunctionName", function.clone()), ("FunctionRole", role.clone())]);
        }
        let sources = ParameterSources {
            wanted: &parameters(template),
            deployed: &parameters(&self.before.template),
            previous: &self.before.parameters,
            flags: &self.args.parameters,
            known: &known,
        };
        sources.values().map_err(CommandError::WrongUse)
    }

    /// The packages, once they are built.
    pub(super) fn packages(&self) -> Result<ZipPackages, CommandError> {
        let [primary, others @ ..] = self.zips.as_slice() else {
            return Err(CommandError::WrongUse("the template names no package".to_owned()));
        };
        let packages = ZipPackages::read(&primary.path, others.first().map(|zip| zip.path.as_path()), &self.candidate)?;
        if packages.primary.is_none() {
            return Err(CommandError::WrongUse(format!("there is no {}", shown(&primary.path))));
        }
        Ok(packages)
    }

    /// The template, with files in it, and a note on it.
    pub(super) async fn template(&self, packages: &ZipPackages) -> Result<(String, Option<String>), CommandError> {
        let options = &self.args.options;
        let architecture = packages.architecture(options.arch, &self.candidate).map_err(CommandError::WrongUse)?;
        let manifest = packages.describe_built(&self.candidate, &options.env).await?;
        if let Some((_, text)) = &self.template {
            return Ok((text.clone(), None));
        }
        let mut names = self.zips.iter().map(|zip| zip.in_template.clone());
        let code =
            CodeFiles { primary: names.next().flatten().unwrap_or_default(), dispatcher: names.next().flatten() };
        let plan = options.plan(&self.candidate.name, architecture, &manifest, code);
        Ok((template_text(&plan), options.note(&manifest, &plan)))
    }

    /// The zips that are uploaded: of a function of another stack only the dispatcher's.
    pub(super) fn uploads(&self, template: &str) -> &[ZipFile] {
        let is_attached = parameters(template).iter().any(|parameter| parameter.name == "CodeKey");
        if is_attached { &self.zips[self.zips.len().saturating_sub(1)..] } else { &self.zips }
    }

    /// Where a zip lies, or is to lie, in the bucket: by its hash.
    pub(super) fn location(&self, zip: &[u8]) -> S3Location {
        S3Location {
            bucket: self.bucket.name.clone(),
            key: format!("{}/{}.zip", self.candidate.name, hex(&Sha256::digest(zip))),
        }
    }

    /// All that decides the plan.
    pub(super) async fn state(&self, aws: &AwsConnection) -> Result<DeployFacts, CommandError> {
        let is_built = self.zips.iter().all(|zip| zip.stale.is_none());
        let template = match &self.template {
            _ if is_built => Some(self.template(&self.packages()?).await?.0),
            Some((_, text)) => Some(text.clone()),
            None => None,
        };
        let mut objects = BTreeMap::new();
        let mut zips = Vec::new();
        let mut code = None;
        for zip in self.uploads(template.as_deref().unwrap_or(&self.outline())) {
            let location = match zip.stale {
                None => Some(self.location(&read(&zip.path)?)),
                Some(_) => None,
            };
            let is_uploaded = match &location {
                Some(location) if self.bucket.is_there => {
                    aws.has_object(self.bucket.package_bucket(), &location.key).await?
                }
                _ => false,
            };
            zips.push(ZipState {
                path: shown(&zip.path),
                stale: zip.stale.clone(),
                command: zip.command.clone(),
                key: location.as_ref().map(|location| location.key.clone()),
                is_uploaded,
            });
            code = Some(
                location.clone().unwrap_or(S3Location { bucket: self.bucket.name.clone(), key: "HASH.zip".into() }),
            );
            if let (Some(path), Some(location)) = (&zip.in_template, location) {
                objects.insert(path.clone(), location);
            }
        }
        let image =
            format!("{}/{}:{}", self.registry, self.image.repository, self.image.tag.as_deref().unwrap_or("TAG"));
        let parameters = self.parameters(template.as_deref().unwrap_or(&self.outline()), &image, code.as_ref())?;
        let before = (!self.before.is_new).then(|| (self.before.template.clone(), self.before.parameters.clone()));
        let stack = StackState {
            name: self.stack_name.clone(),
            deployed: before,
            template: template.map(|template| with_objects(&template, &objects)),
            parameters,
        };
        let bucket = BucketState { name: self.bucket.name.clone(), is_there: self.bucket.is_there };
        Ok(DeployFacts { zips, image: self.image.clone(), bucket, stack })
    }
}

fn read_template(path: &Path) -> Result<(PathBuf, String), CommandError> {
    let text = fs::read_to_string(path)
        .map_err(|error| CommandError::WrongUse(format!("{} can't be read: {error}", path.display())))?;
    if parameters(&text).is_empty() {
        return Err(CommandError::WrongUse(format!(
            "{} is not a template as `cargo immortal template` writes it: it has no parameters; deploy it with \
             `aws cloudformation deploy`",
            path.display()
        )));
    }
    Ok((path.to_owned(), text))
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    fs::read(path).map_err(|error| CommandError::WrongUse(format!("{} can't be read: {error}", shown(path))))
}

fn stack_name(args: &DeployArgs, candidate: &PackageCandidate) -> String {
    let own = || if args.options.attach { format!("{}-immortal", candidate.name) } else { candidate.name.clone() };
    args.stack.clone().unwrap_or_else(own)
}
