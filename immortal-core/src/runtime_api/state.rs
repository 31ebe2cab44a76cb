//! What the Runtime API knows, and how it changes; without a socket.

use std::sync::Arc;

use super::{FunctionNames, Invocation, InvocationAnswer, ReportedError, RuntimeStart, headers::unique_id};

/// One runtime's state: who waits, what is offered, what was answered.
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
    /// Whether what may have been its answer was refused.
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

/// Why an answer isn't taken.
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

    pub(super) fn leave(&mut self) {
        self.waiting -= 1;
    }

    /// Whether any runtime ever asked for an invocation: that ends the start, and with it the registration of extensions.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html#runtimes-extensions-registration-api-a>
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

    /// Offers an invocation again whose connection broke before the runtime had it.
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

    /// Whether an answer to this request would be taken.
    pub(super) fn admit(&self, request_id: &str, id: Option<&str>) -> Result<(), AnswerRefusal> {
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
        self.admit(request_id, id)?;
        if let Some(current) = &mut self.current {
            current.stage = InvocationStage::Answered(Some(answer));
        }
        Ok(())
    }

    pub(super) fn init_error(&mut self, failure: ReportedError) {
        self.init_error = Some(failure);
    }

    /// The answer, once; an init error takes its place.
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
mod tests {
    use bytes::Bytes;

    use super::*;

    fn invocation(request_id: &str) -> Invocation {
        Invocation { request_id: request_id.into(), ..Invocation::default() }
    }

    fn failure() -> ReportedError {
        ReportedError { error_type: None, body: Bytes::new() }
    }

    fn answer() -> InvocationAnswer {
        InvocationAnswer::Error(failure())
    }

    #[test]
    fn an_invocation_is_handed_out_once_and_answered_once() {
        let mut state = ApiState::default();
        assert!(state.take().is_none());
        state.offer(invocation("r-1"));
        assert_eq!(state.answer("r-1", None, answer()), Err(AnswerRefusal::WrongRequestId), "nobody has it yet");
        let offer = state.take().expect("offered");
        assert!(state.take().is_none(), "handed out once");
        assert_eq!(state.answer("r-2", None, answer()), Err(AnswerRefusal::WrongRequestId));
        assert_eq!(state.answer("r-1", Some("earlier"), answer()), Err(AnswerRefusal::Stale));
        assert_eq!(state.answer("r-1", Some(&offer.id), answer()), Ok(()));
        assert_eq!(state.answer("r-1", None, answer()), Err(AnswerRefusal::Answered));
        assert!(matches!(state.take_answer(), Some(InvocationAnswer::Error(_))));
        assert!(state.take_answer().is_none(), "given out once");
        state.forget();
        assert_eq!(state.answer("r-1", None, answer()), Err(AnswerRefusal::Answered), "remembered");
        state.offer(invocation("r-2"));
        assert_eq!(state.answer("r-1", None, answer()), Err(AnswerRefusal::WrongRequestId));
    }

    #[test]
    fn what_is_put_back_is_offered_again_unless_it_is_settled() {
        let mut state = ApiState::default();
        state.offer(invocation("r-1"));
        let first = state.take().expect("offered");
        assert!(state.put_back(&first));
        let again = state.take().expect("offered again");
        assert_eq!(again.id, first.id);
        assert_eq!(state.answer("r-1", None, answer()), Ok(()));
        assert!(!state.put_back(&again));
        state.offer(invocation("r-1"));
        assert!(!state.put_back(&first), "another delivery of the same request id");
    }

    #[test]
    fn a_forgotten_invocation_takes_no_answer() {
        let mut state = ApiState::default();
        state.offer(invocation("r-1"));
        state.take().expect("offered");
        state.forget();
        assert_eq!(state.answer("r-1", None, answer()), Err(AnswerRefusal::WrongRequestId));
        assert!(state.take().is_none());
    }

    #[test]
    fn who_goes_on_after_a_refused_answer_has_none() {
        let mut state = ApiState::default();
        state.offer(invocation("r-1"));
        state.take().expect("offered");
        assert!(!state.give_up_on_missed(), "a second /next is held while the answer may still come");
        state.miss();
        assert!(state.give_up_on_missed());
        let Some(InvocationAnswer::Missing(failure)) = state.take_answer() else { panic!("no answer") };
        assert_eq!(failure.error_type.as_deref(), Some("Runtime.NoAnswer"));
        assert!(!state.give_up_on_missed(), "once");
    }

    #[test]
    fn a_refused_answer_counts_for_the_invocation_that_is_at_work_only() {
        let mut state = ApiState::default();
        assert!(!state.miss());
        state.offer(invocation("r-1"));
        assert!(!state.miss(), "nobody has it, so nobody answered it");
        state.take().expect("offered");
        assert!(!state.give_up_on_missed());
        state.wait();
        assert!(state.miss(), "somebody has gone on already");
        assert!(matches!(state.take_answer(), Some(InvocationAnswer::Missing(_))));
    }

    #[test]
    fn who_has_it_and_who_ever_asked() {
        let mut state = ApiState::default();
        assert!(!state.was_asked() && !state.is_handed_out());
        state.wait();
        state.leave();
        assert!(state.was_asked(), "for good");
        state.offer(invocation("r-1"));
        assert!(!state.is_handed_out());
        let offer = state.take().expect("offered");
        assert!(state.is_handed_out());
        state.put_back(&offer);
        assert!(!state.is_handed_out());
    }

    #[test]
    fn an_init_error_is_told_once_to_whoever_waits() {
        let mut state = ApiState::default();
        assert!(state.ready().is_none());
        state.wait();
        assert!(matches!(state.ready(), Some(RuntimeStart::Waiting)));
        state.init_error(failure());
        assert!(matches!(state.ready(), Some(RuntimeStart::InitError(_))));
        assert!(matches!(state.ready(), Some(RuntimeStart::Waiting)));
        state.leave();
        state.offer(invocation("r-1"));
        state.init_error(failure());
        assert!(matches!(state.take_answer(), Some(InvocationAnswer::InitError(_))));
        assert!(state.take_answer().is_none());
    }
}
