//! Reads strike reports from CSV into the rows of the model.

use std::{error::Error, fmt, str::FromStr};

use csv::StringRecord;

/// How many terms the model has.
pub(crate) const TERMS: usize = TERM_NAMES.len();

/// What each term says, in the order of a row.
pub(crate) const TERM_NAMES: [&str; 12] = [
    "baseline: a small animal, on approach, by day, in 1990, at 0 knots",
    "50 knots faster",
    "medium animal",
    "large animal",
    "climb",
    "take-off run",
    "landing roll",
    "descent",
    "dawn",
    "dusk",
    "night",
    "one year later",
];

/// The reports that the model can use, and how many there were.
#[derive(Debug)]
pub(crate) struct Strikes {
    /// All reports in the file.
    pub(crate) reports: usize,
    /// One row for each usable report.
    pub(crate) rows: Vec<[f64; TERMS]>,
    /// Whether that strike damaged the aircraft.
    pub(crate) damaged: Vec<bool>,
}

/// An object that holds no strike reports.
#[derive(Debug)]
pub(crate) enum NoStrikes {
    /// It isn't CSV.
    NotCsv(csv::Error),
    /// It is CSV, with other columns.
    Columns(Vec<&'static str>),
    /// No report in it says all that the model asks.
    Empty,
}

impl fmt::Display for NoStrikes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCsv(error) => write!(f, "not CSV: {error}"),
            Self::Columns(missing) => write!(f, "CSV without the columns {}", missing.join(", ")),
            Self::Empty => f.write_str("no report in it has a speed, a size, a phase, a time and a date"),
        }
    }
}

impl Error for NoStrikes {}

/// Reads all reports; those that lack something the model asks are counted and left out.
pub(crate) fn parse(bytes: &[u8]) -> Result<Strikes, NoStrikes> {
    let mut reader = csv::Reader::from_reader(bytes);
    let columns = Columns::find(reader.headers().map_err(NoStrikes::NotCsv)?)?;
    let mut strikes = Strikes { reports: 0, rows: Vec::new(), damaged: Vec::new() };
    for record in reader.records() {
        let record = record.map_err(NoStrikes::NotCsv)?;
        strikes.reports += 1;
        if let Some((row, damaged)) = columns.read(&record) {
            strikes.rows.push(row);
            strikes.damaged.push(damaged);
        }
    }
    if strikes.rows.is_empty() {
        return Err(NoStrikes::Empty);
    }
    Ok(strikes)
}

struct Columns {
    effect: usize,
    date: usize,
    phase: usize,
    size: usize,
    time: usize,
    speed: usize,
}

impl Columns {
    fn find(headers: &StringRecord) -> Result<Self, NoStrikes> {
        let mut missing = Vec::new();
        let mut find = |name: &'static str| {
            headers.iter().position(|header| header == name).unwrap_or_else(|| {
                missing.push(name);
                0
            })
        };
        let columns = Self {
            effect: find("Effect Amount of damage"),
            date: find("Flight Date"),
            phase: find("Phase of flight"),
            size: find("Wildlife Size"),
            time: find("Time of day"),
            speed: find("Speed IAS in knots"),
        };
        if missing.is_empty() { Ok(columns) } else { Err(NoStrikes::Columns(missing)) }
    }

    fn read(&self, record: &StringRecord) -> Option<([f64; TERMS], bool)> {
        let mut row = [0.0; TERMS];
        row[0] = 1.0;
        row[1] = number::<f64>(record.get(self.speed)?)? / 50.0;
        set(&mut row, &[("Small", 0), ("Medium", 2), ("Large", 3)], record.get(self.size)?)?;
        let phases = [("Approach", 0), ("Climb", 4), ("Take-off run", 5), ("Landing Roll", 6), ("Descent", 7)];
        set(&mut row, &phases, record.get(self.phase)?)?;
        set(&mut row, &[("Day", 0), ("Dawn", 8), ("Dusk", 9), ("Night", 10)], record.get(self.time)?)?;
        row[11] = number::<f64>(record.get(self.date)?.split('-').next()?)? - 1990.0;
        Some((row, record.get(self.effect)? != "None"))
    }
}

/// Sets the term of this value, or none where the value is the baseline's.
fn set(row: &mut [f64; TERMS], values: &[(&str, usize)], value: &str) -> Option<()> {
    let (_, term) = values.iter().find(|(name, _)| *name == value)?;
    row[*term] = 1.0;
    Some(())
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "Effect Amount of damage,Flight Date,Phase of flight,Wildlife Size,Time of day,Speed IAS in knots\n";

    #[test]
    fn a_report_becomes_a_row() {
        let table = [
            (
                "Minor,1995-10-25,Climb,Large,Night,150",
                Some((vec![(1, 3.0), (3, 1.0), (4, 1.0), (10, 1.0), (11, 5.0)], true)),
            ),
            ("None,1990-01-08,Approach,Small,Day,50", Some((vec![(1, 1.0)], false))),
            ("None,1990-01-08,Approach,Small,Day,", None),
            ("None,1990-01-08,Parked,Small,Day,50", None),
            ("None,1990-01-08,Approach,Enormous,Day,50", None),
            ("None,then,Approach,Small,Day,50", None),
        ];
        for (line, expected) in table {
            let known = "None,1990-01-01,Approach,Small,Day,100";
            let strikes = parse(format!("{HEADER}{known}\n{line}\n").as_bytes()).expect("good CSV");
            assert_eq!(strikes.reports, 2, "{line}");
            let expected = expected.map(|(terms, damaged)| {
                let mut row = [0.0; TERMS];
                row[0] = 1.0;
                for (term, value) in terms {
                    row[term] = value;
                }
                (row, damaged)
            });
            let read = strikes.rows.get(1).map(|row| (*row, strikes.damaged[1]));
            assert_eq!(read, expected, "{line}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_other_objects() {
        let table: [(&[u8], &str); 5] = [
            (b"\x89PNG\r\n\x1a\n\0\xff\xfe", "not CSV: CSV parse error: record 0"),
            (b"a,b\n1\n", "CSV without the columns"),
            (
                b"a,b\n1,2\n",
                "CSV without the columns Effect Amount of damage, Flight Date, Phase of flight, Wildlife Size, Time of day, Speed IAS in knots",
            ),
            (
                b"",
                "CSV without the columns Effect Amount of damage, Flight Date, Phase of flight, Wildlife Size, Time of day, Speed IAS in knots",
            ),
            (HEADER.as_bytes(), "no report in it has a speed, a size, a phase, a time and a date"),
        ];
        for (bytes, expected) in table {
            let error = parse(bytes).expect_err("no reports").to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
