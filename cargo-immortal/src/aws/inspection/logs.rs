//! `CloudWatch` Logs: log groups.

use aws_sdk_cloudwatchlogs::Client;

use crate::aws::{AwsConnection, CallError};

/// A log group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogGroupSettings {
    pub(crate) name: String,
    /// In days; `None`: for ever.
    pub(crate) retention: Option<u32>,
}

impl AwsConnection {
    /// A log group by its name; `None` where there is none.
    pub(crate) async fn log_group_settings(&self, name: &str) -> Result<Option<LogGroupSettings>, CallError> {
        let client = Client::new(&self.config);
        let mut pages = client.describe_log_groups().log_group_name_prefix(name).into_paginator().items().send();
        while let Some(group) = pages.next().await {
            let failed = |error| CallError::new("logs:DescribeLogGroups", &format!("the log group {name}"), error);
            let group = group.map_err(failed)?;
            if group.log_group_name.as_deref() == Some(name) {
                let retention = group.retention_in_days.and_then(|days| days.try_into().ok());
                return Ok(Some(LogGroupSettings { name: name.to_owned(), retention }));
            }
        }
        Ok(None)
    }
}
