//! Logistic regression by Newton's method, and the bootstrap of its coefficients: pure computation.

use std::ops::Range;

/// Terms whose coefficient moved by less than this have converged.
const TOLERANCE: f64 = 1e-8;
/// Newton's method doubles the right digits in each step; what needs more steps than this runs away.
const STEPS: usize = 25;

/// The share of resamples in which a coefficient lies between `low` and `high` is 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Coefficient {
    /// Fitted to the data as they are.
    pub(crate) estimate: f64,
    /// The 2.5th percentile of the resamples.
    pub(crate) low: f64,
    /// The 97.5th percentile of the resamples.
    pub(crate) high: f64,
}

/// Fits the log-odds of `outcomes`, with how often each row counts; `None` if there is no finite fit.
pub(crate) fn fit<const K: usize>(
    rows: &[[f64; K]],
    outcomes: &[bool],
    weights: &[u32],
    start: [f64; K],
) -> Option<[f64; K]> {
    let mut coefficients = start;
    for _ in 0..STEPS {
        let mut gradient = [0.0; K];
        let mut information = [[0.0; K]; K];
        for ((row, &outcome), &weight) in rows.iter().zip(outcomes).zip(weights).filter(|(_, weight)| **weight > 0) {
            let log_odds: f64 = row.iter().zip(&coefficients).map(|(value, coefficient)| value * coefficient).sum();
            let probability = 1.0 / (1.0 + (-log_odds).exp());
            let weight = f64::from(weight);
            let residual = weight * (f64::from(u8::from(outcome)) - probability);
            let curvature = weight * probability * (1.0 - probability);
            for i in 0..K {
                gradient[i] += residual * row[i];
                let scaled = curvature * row[i];
                for j in 0..=i {
                    information[i][j] += scaled * row[j];
                }
            }
        }
        let step = solve(information, gradient)?;
        for (coefficient, step) in coefficients.iter_mut().zip(&step) {
            *coefficient += step;
        }
        if step.iter().all(|step| step.abs() < TOLERANCE) {
            return Some(coefficients);
        }
    }
    None
}

/// The coefficients of these resamples of the data, which begin at the fit to the data as they are: the same data give
/// the same numbers, whoever computes them, and however they are divided.
///
/// A resample may lose all damage in a rare group, and then has no fit: it says nothing, and is left out.
pub(crate) fn resample<const K: usize>(
    rows: &[[f64; K]],
    outcomes: &[bool],
    estimate: [f64; K],
    resamples: Range<u32>,
) -> Vec<[f64; K]> {
    let mut weights = vec![0; rows.len()];
    let of_resample = |resample: u32| {
        let mut random = fastrand::Rng::with_seed(u64::from(resample));
        weights.fill(0);
        for _ in 0..rows.len() {
            weights[random.usize(0..rows.len())] += 1;
        }
        fit(rows, outcomes, &weights, estimate)
    };
    resamples.filter_map(of_resample).collect()
}

/// The coefficients with their intervals, from the fit to the data and the fits to its resamples.
pub(crate) fn intervals<const K: usize>(estimate: [f64; K], fits: &[[f64; K]]) -> [Coefficient; K] {
    std::array::from_fn(|term| {
        let mut draws: Vec<f64> = fits.iter().map(|fit| fit[term]).collect();
        draws.sort_by(f64::total_cmp);
        Coefficient {
            estimate: estimate[term],
            low: percentile(&draws, 25).unwrap_or(f64::NEG_INFINITY),
            high: percentile(&draws, 975).unwrap_or(f64::INFINITY),
        }
    })
}

/// The value below which so many thousandths of the sorted values lie.
fn percentile(sorted: &[f64], thousandths: usize) -> Option<f64> {
    sorted.get(sorted.len().saturating_sub(1) * thousandths / 1000).copied()
}

/// Solves `matrix · x = vector` by Cholesky; of the symmetric matrix only the lower half is read.
fn solve<const K: usize>(mut matrix: [[f64; K]; K], mut vector: [f64; K]) -> Option<[f64; K]> {
    for i in 0..K {
        for j in 0..=i {
            let sum = matrix[i][j] - (0..j).map(|k| matrix[i][k] * matrix[j][k]).sum::<f64>();
            matrix[i][j] = match i == j {
                true if sum > 1e-12 => sum.sqrt(),
                true => return None,
                false => sum / matrix[j][j],
            };
        }
    }
    for i in 0..K {
        vector[i] = (vector[i] - (0..i).map(|k| matrix[i][k] * vector[k]).sum::<f64>()) / matrix[i][i];
    }
    for i in (0..K).rev() {
        vector[i] = (vector[i] - (i + 1..K).map(|k| matrix[k][i] * vector[k]).sum::<f64>()) / matrix[i][i];
    }
    Some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two groups: 10 of 40 and 30 of 50.
    fn two_groups() -> (Vec<[f64; 2]>, Vec<bool>) {
        let group = |exposed: f64, hits: usize, size: usize| (0..size).map(move |i| ([1.0, exposed], i < hits));
        group(0.0, 10, 40).chain(group(1.0, 30, 50)).unzip()
    }

    #[test]
    fn of_two_groups_the_fit_is_the_odds_ratio_of_the_table() {
        let (rows, outcomes) = two_groups();
        let [intercept, exposed] = fit(&rows, &outcomes, &[1; 90], [0.0; 2]).expect("a finite fit");
        assert!((intercept.exp() - 10.0 / 30.0).abs() < 1e-9, "{intercept}");
        assert!((exposed.exp() - (30.0 / 20.0) / (10.0 / 30.0)).abs() < 1e-9, "{exposed}");
    }

    #[test]
    fn a_weight_counts_as_so_many_rows() {
        let table = [[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]];
        let weighted = fit(&table, &[true, false, true, false], &[10, 30, 30, 20], [0.0; 2]).expect("a finite fit");
        let (rows, outcomes) = two_groups();
        let plain = fit(&rows, &outcomes, &[1; 90], [0.0; 2]).expect("a finite fit");
        assert!(weighted.iter().zip(plain).all(|(a, b)| (a - b).abs() < 1e-9), "{weighted:?} {plain:?}");
    }

    #[test]
    fn what_has_no_finite_fit_has_none() {
        let (rows, _) = two_groups();
        assert_eq!(fit(&rows, &[true; 90], &[1; 90], [0.0; 2]), None, "all damaged");
        assert_eq!(fit(&[[1.0, 1.0]; 4], &[true, false, true, false], &[1; 4], [0.0; 2]), None, "collinear");
    }

    #[test]
    fn the_interval_holds_the_estimate_and_is_the_same_however_it_is_divided() {
        let (rows, outcomes) = two_groups();
        let estimate = fit(&rows, &outcomes, &[1; 90], [0.0; 2]).expect("a finite fit");
        let of = |resamples| resample(&rows, &outcomes, estimate, resamples);
        let whole = of(0..400);
        let [_, exposed] = intervals(estimate, &whole);
        assert!(exposed.low < exposed.estimate && exposed.estimate < exposed.high, "{exposed:?}");
        // The standard error of a log odds ratio is the root of the summed reciprocals of its table.
        let error = (1.0_f64 / 10.0 + 1.0 / 30.0 + 1.0 / 30.0 + 1.0 / 20.0).sqrt();
        let width = (exposed.high - exposed.low) / (2.0 * 1.96 * error);
        assert!((0.8..1.25).contains(&width), "{width}");
        assert_eq!([of(0..150), of(150..151), of(151..400)].concat(), whole);
    }
}
