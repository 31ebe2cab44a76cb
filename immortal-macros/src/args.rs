//! The attribute's arguments: each value checked as it is read, and all mistakes collected.

use proc_macro2::{Span, TokenTree};
use syn::{
    Error, ExprPath, Ident, Lit, LitBool, LitStr, Path, Result, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use crate::{errors::Errors, task_size};

/// What was given, and where; what was given wrongly counts as not given.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) init: Option<ExprPath>,
    pub(crate) cpu: Option<Given<u32>>,
    pub(crate) memory: Option<Given<u32>>,
    pub(crate) storage: Option<u32>,
    pub(crate) spot: Option<bool>,
    pub(crate) attempts: Option<u32>,
    pub(crate) on: Option<On>,
    pub(crate) grace: Option<u64>,
    pub(crate) limit: Option<u64>,
    pub(crate) facade: Option<Path>,
    /// Names that were given, rightly or wrongly.
    names: Vec<String>,
}

/// A value and its place.
#[derive(Clone, Copy)]
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum On {
    Any,
    Killed,
}

/// Each argument's name, and how a right one looks.
const ARGUMENTS: [(&str, &str); 10] = [
    ("init", "init = connect"),
    ("cpu", "cpu = 1024"),
    ("memory", "memory = 4096"),
    ("storage", "storage = 100"),
    ("spot", "spot = true"),
    ("attempts", "attempts = 3"),
    ("on", "on = killed"),
    ("grace", "grace = \"10s\""),
    ("limit", "limit = \"6h\""),
    ("crate", "crate = ::immortal"),
];

/// How long a limit may be at most: the order holds it as seconds in 32 bits.
const LONGEST_LIMIT: u64 = 1000 * (u32::MAX as u64);

impl Args {
    pub(crate) fn parse(tokens: proc_macro2::TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let parsed = (|input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = args.argument(input).and_then(|()| end_of_argument(input)) {
                    errors.push(error);
                    skip_argument(input)?;
                }
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(())
        })
        .parse2(tokens);
        if let Err(error) = parsed {
            errors.push(error);
        }
        args.check_size(errors);
        args
    }

    fn argument(&mut self, input: ParseStream<'_>) -> Result<()> {
        let Ok(name) = input.call(Ident::parse_any) else {
            return Err(input.error(format!("expected an argument of `#[immortal]`: {}", names())));
        };
        let text = name.unraw().to_string();
        let Some((_, example)) = ARGUMENTS.iter().find(|(known, _)| *known == text) else {
            return Err(Error::new(name.span(), format!("unknown argument `{text}`; the arguments are {}", names())));
        };
        if self.names.contains(&text) {
            return Err(Error::new(name.span(), format!("`{text}` specified more than once")));
        }
        self.names.push(text.clone());
        if input.parse::<Option<Token![=]>>()?.is_none() || input.is_empty() || input.peek(Token![,]) {
            return Err(Error::new(name.span(), format!("`{text}` takes a value: `{example}`")));
        }
        match text.as_str() {
            "init" => self.init = Some(init(input)?),
            "cpu" => self.cpu = Some(cpu(input)?),
            "memory" => self.memory = Some(memory(input)?),
            "storage" => self.storage = Some(within(input, "storage", "GiB", 21, 200)?),
            "spot" => self.spot = Some(spot(input)?),
            "attempts" => self.attempts = Some(within(input, "attempts", "Fargate tasks", 1, 10)?),
            "on" => self.on = Some(on(input)?),
            "grace" => self.grace = Some(duration(input, "grace", "1500ms\", \"10s\" or \"1m")?.value),
            "limit" => self.limit = Some(limit(input)?),
            _ => self.facade = Some(facade(input)?),
        }
        Ok(())
    }

    pub(crate) fn was_given(&self, name: &str) -> bool {
        self.names.iter().any(|given| given == name)
    }

    fn check_size(&self, errors: &mut Errors) {
        match (self.cpu, self.memory) {
            (Some(cpu), Some(memory)) => {
                if let Some(problem) = task_size::mismatch(cpu.value, memory.value) {
                    errors.at(memory.span, problem);
                }
            }
            (Some(cpu), None) if !self.was_given("memory") => {
                errors.at(cpu.span, "`cpu` needs `memory` beside it, since Fargate has only certain pairs of them");
            }
            (None, Some(memory)) if !self.was_given("cpu") => {
                errors.at(memory.span, "`memory` needs `cpu` beside it, since Fargate has only certain pairs of them");
            }
            _ => {}
        }
    }
}

fn names() -> String {
    let names: Vec<_> = ARGUMENTS.iter().map(|(name, _)| format!("`{name}`")).collect();
    names.join(", ")
}

fn end_of_argument(input: ParseStream<'_>) -> Result<()> {
    if input.is_empty() || input.peek(Token![,]) { Ok(()) } else { Err(input.error("expected `,`")) }
}

fn skip_argument(input: ParseStream<'_>) -> Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

fn init(input: ParseStream<'_>) -> Result<ExprPath> {
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

fn facade(input: ParseStream<'_>) -> Result<Path> {
    const WANTED: &str = "`crate` is the path under which this crate is known";
    if let Some(text) = input.parse::<Option<LitStr>>()? {
        return Err(Error::new(text.span(), format!("{WANTED}, without quotes: `crate = {}`", text.value())));
    }
    input
        .call(Path::parse_mod_style)
        .map_err(|error| Error::new(error.span(), format!("{WANTED}: `crate = ::immortal`")))
}

fn cpu(input: ParseStream<'_>) -> Result<Given<u32>> {
    size(
        input,
        task_size::cpu_from_text,
        task_size::is_cpu,
        "`cpu` is 256, 512, 1024, 2048, 4096, 8192, 16384 or 32768 ECS units, or a text such as \"1 vCPU\"",
    )
}

fn memory(input: ParseStream<'_>) -> Result<Given<u32>> {
    size(
        input,
        task_size::memory_from_text,
        task_size::is_memory,
        "`memory` is 512 to 249856 MiB, in the steps that Fargate has, or a text such as \"4 GB\"",
    )
}

fn size(
    input: ParseStream<'_>,
    from_text: fn(&str) -> Option<u32>,
    is_known: fn(u32) -> bool,
    wanted: &str,
) -> Result<Given<u32>> {
    let literal: Lit = input.parse().map_err(|error| Error::new(error.span(), wanted))?;
    let value = match &literal {
        Lit::Int(number) if number.suffix().is_empty() => number.base10_parse().ok(),
        Lit::Str(text) => from_text(&text.value()),
        _ => None,
    };
    let span = literal.span();
    match value.filter(|value| is_known(*value)) {
        Some(value) => Ok(Given { value, span }),
        None => Err(Error::new(span, wanted)),
    }
}

fn within(input: ParseStream<'_>, name: &str, unit: &str, least: u32, most: u32) -> Result<u32> {
    let wanted = format!("`{name}` is a number of {unit}, {least} to {most}");
    let literal: Lit = input.parse().map_err(|error| Error::new(error.span(), &wanted))?;
    let number = match &literal {
        Lit::Int(number) if number.suffix().is_empty() => number.base10_parse().ok(),
        _ => None,
    };
    number.filter(|number| (least..=most).contains(number)).ok_or_else(|| Error::new(literal.span(), wanted))
}

fn spot(input: ParseStream<'_>) -> Result<bool> {
    let wanted = "`spot` is `true` or `false`";
    input.parse::<LitBool>().map(|value| value.value).map_err(|error| Error::new(error.span(), wanted))
}

fn on(input: ParseStream<'_>) -> Result<On> {
    let wanted = "`on` is `any`, or `killed`: all but the errors that the handler itself returned";
    if let Some(text) = input.parse::<Option<LitStr>>()? {
        return Err(Error::new(text.span(), format!("{wanted}; without quotes")));
    }
    let value = input.call(Ident::parse_any).map_err(|error| Error::new(error.span(), wanted))?;
    match value.to_string().as_str() {
        "any" => Ok(On::Any),
        "killed" => Ok(On::Killed),
        _ => Err(Error::new(value.span(), wanted)),
    }
}

fn limit(input: ParseStream<'_>) -> Result<u64> {
    let limit = duration(input, "limit", "90s\", \"30m\" or \"6h")?;
    match limit.value {
        0 => Err(Error::new(limit.span, "`limit` is at least \"1s\"; without a limit, leave it out")),
        value if value % 1000 > 0 => Err(Error::new(limit.span, "`limit` is a number of whole seconds")),
        value if value > LONGEST_LIMIT => Err(Error::new(limit.span, "`limit` is too long; without one, leave it out")),
        value => Ok(value),
    }
}

fn duration(input: ParseStream<'_>, name: &str, examples: &str) -> Result<Given<u64>> {
    let wanted = format!("`{name}` is a text such as \"{examples}\"");
    let literal: Lit = input.parse().map_err(|error| Error::new(error.span(), &wanted))?;
    let span = literal.span();
    match &literal {
        Lit::Str(text) => match milliseconds(&text.value()) {
            Some(value) => Ok(Given { value, span }),
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
