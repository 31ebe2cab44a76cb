//! SNS: topics that keep what is published to them. Nothing subscribes.

mod publish;
mod topics;

pub(crate) use self::{publish::call, topics::SnsService};
