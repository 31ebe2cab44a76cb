//! SQS: standard queues with visibility timeouts, retention, receive counts, redrive policies and redrive.

mod content;
mod operations;
mod queue;
mod receiving;
mod redrive;
mod service;

pub use self::queue::{Message, MessageAttribute, Queue, RedrivePolicy};
pub(crate) use self::{
    content::{attributes_digest, body_digest, check as check_message},
    operations::{call, system_attributes},
    receiving::{ReceiveVisibility, ReceivedMessage},
    service::SqsService,
};
