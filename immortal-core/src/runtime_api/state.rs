//! The state of the Runtime API and its transitions, independent of sockets.

use std::sync::Arc;

use super::{FunctionNames, Invocation, InvocationAnswer, ReportedError, RuntimeStart, headers::unique_id};

/// The state: waiting runtimes, the offered invocation, its answer.
#[derive(Debug, Default)]
pub(super) struct ApiState {
    pub(super) function: FunctionNames,
    waiting: usize,
    was_asked: bool,
    init_error: Option<ReportedError>,
    current: Option<CurrentInvocation>,
}

#[derive(Debug)]
struct CurrentInvocation {
    offer: Arc<OfferedInvocation>,
    stage: InvocationStage,
    /// Whether a request that may have been its answer was refused.
    missed: bool,
}

/// An invocation, and the id that tells its deliveries from those of another with the same request id.
#[derive(Debug)]
pub(super) struct OfferedInvocation {
    pub(super) invocation: Invocation,
    pub(super) id: String,
}

#[derive(Debug)]
enum InvocationStage {
    Offered,
    Taken,
    Answered(Option<InvocationAnswer>),
}

/// Why an answer is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerRefusal {
    /// No such invocation is open.
    WrongRequestId,
    /// It names an earlier delivery of this request id.
    Stale,
    /// The invocation already has its answer.
    Answered,
}

impl ApiState {
    pub(super) fn wait(&mut self) {
        self.waiting += 1;
        self.was_asked = true;
    }

    pub(super) fn stop_waiting(&mut self) {
        self.waiting -= 1;
    }

    /// Whether a runtime has requested an invocation yet: that ends the init phase and the registration of extensions.
    ///
    /// Source:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html#runtimes-extensions-registration-api-a>
    pub(super) fn was_asked(&self) -> bool {
        self.was_asked
    }

    pub(super) fn ready(&mut self) -> Option<RuntimeStart> {
        match self.init_error.take() {
            Some(failure) => Some(RuntimeStart::InitError(failure)),
            None if self.waiting > 0 => Some(RuntimeStart::Waiting),
            None => None,
        }
    }

    pub(super) fn offer(&mut self, invocation: Invocation) {
        let offer = Arc::new(OfferedInvocation { invocation, id: unique_id() });
        self.current = Some(CurrentInvocation { offer, stage: InvocationStage::Offered, missed: false });
    }

    pub(super) fn is_offered(&self) -> bool {
        matches!(&self.current, Some(CurrentInvocation { stage: InvocationStage::Offered, .. }))
    }

    /// Whether a runtime has the open invocation, or has answered it.
    pub(super) fn is_handed_out(&self) -> bool {
        matches!(
            &self.current,
            Some(CurrentInvocation { stage: InvocationStage::Taken | InvocationStage::Answered(_), .. })
        )
    }

    /// Takes the open invocation; it is handed out once.
    pub(super) fn take(&mut self) -> Option<Arc<OfferedInvocation>> {
        if !self.is_offered() {
            return None;
        }
        let current = self.current.as_mut()?;
        current.stage = InvocationStage::Taken;
        Some(Arc::clone(&current.offer))
    }

    /// Offers an invocation again because its connection broke before the runtime had it.
    pub(super) fn put_back(&mut self, offer: &OfferedInvocation) -> bool {
        match &mut self.current {
            Some(current) if current.offer.id == offer.id && matches!(current.stage, InvocationStage::Taken) => {
                current.stage = InvocationStage::Offered;
                true
            }
            _ => false,
        }
    }

    /// Notes that something was refused which may have been the answer; whether that settles the invocation.
    ///
    /// A connection's end may be seen only after the runtime has asked for the next invocation over another one.
    pub(super) fn miss(&mut self) -> bool {
        if let Some(current) = &mut self.current
            && matches!(current.stage, InvocationStage::Taken)
        {
            current.missed = true;
        }
        self.waiting > 0 && self.give_up_on_missed()
    }

    /// A runtime that asks for the next invocation after its answer was refused has no other: waiting for one would
    /// never end.
    pub(super) fn give_up_on_missed(&mut self) -> bool {
        match &mut self.current {
            Some(current) if current.missed && matches!(current.stage, InvocationStage::Taken) => {
                current.stage = InvocationStage::Answered(Some(InvocationAnswer::Missing(no_answer())));
                true
            }
            _ => false,
        }
    }

    /// Whether an answer to this request would be accepted.
    pub(super) fn check_answer(&self, request_id: &str, id: Option<&str>) -> Result<(), AnswerRefusal> {
        let current = self.current.as_ref().ok_or(AnswerRefusal::WrongRequestId)?;
        if current.offer.invocation.request_id != request_id {
            return Err(AnswerRefusal::WrongRequestId);
        }
        if id.is_some_and(|id| id != current.offer.id) {
            return Err(AnswerRefusal::Stale);
        }
        match current.stage {
            InvocationStage::Offered => Err(AnswerRefusal::WrongRequestId),
            InvocationStage::Taken => Ok(()),
            InvocationStage::Answered(_) => Err(AnswerRefusal::Answered),
        }
    }

    /// Settles the open invocation.
    pub(super) fn answer(
        &mut self,
        request_id: &str,
        id: Option<&str>,
        answer: InvocationAnswer,
    ) -> Result<(), AnswerRefusal> {
        self.check_answer(request_id, id)?;
        if let Some(current) = &mut self.current {
            current.stage = InvocationStage::Answered(Some(answer));
        }
        Ok(())
    }

    pub(super) fn init_error(&mut self, failure: ReportedError) {
        self.init_error = Some(failure);
    }

    /// Takes the answer; an init error replaces it.
    pub(super) fn take_answer(&mut self) -> Option<InvocationAnswer> {
        if let Some(CurrentInvocation { stage: InvocationStage::Answered(answer @ Some(_)), .. }) = &mut self.current {
            return answer.take();
        }
        self.init_error.take().map(InvocationAnswer::InitError)
    }

    /// Forgets an invocation without an answer; one that has its answer is remembered, to refuse a second one.
    pub(super) fn forget(&mut self) {
        if !matches!(&self.current, Some(CurrentInvocation { stage: InvocationStage::Answered(_), .. })) {
            self.current = None;
        }
    }
}

fn no_answer() -> ReportedError {
    let message =
        "the runtime asked for the next invocation, and its answer to this one had broken off or been refused";
    let body = serde_json::json!({"errorType": "Runtime.NoAnswer", "errorMessage": message});
    ReportedError { error_type: Some("Runtime.NoAnswer".into()), body: body.to_string().into() }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
