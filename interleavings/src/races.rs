//! The end of a handler races the timer. In whatever order the threads run, each invocation has one answer.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    task::{Context, Poll, Waker},
};

use super::{
    guarded_future::GuardedFuture,
    primitives::{Arc, Instant, Notify, mpsc, set_clock, thread},
    timer::HandOverTimer,
};

/// How the handler of an invocation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HandlerEnd {
    Answers,
    Panics,
    /// Its future is dropped, so that nobody answers.
    IsDropped,
    /// It stays pending.
    Hangs,
}

/// What the model records, in the standard library's atomics: loom would try the order of each access, which is not what is
/// checked, and multiplies the interleavings.
#[derive(Default)]
struct ModelNotes {
    /// The time that the clock has reached or is about to.
    seconds: AtomicU64,
    /// The number of the current invocation: what a hand-over reports.
    pending: AtomicUsize,
    by_handler: [AtomicU64; 2],
    by_timer: [AtomicU64; 2],
}

/// Tells of the end of the thread that owns it.
struct NotifyOnDrop(Arc<Notify>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify();
    }
}

/// Polls once, as the runtime does; whether the handler answered.
fn poll(future: &mut Pin<Box<GuardedFuture<Pin<Box<dyn Future<Output = ()>>>>>>) -> bool {
    let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(Waker::noop()))));
    // The panic that is passed on is an answer, too.
    polled.is_err() || polled.is_ok_and(|polled| polled.is_ready())
}

fn handler(end: HandlerEnd) -> Pin<Box<dyn Future<Output = ()>>> {
    match end {
        HandlerEnd::Answers => Box::pin(async {}),
        HandlerEnd::Panics => Box::pin(poll_fn(|_| -> Poll<()> { std::panic::resume_unwind(Box::new("expected")) })),
        HandlerEnd::IsDropped | HandlerEnd::Hangs => Box::pin(std::future::pending()),
    }
}

/// Runs these invocations one after the other. Invocation n is due at n + 1; a second thread moves the clock.
fn run(ends: &'static [HandlerEnd]) {
    let notes = Arc::new(ModelNotes::default());
    let ended = Arc::new(Notify::new());
    let (sender, handed_over) = mpsc::channel();
    let (timer_notes, end_of_timer) = (Arc::clone(&notes), NotifyOnDrop(Arc::clone(&ended)));
    let timer = HandOverTimer::start(move || {
        let _held = &end_of_timer;
        let invocation = timer_notes.pending.load(Relaxed);
        assert!(
            timer_notes.seconds.load(Relaxed) > invocation as u64,
            "invocation {invocation} was handed over too early"
        );
        timer_notes.by_timer[invocation].fetch_add(1, Relaxed);
        sender.send(invocation).expect("the model listens");
    });
    let timer = timer.expect("a thread");
    let clock_notes = Arc::clone(&notes);
    let clock = thread::spawn(move || {
        for seconds in 1..=ends.len() as u64 {
            clock_notes.seconds.store(seconds, Relaxed);
            set_clock(seconds);
        }
    });
    for (invocation, end) in ends.iter().enumerate() {
        notes.pending.store(invocation, Relaxed);
        let claim = timer.arm(due(invocation), due(invocation));
        let mut future = Box::pin(GuardedFuture::new(handler(*end), Some(claim)));
        if poll(&mut future) {
            notes.by_handler[invocation].fetch_add(1, Relaxed);
        } else if *end != HandlerEnd::IsDropped {
            // Lambda sends the next invocation after an answer to this one: a lost one is a deadlock, which loom reports.
            while handed_over.recv() != Ok(invocation) {}
        }
        assert!(!poll(&mut future), "a handler answers once");
    }
    clock.join().expect("no panic");
    drop(timer);
    ended.wait();
    for (invocation, end) in ends.iter().enumerate() {
        let by_handler = notes.by_handler[invocation].load(Relaxed);
        let by_timer = notes.by_timer[invocation].load(Relaxed);
        let is_right = match end {
            HandlerEnd::Answers | HandlerEnd::Panics => by_handler + by_timer == 1,
            HandlerEnd::IsDropped => by_handler == 0 && by_timer <= 1,
            HandlerEnd::Hangs => (by_handler, by_timer) == (0, 1),
        };
        assert!(is_right, "invocation {invocation} of {ends:?}: {by_handler} by the handler, {by_timer} by the timer");
    }
}

fn due(invocation: usize) -> Instant {
    Instant::at(invocation as u64 + 1)
}

/// Runs every interleaving, or those with at most so many preemptions of a thread, and prints how many there are.
fn check(ends: &'static [HandlerEnd], preemptions: Option<usize>) {
    let start = std::time::Instant::now();
    let interleavings = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&interleavings);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || {
        counted.fetch_add(1, Relaxed);
        run(ends);
    });
    let bound = preemptions.map_or_else(|| "all".to_owned(), |most| format!("with at most {most} preemptions"));
    let (interleavings, seconds) = (interleavings.load(Relaxed), start.elapsed().as_secs_f32());
    println!("{ends:?}: {interleavings} interleavings ({bound}), {seconds:.1} s");
}

/// Tries every interleaving of one invocation, and of two that follow each other those with at most four preemptions: each more
/// takes seven times as long.
pub(crate) fn check_all() {
    use HandlerEnd::{Answers, Hangs, IsDropped, Panics};
    let table: [(&[HandlerEnd], Option<usize>); 10] = [
        (&[Answers], None),
        (&[Hangs], None),
        (&[Panics], None),
        (&[IsDropped], None),
        (&[Answers, Answers], Some(4)),
        (&[Answers, Hangs], Some(4)),
        (&[Hangs, Answers], Some(4)),
        (&[Hangs, Hangs], Some(4)),
        (&[IsDropped, Answers], Some(4)),
        (&[IsDropped, Hangs], Some(4)),
    ];
    for (ends, preemptions) in table {
        check(ends, preemptions);
    }
}
