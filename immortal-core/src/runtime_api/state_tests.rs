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
    state.stop_waiting();
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
    state.stop_waiting();
    state.offer(invocation("r-1"));
    state.init_error(failure());
    assert!(matches!(state.take_answer(), Some(InvocationAnswer::InitError(_))));
    assert!(state.take_answer().is_none());
}
