//! How a runner ends: its exit codes, and the one error type of everything before the handler runs.

/// How an attempt ended; the dispatcher decides on the code that it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The handler succeeded.
    Succeeded,
    /// The handler returned an error or panicked.
    Failed,
    /// It can never run.
    Never,
    /// Its process ended without an answer, or never asked for the event.
    Unanswered,
    /// It couldn't be fetched this time.
    NotNow,
    /// The attempt's limit was reached.
    LimitReached,
    /// A signal killed the process.
    Killed(u8),
    /// The runner was told to stop, and no answer came.
    Stopped,
    /// The runner itself failed.
    Broken,
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        const SIGTERM: u8 = 15;
        match exit {
            Exit::Succeeded => 0,
            Exit::Failed => 1,
            Exit::Never => 2,
            Exit::Unanswered => 3,
            Exit::Broken => 70,
            Exit::NotNow => 75,
            Exit::LimitReached => 124,
            Exit::Killed(signal) => signal.saturating_add(128),
            Exit::Stopped => 128 + SIGTERM,
        }
    }
}

/// Why the handler couldn't be run, by what comes next; each says what to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// It can never run: the event is given up at once.
    #[error("{0}")]
    Never(String),
    /// It couldn't be had this time: the next attempt may have it.
    #[error("{0}")]
    NotNow(String),
    /// The runner itself failed.
    #[error("{0}")]
    Broken(String),
}

impl From<&Obstacle> for Exit {
    fn from(obstacle: &Obstacle) -> Self {
        match obstacle {
            Obstacle::Never(_) => Self::Never,
            Obstacle::NotNow(_) => Self::NotNow,
            Obstacle::Broken(_) => Self::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_documented_ones() {
        for (exit, code) in [
            (Exit::Succeeded, 0),
            (Exit::Failed, 1),
            (Exit::Never, 2),
            (Exit::Unanswered, 3),
            (Exit::Broken, 70),
            (Exit::NotNow, 75),
            (Exit::LimitReached, 124),
            (Exit::Killed(9), 137),
            (Exit::Killed(11), 139),
            (Exit::Stopped, 143),
        ] {
            assert_eq!(u8::from(exit), code, "{exit:?}");
        }
    }
}
