//! The layer below all services: clock, ids, journal, faults, processes and API calls. Nothing here depends on a
//! service.

mod activity;
mod api_call;
mod api_error;
mod byte_range;
mod call_counts;
mod clock;
mod emulator_error;
mod fault_script;
mod faults;
mod form;
mod ids;
mod journal;
mod locking;
mod memory;
mod memory_group;
mod options;
mod process;
mod registry;
mod response;
mod shared;
mod stop_code;

pub(crate) use self::{
    activity::ActivityGuard,
    api_call::{answer, answer_about, json_response, parse_json},
    api_error::{ApiError, ServiceKind, require_signature},
    byte_range::ByteRange,
    fault_script::{FaultScope, FaultSubject},
    form::{form_parameters, query_parameter},
    ids::{arn, hex},
    locking::lock,
    process::{ChildProcess, ProcessSetup, SharedSource},
    response::{CallOutcome, ConnectionReset, request_id, respond},
    shared::Platform,
};
pub use self::{
    emulator_error::EmulatorError,
    faults::{Fault, FaultCounts, FaultKind, FaultedCalls, InjectedFault},
    ids::{ACCOUNT, REGION},
    journal::{EntryKind, EntrySource, JournalEntry, OutputStream},
    options::{CallRate, EmulatorOptions},
    shared::CLOCK_VARIABLE,
    stop_code::StopCode,
};
