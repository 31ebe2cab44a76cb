//! From a file of strike reports to the odds of damage: everything between reading and writing.

use std::error::Error;

use serde::{Deserialize, Serialize};

use crate::{
    regression::{fit, intervals, resample},
    strikes::{Strikes, TERM_NAMES, TERMS, parse},
};

/// How often the data are resampled: enough that the ends of the intervals hold to two digits.
const RESAMPLES: u32 = 10_000;

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

/// The data and the fit to them: what each resample begins with.
pub(crate) struct FittedModel {
    strikes: Strikes,
    estimate: [f64; TERMS],
    /// How many resamples there are to be.
    pub(crate) resamples: u32,
}

/// The resamples that are done: the work that the next attempt need not do again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Resampled {
    pub(crate) done: u32,
    #[serde(with = "bits")]
    fits: Vec<[f64; TERMS]>,
}

/// Numbers as their bits: a reader of JSON that is made for speed may give back another last digit of a fraction.
mod bits {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::TERMS;

    pub(super) fn serialize<S: Serializer>(fits: &[[f64; TERMS]], serializer: S) -> Result<S::Ok, S::Error> {
        fits.iter().map(|fit| fit.map(f64::to_bits)).collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<[f64; TERMS]>, D::Error> {
        let fits = Vec::<[u64; TERMS]>::deserialize(deserializer)?;
        Ok(fits.into_iter().map(|fit| fit.map(f64::from_bits)).collect())
    }
}

impl FittedModel {
    /// Fits the model to a file, to be resampled so often or as often as it takes.
    pub(crate) fn fit(csv: &[u8], resamples: Option<u32>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let strikes = parse(csv)?;
        let estimate = fit(&strikes.rows, &strikes.damaged, &vec![1; strikes.rows.len()], [0.0; TERMS]);
        let estimate =
            estimate.ok_or("the model has no finite fit to these reports: some group is always or never damaged")?;
        Ok(Self { strikes, estimate, resamples: resamples.unwrap_or(RESAMPLES) })
    }

    /// Adds the next resamples, at most so many.
    pub(crate) fn resample(&self, mut resampled: Resampled, most: u32) -> Resampled {
        let end = resampled.done.saturating_add(most).min(self.resamples);
        let Strikes { rows, damaged, .. } = &self.strikes;
        resampled.fits.extend(resample(rows, damaged, self.estimate, resampled.done..end));
        resampled.done = end;
        resampled
    }

    /// What the resamples say.
    pub(crate) fn report(&self, resampled: &Resampled) -> Report {
        let terms = TERM_NAMES.iter().zip(intervals(self.estimate, &resampled.fits)).map(|(name, coefficient)| Term {
            name,
            odds_ratio: coefficient.estimate.exp(),
            low: coefficient.low.exp(),
            high: coefficient.high.exp(),
        });
        Report {
            reports: self.strikes.reports,
            used: self.strikes.rows.len(),
            damaged: self.strikes.damaged.iter().filter(|damaged| **damaged).count(),
            resamples: self.resamples,
            terms: terms.collect(),
        }
    }
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

    fn model(resamples: u32) -> FittedModel {
        FittedModel::fit(DATA, Some(resamples)).expect("the shipped data")
    }

    #[test]
    fn a_large_animal_is_what_raises_the_odds_most() {
        let model = model(20);
        let report = model.report(&model.resample(Resampled::default(), 20));
        assert_eq!((report.reports, report.used, report.damaged), (10_000, 7_156, 724));
        let strongest = report.strongest().expect("terms");
        assert_eq!(strongest.name, "large animal");
        assert!(strongest.low < strongest.odds_ratio && strongest.odds_ratio < strongest.high, "{strongest:?}");
        assert!(strongest.low > 1.0, "{strongest:?}");
    }

    #[test]
    fn it_is_the_same_however_many_attempts_it_takes() {
        let model = model(5);
        let whole = model.resample(Resampled::default(), 9);
        assert_eq!(whole.done, 5);
        let saved = serde_json::to_string(&model.resample(Resampled::default(), 2)).expect("plain data");
        let next = model.resample(serde_json::from_str(&saved).expect("its own"), 9);
        assert_eq!(next, whole);
        assert_eq!(model.report(&next), model.report(&whole));
    }

    #[test]
    fn another_object_is_refused_before_any_work() {
        let error = FittedModel::fit(b"a,b\n1,2\n", None).err().expect("other columns");
        assert!(error.downcast_ref::<NoStrikes>().is_some(), "{error}");
    }
}
