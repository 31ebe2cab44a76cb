//! SNS: topics that store what is published to them. There are no subscriptions.

mod publish;
mod topics;

pub(crate) use self::{publish::call, topics::SnsService};
