//! What is to be deployed, as the user says it.

use std::path::PathBuf;

use super::stack_parameters::ParameterFlag;
use crate::{aws::AwsArgs, runner::BaseImage, template::TemplateOptions};

/// What to deploy, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct DeployArgs {
    #[command(flatten)]
    pub(super) options: TemplateOptions,
    /// The template that `cargo immortal template` wrote and you changed [default: one made of these options]
    #[arg(
        long,
        value_name = "PATH",
        conflicts_with_all = [
            "attach", "zip", "dispatcher_zip", "dead_letter_config", "sqs", "timeout", "memory", "progress", "env"
        ]
    )]
    pub(super) template: Option<PathBuf>,
    /// The stack, and with it the function [default: called as the package's binary; with --attach NAME-immortal]
    #[arg(long, value_name = "NAME")]
    pub(super) stack: Option<String>,
    /// A parameter of the stack; docs/deploy.md has them all. What isn't named stays as the stack has it
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    pub(super) parameters: Vec<ParameterFlag>,
    /// The bucket of the packages [default: the stack's, else immortal-deployments-ACCOUNT-REGION, which is made]
    #[arg(long, value_name = "BUCKET")]
    pub(super) bucket: Option<String>,
    /// The image to build the runner's on; `scratch` for a static program
    #[arg(long, value_name = "IMAGE", default_value_t = BaseImage::Lambda)]
    pub(super) base: BaseImage,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(super) plan: bool,
    /// Print the plan, or what was done, as JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) aws: AwsArgs,
}
