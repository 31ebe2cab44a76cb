//! Medians, ratios, and the table of them.

/// A figure, what it is compared with, and the bound of their ratio.
#[derive(Clone, Debug)]
pub(crate) struct FigureRow {
    pub(crate) figure: String,
    pub(crate) ours: String,
    pub(crate) against: String,
    pub(crate) ratio: f64,
    pub(crate) bound: RatioBound,
    /// The last accepted ratio, for figures that don't depend on the machine.
    pub(crate) held: Option<f64>,
}

/// How much worse than the last accepted ratio a figure may be: dependencies and compiler change.
const TOLERANCE: f64 = 1.03;

/// The bound of a ratio.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RatioBound {
    AtMost(f64),
    AtLeast(f64),
}

impl FigureRow {
    /// A row with two medians and their ratio.
    pub(crate) fn new(figure: &str, ours: (f64, &str), against: (f64, &str), bound: RatioBound) -> Self {
        let shown = |(value, unit): (f64, &str)| format!("{} {unit}", three_digits(value));
        Self {
            figure: figure.to_owned(),
            ours: shown(ours),
            against: shown(against),
            ratio: ours.0 / against.0,
            bound,
            held: None,
        }
    }

    /// Sets the last accepted ratio.
    pub(crate) fn held_at(self, ratio: f64) -> Self {
        Self { held: Some(ratio), ..self }
    }

    /// Whether the ratio is no worse than the last accepted one, within the tolerance.
    pub(crate) fn is_no_worse(&self) -> bool {
        self.held.is_none_or(|held| self.ratio <= held * TOLERANCE)
    }

    pub(crate) fn is_met(&self) -> bool {
        match self.bound {
            RatioBound::AtMost(bound) => self.ratio <= bound,
            RatioBound::AtLeast(bound) => self.ratio >= bound,
        }
    }
}

pub(crate) fn print(rows: &[FigureRow]) {
    println!("| figure | measured | against | ratio | bound | |\n| --- | --- | --- | --- | --- | --- |");
    for row in rows {
        let bound = match row.bound {
            RatioBound::AtMost(most) => format!("≤ {most}"),
            RatioBound::AtLeast(least) => format!("≥ {least}"),
        };
        let met = if row.is_met() { "met" } else { "not met" };
        println!("| {} | {} | {} | {:.3} | {bound} | {met} |", row.figure, row.ours, row.against, row.ratio);
    }
}

/// The median; of an even number of values, the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        Some(upper) if values.len().is_multiple_of(2) => f64::midpoint(values[middle - 1], *upper),
        Some(only) => *only,
        None => f64::NAN,
    }
}

/// Formats with three significant digits, or with all digits before the decimal point.
fn three_digits(value: f64) -> String {
    let places = match value.abs() {
        0.0..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_ratio_equal_to_its_bound_meets_it() {
        let row = |ours, bound| FigureRow::new("figure", (ours, "MB"), (2.0, "MB"), bound);
        assert!(row(3.0, RatioBound::AtMost(1.5)).is_met());
        assert!(!row(3.1, RatioBound::AtMost(1.5)).is_met());
        assert!(row(1.8, RatioBound::AtLeast(0.9)).is_met());
        assert!(!row(1.7, RatioBound::AtLeast(0.9)).is_met());
    }

    #[test]
    fn a_held_ratio_may_be_better_or_slightly_worse() {
        let row = |ours| FigureRow::new("figure", (ours, "MB"), (2.0, "MB"), RatioBound::AtMost(1.0)).held_at(1.5);
        assert!(row(1.0).is_no_worse() && row(3.05).is_no_worse());
        assert!(!row(3.1).is_no_worse());
    }
}
