//! One line of what a deployment was checked for.

use std::fmt;

use serde::Serialize;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct DoctorFinding {
    /// What was checked, in a word or two.
    pub(super) check: &'static str,
    pub(super) level: FindingLevel,
    pub(super) text: String,
    /// The command that fixes it, or what to do where there is no one command.
    pub(super) fix: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FindingLevel {
    Ok,
    Warning,
    /// Events are lost, run more often than they should, or wait for nothing.
    Fault,
    /// AWS was not asked, or gave no answer.
    NotChecked,
}

impl DoctorFinding {
    pub(super) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, level: FindingLevel::Ok, text: text.into(), fix: None }
    }

    pub(super) fn warning(check: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: FindingLevel::Warning, text: text.into(), fix: Some(fix.into()) }
    }

    pub(super) fn fault(check: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: FindingLevel::Fault, text: text.into(), fix: Some(fix.into()) }
    }

    pub(super) fn not_checked(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, level: FindingLevel::NotChecked, text: text.into(), fix: None }
    }
}

impl FindingLevel {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "FAULT",
            Self::NotChecked => "not checked",
        }
    }
}

impl fmt::Display for DoctorFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, level, text, fix } = self;
        write!(f, "{:<11}  {check:<17}  {text}", level.word())?;
        if let Some(fix) = fix {
            write!(f, "\n{:<32}fix: {fix}", "")?;
        }
        Ok(())
    }
}

/// How many there are of what is not ok.
pub(super) fn summary(findings: &[DoctorFinding]) -> String {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let of = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    format!(
        "{}, {}, {} not checked, {} ok",
        of(count(FindingLevel::Fault), "fault"),
        of(count(FindingLevel::Warning), "warning"),
        count(FindingLevel::NotChecked),
        count(FindingLevel::Ok)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_its_fix_another() {
        let findings = [
            DoctorFinding::ok("retries", "none"),
            DoctorFinding::fault("on-failure", "nobody has the event", "aws lambda …"),
            DoctorFinding::warning("logs", "for ever", "aws logs …"),
            DoctorFinding::not_checked("network", "no task ran"),
        ];
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        expect_test::expect![[r"
            ok           retries            none
            FAULT        on-failure         nobody has the event
                                            fix: aws lambda …
            warning      logs               for ever
                                            fix: aws logs …
            not checked  network            no task ran"]]
        .assert_eq(&lines.join("\n"));
        assert_eq!(summary(&findings), "1 fault, 1 warning, 1 not checked, 1 ok");
        assert_eq!(summary(&[]), "0 faults, 0 warnings, 0 not checked, 0 ok");
    }
}
