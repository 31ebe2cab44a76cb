//! Medians, ratios, and the table of them.

/// A figure, what it is compared with, and what it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) figure: String,
    pub(crate) ours: String,
    pub(crate) against: String,
    pub(crate) ratio: f64,
    pub(crate) reach: Reach,
    /// The ratio that it had when it was last accepted, where that doesn't depend on the machine.
    pub(crate) held: Option<f64>,
}

/// By how much a ratio may be above the one that is held: other versions of dependencies and of the compiler.
const TOLERANCE: f64 = 1.03;

/// What a ratio is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reach {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    /// Two medians, and their ratio.
    pub(crate) fn new(figure: &str, ours: (f64, &str), against: (f64, &str), reach: Reach) -> Self {
        let shown = |(value, unit): (f64, &str)| format!("{} {unit}", digits(value));
        Self {
            figure: figure.to_owned(),
            ours: shown(ours),
            against: shown(against),
            ratio: ours.0 / against.0,
            reach,
            held: None,
        }
    }

    /// Holds it at a ratio.
    pub(crate) fn held(self, ratio: f64) -> Self {
        Self { held: Some(ratio), ..self }
    }

    /// Whether it is no worse than it was.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_none_or(|held| self.ratio <= held * TOLERANCE)
    }

    pub(crate) fn is_reached(&self) -> bool {
        match self.reach {
            Reach::AtMost(bound) => self.ratio <= bound,
            Reach::AtLeast(bound) => self.ratio >= bound,
        }
    }
}

pub(crate) fn print(rows: &[Row]) {
    println!("| figure | measured | against | ratio | to reach | |\n| --- | --- | --- | --- | --- | --- |");
    for row in rows {
        let reach = match row.reach {
            Reach::AtMost(bound) => format!("≤ {bound}"),
            Reach::AtLeast(bound) => format!("≥ {bound}"),
        };
        let reached = if row.is_reached() { "reached" } else { "not reached" };
        println!("| {} | {} | {} | {:.3} | {reach} | {reached} |", row.figure, row.ours, row.against, row.ratio);
    }
}

/// The middle one; of an even number, the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        Some(upper) if values.len().is_multiple_of(2) => f64::midpoint(values[middle - 1], *upper),
        Some(only) => *only,
        None => f64::NAN,
    }
}

/// Three significant digits, or all before the point.
fn digits(value: f64) -> String {
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
    fn a_bound_itself_is_reached() {
        let row = |ours, reach| Row::new("figure", (ours, "MB"), (2.0, "MB"), reach);
        assert!(row(3.0, Reach::AtMost(1.5)).is_reached());
        assert!(!row(3.1, Reach::AtMost(1.5)).is_reached());
        assert!(row(1.8, Reach::AtLeast(0.9)).is_reached());
        assert!(!row(1.7, Reach::AtLeast(0.9)).is_reached());
    }

    #[test]
    fn what_is_held_may_be_better_and_hardly_worse() {
        let row = |ours| Row::new("figure", (ours, "MB"), (2.0, "MB"), Reach::AtMost(1.0)).held(1.5);
        assert!(row(1.0).is_held() && row(3.05).is_held());
        assert!(!row(3.1).is_held());
    }
}
