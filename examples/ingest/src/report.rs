//! From a file of strike reports to the odds of damage: everything between reading and writing.

use std::error::Error;

use serde::Serialize;

use crate::{
    regression::bootstrap,
    strikes::{TERM_NAMES, parse},
};

/// How often the data are resampled: enough that the ends of the intervals hold to two digits.
const RESAMPLES: u32 = 5_000;

/// What raises the odds that a strike damages the aircraft.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    /// All reports in the file.
    pub(crate) reports: usize,
    /// Those that say all that the model asks.
    pub(crate) used: usize,
    /// Those of them that tell of damage.
    pub(crate) damaged: usize,
    /// How often the data were resampled for the intervals.
    pub(crate) resamples: u32,
    /// The terms of the model; the first is the odds themselves, at the baseline.
    pub(crate) terms: Vec<Term>,
}

/// One term: by what it multiplies the odds of damage, with its 95 % interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Term {
    /// What it stands for.
    pub(crate) name: &'static str,
    /// The odds ratio.
    pub(crate) odds_ratio: f64,
    /// Where the 95 % interval begins.
    pub(crate) low: f64,
    /// Where it ends.
    pub(crate) high: f64,
}

/// Computes the report, `resamples` times over or as often as it takes; `progress` hears of each tenth.
pub(crate) fn report(
    csv: &[u8],
    resamples: Option<u32>,
    progress: impl Fn(u32, u32),
) -> Result<Report, Box<dyn Error + Send + Sync>> {
    let strikes = parse(csv)?;
    let resamples = resamples.unwrap_or(RESAMPLES);
    let step = (resamples / 10).max(1);
    let hear = |done: u32| {
        if done.is_multiple_of(step) {
            progress(done, resamples);
        }
    };
    let coefficients = bootstrap(&strikes.rows, &strikes.damaged, resamples, hear)
        .ok_or("the model has no finite fit to these reports: some group is always or never damaged")?;
    let terms = TERM_NAMES.iter().zip(coefficients).map(|(name, coefficient)| Term {
        name,
        odds_ratio: coefficient.estimate.exp(),
        low: coefficient.low.exp(),
        high: coefficient.high.exp(),
    });
    Ok(Report {
        reports: strikes.reports,
        used: strikes.rows.len(),
        damaged: strikes.damaged.iter().filter(|damaged| **damaged).count(),
        resamples,
        terms: terms.collect(),
    })
}

impl Report {
    /// The term that multiplies the odds most.
    pub(crate) fn strongest(&self) -> Option<&Term> {
        self.terms.iter().skip(1).max_by(|a, b| a.odds_ratio.total_cmp(&b.odds_ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strikes::NoStrikes;

    const DATA: &[u8] = include_bytes!("../data/birdstrikes.csv");

    #[test]
    fn a_large_animal_is_what_raises_the_odds_most() {
        let report = report(DATA, Some(20), |_, _| ()).expect("the shipped data");
        assert_eq!((report.reports, report.used, report.damaged), (10_000, 7_156, 724));
        let strongest = report.strongest().expect("terms");
        assert_eq!(strongest.name, "large animal");
        assert!(strongest.low < strongest.odds_ratio && strongest.odds_ratio < strongest.high, "{strongest:?}");
        assert!(strongest.low > 1.0, "{strongest:?}");
    }

    #[test]
    fn it_is_the_same_each_time() {
        let first = report(DATA, Some(3), |_, _| ()).expect("the shipped data");
        assert_eq!(report(DATA, Some(3), |_, _| ()).expect("the shipped data"), first);
    }

    #[test]
    fn progress_is_heard_in_tenths() {
        let heard = std::cell::RefCell::new(Vec::new());
        report(DATA, Some(20), |done, of| heard.borrow_mut().push((done, of))).expect("the shipped data");
        assert_eq!(heard.into_inner(), (1..=10).map(|tenth| (tenth * 2, 20)).collect::<Vec<_>>());
    }

    #[test]
    fn another_object_is_refused_before_any_work() {
        let error = report(b"a,b\n1,2\n", None, |_, _| ()).expect_err("other columns");
        assert!(error.downcast_ref::<NoStrikes>().is_some(), "{error}");
    }
}
