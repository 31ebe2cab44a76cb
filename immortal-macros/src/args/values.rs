//! Parses the arguments' values, and checks each when it is read.

use syn::{Error, ExprPath, Ident, Lit, LitBool, LitStr, Path, Result, ext::IdentExt, parse::ParseStream};

use super::{GivenValue, OnValue};
use crate::task_size;

/// The longest limit: the order has it as seconds in 32 bits.
const LONGEST_LIMIT: u64 = 1000 * (u32::MAX as u64);

pub(super) fn init(input: ParseStream<'_>) -> Result<ExprPath> {
    const WANTED: &str = "`init` is the path of an `async fn`";
    if let Some(text) = input.parse::<Option<LitStr>>()? {
        return Err(Error::new(text.span(), format!("{WANTED}, without quotes: `init = {}`", text.value())));
    }
    let path: ExprPath =
        input.parse().map_err(|error| Error::new(error.span(), format!("{WANTED}: `init = connect`")))?;
    if input.peek(syn::token::Paren) {
        return Err(input.error(format!("{WANTED}, and isn't called here: leave the parentheses out")));
    }
    Ok(path)
}

pub(super) fn facade(input: ParseStream<'_>) -> Result<Path> {
    const WANTED: &str = "`crate` is the path under which this crate is known";
    if let Some(text) = input.parse::<Option<LitStr>>()? {
        return Err(Error::new(text.span(), format!("{WANTED}, without quotes: `crate = {}`", text.value())));
    }
    input
        .call(Path::parse_mod_style)
        .map_err(|error| Error::new(error.span(), format!("{WANTED}: `crate = ::immortal`")))
}

pub(super) fn cpu(input: ParseStream<'_>) -> Result<GivenValue<u32>> {
    size(
        input,
        task_size::cpu_from_text,
        task_size::is_cpu,
        "`cpu` is 256, 512, 1024, 2048, 4096, 8192, 16384 or 32768 ECS units, or a text such as \"1 vCPU\"",
    )
}

pub(super) fn memory(input: ParseStream<'_>) -> Result<GivenValue<u32>> {
    size(
        input,
        task_size::memory_from_text,
        task_size::is_memory,
        "`memory` is 512 to 249856 MiB, in the steps that Fargate has, or a text such as \"4 GB\"",
    )
}

pub(super) fn memory_max(input: ParseStream<'_>) -> Result<GivenValue<u32>> {
    size(
        input,
        task_size::memory_from_text,
        task_size::is_memory,
        "`memory_max` is 512 to 249856 MiB, in the steps that Fargate has, or a text such as \"16 GB\"",
    )
}

fn size(
    input: ParseStream<'_>,
    from_text: fn(&str) -> Option<u32>,
    is_known: fn(u32) -> bool,
    wanted: &str,
) -> Result<GivenValue<u32>> {
    let literal: Lit = input.parse().map_err(|error| Error::new(error.span(), wanted))?;
    let value = match &literal {
        Lit::Int(number) if number.suffix().is_empty() => number.base10_parse().ok(),
        Lit::Str(text) => from_text(&text.value()),
        _ => None,
    };
    let span = literal.span();
    match value.filter(|value| is_known(*value)) {
        Some(value) => Ok(GivenValue { value, span }),
        None => Err(Error::new(span, wanted)),
    }
}

pub(super) fn within(input: ParseStream<'_>, name: &str, unit: &str, least: u32, most: u32) -> Result<u32> {
    let wanted = format!("`{name}` is a number of {unit}, {least} to {most}");
    let literal: Lit = input.parse().map_err(|error| Error::new(error.span(), &wanted))?;
    let number = match &literal {
        Lit::Int(number) if number.suffix().is_empty() => number.base10_parse().ok(),
        _ => None,
    };
    number.filter(|number| (least..=most).contains(number)).ok_or_else(|| Error::new(literal.span(), wanted))
}

pub(super) fn spot(input: ParseStream<'_>) -> Result<bool> {
    let wanted = "`spot` is `true` or `false`";
    input.parse::<LitBool>().map(|value| value.value).map_err(|error| Error::new(error.span(), wanted))
}

pub(super) fn on(input: ParseStream<'_>) -> Result<OnValue> {
    let wanted = "`on` is `any`, or `killed`: all but the errors that the handler itself returned";
    if let Some(text) = input.parse::<Option<LitStr>>()? {
        return Err(Error::new(text.span(), format!("{wanted}; without quotes")));
    }
    let value = input.call(Ident::parse_any).map_err(|error| Error::new(error.span(), wanted))?;
    match value.to_string().as_str() {
        "any" => Ok(OnValue::Any),
        "killed" => Ok(OnValue::Killed),
        _ => Err(Error::new(value.span(), wanted)),
    }
}

pub(super) fn grace(input: ParseStream<'_>) -> Result<u64> {
    Ok(duration(input, "grace", "1500ms\", \"10s\" or \"1m")?.value)
}

pub(super) fn limit(input: ParseStream<'_>) -> Result<u64> {
    let limit = duration(input, "limit", "90s\", \"30m\" or \"6h")?;
    match limit.value {
        0 => Err(Error::new(limit.span, "`limit` is at least \"1s\"; without a limit, leave it out")),
        value if value % 1000 > 0 => Err(Error::new(limit.span, "`limit` is a number of whole seconds")),
        value if value > LONGEST_LIMIT => Err(Error::new(limit.span, "`limit` is too long; without one, leave it out")),
        value => Ok(value),
    }
}

fn duration(input: ParseStream<'_>, name: &str, examples: &str) -> Result<GivenValue<u64>> {
    let wanted = format!("`{name}` is a text such as \"{examples}\"");
    let literal: Lit = input.parse().map_err(|error| Error::new(error.span(), &wanted))?;
    let span = literal.span();
    match &literal {
        Lit::Str(text) => match milliseconds(&text.value()) {
            Some(value) => Ok(GivenValue { value, span }),
            None => Err(Error::new(span, wanted)),
        },
        Lit::Int(number) if milliseconds(&number.to_string()).is_some() => {
            Err(Error::new(span, format!("{wanted}; with quotes: `{name} = \"{number}\"`")))
        }
        Lit::Int(_) => Err(Error::new(span, format!("{wanted}; with its unit, `ms`, `s`, `m` or `h`"))),
        _ => Err(Error::new(span, wanted)),
    }
}

fn milliseconds(text: &str) -> Option<u64> {
    let unit_at = text.find(|char: char| !char.is_ascii_digit())?;
    let (digits, unit) = text.split_at(unit_at);
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        let table: &[(&str, Option<u64>)] = &[
            ("0s", Some(0)),
            ("1500ms", Some(1500)),
            ("10s", Some(10_000)),
            ("1m", Some(60_000)),
            ("6h", Some(21_600_000)),
            ("10", None),
            ("s", None),
            ("", None),
            ("-1s", None),
            ("1.5s", None),
            ("1 s", None),
            ("1S", None),
            ("1d", None),
            ("1m30s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ];
        for (text, expected) in table {
            assert_eq!(milliseconds(text), *expected, "{text:?}");
        }
    }
}
