//! How much of a job's text gets into a page: a page must open, whatever the handler wrote.

use std::ops::Range;

/// Of one line, in bytes.
pub(super) const LINE_LIMIT: usize = 4 * 1024;
/// Of the event, and of the result, in bytes.
pub(super) const CONTENT_LIMIT: usize = 256 * 1024;
/// Of all lines of a page together, in bytes; each attempt, queue, … has an equal share.
pub(super) const LINES_LIMIT: usize = 4 * 1024 * 1024;
/// What a line takes besides its text.
const LINE_OVERHEAD: usize = 64;

/// The text, or its beginning and how much is left out.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limit);
    format!("{}… ({} more bytes are left out)", &text[..end], text.len() - end)
}

/// The lines that are left out, by their indices, so that the others fit: a quarter of them from the beginning, the rest
/// from the end, which says more.
pub(super) fn left_out(lengths: &[usize], limit: usize) -> Range<usize> {
    let cost = |length: &usize| length + LINE_OVERHEAD;
    if lengths.iter().map(cost).sum::<usize>() <= limit {
        return lengths.len()..lengths.len();
    }
    let fitting = |lengths: &mut dyn Iterator<Item = &usize>, limit: usize| {
        let mut used = 0;
        lengths.take_while(|length| (used += cost(length), used <= limit).1).count()
    };
    let from = fitting(&mut lengths.iter(), limit / 4);
    let kept = fitting(&mut lengths[from..].iter().rev(), limit / 4 * 3);
    from..lengths.len() - kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_names_these_bounds() {
        let documented = include_str!("../../../docs/report.md");
        for row in [
            format!("| a line | {} KiB |", LINE_LIMIT / 1024),
            format!("| all lines together | {} MiB, ", LINES_LIMIT / 1024 / 1024),
            format!("| result, event | {} KiB each |", CONTENT_LIMIT / 1024),
        ] {
            assert!(documented.contains(&row), "{row}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(cut("12345678", 8), "12345678");
        assert_eq!(cut("123456789", 8), "12345678… (1 more bytes are left out)");
        assert_eq!(cut("1234567ä9", 8), "1234567… (3 more bytes are left out)");
        let line = "x".repeat(10_000_000);
        assert!(cut(&line, LINE_LIMIT).len() < LINE_LIMIT + 100);
    }

    #[test]
    fn of_too_many_lines_the_first_and_the_last_are_kept() {
        let lines = |number: usize| vec![LINE_OVERHEAD; number];
        let limit = 2 * LINE_OVERHEAD * 100;
        let table = [
            (lines(0), 0..0),
            (lines(100), 100..100),
            (lines(101), 25..26),
            (lines(10_000), 25..9_925),
            // One that is larger than all that fits.
            (vec![limit], 0..1),
        ];
        for (lengths, expected) in table {
            assert_eq!(left_out(&lengths, limit), expected, "{} lines", lengths.len());
        }
    }
}
