//! Parses the attribute's arguments: each value is checked when it is read, and all errors are collected.

mod argument;
mod values;

use std::fmt;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Error, ExprPath, Ident, Path, Result, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    parse_quote,
};

pub(crate) use self::argument::AttributeArgument;
use crate::{errors::CompileErrors, task_size};

/// The arguments that were given, with their spans. Invalid ones count as not given.
#[derive(Default)]
pub(crate) struct AttributeArgs {
    pub(crate) init: Option<ExprPath>,
    pub(crate) cpu: Option<GivenValue<u32>>,
    pub(crate) memory: Option<GivenValue<u32>>,
    pub(crate) memory_max: Option<GivenValue<u32>>,
    pub(crate) storage: Option<u32>,
    pub(crate) spot: Option<bool>,
    pub(crate) attempts: Option<u32>,
    pub(crate) on: Option<OnValue>,
    pub(crate) grace: Option<u64>,
    pub(crate) limit: Option<u64>,
    pub(crate) facade: Option<Path>,
    /// The arguments that were given, valid or not.
    given: Vec<AttributeArgument>,
}

/// A value and its span.
#[derive(Clone, Copy)]
pub(crate) struct GivenValue<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// The attribute that the arguments belong to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AttributeKind {
    /// `#[immortal]` on a handler.
    Immortal,
    /// `#[immortal::main]` on the user's own `main`.
    Main,
}

impl fmt::Display for AttributeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Immortal => "`#[immortal]`",
            Self::Main => "`#[immortal::main]`",
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OnValue {
    Any,
    Killed,
}

impl AttributeArgs {
    pub(crate) fn parse(kind: AttributeKind, tokens: TokenStream, errors: &mut CompileErrors) -> Self {
        let mut args = Self::default();
        let parsed = (|input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = args.argument(kind, input).and_then(|()| end_of_argument(input)) {
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
        args.check_growth(errors);
        args
    }

    fn argument(&mut self, kind: AttributeKind, input: ParseStream<'_>) -> Result<()> {
        let Ok(name) = input.call(Ident::parse_any) else {
            return Err(input.error(format!("expected an argument of {kind}: {}", names(kind))));
        };
        let text = name.unraw().to_string();
        let Some(argument) = AttributeArgument::named(&text) else {
            return Err(Error::new(
                name.span(),
                format!("unknown argument `{text}`; the arguments are {}", names(kind)),
            ));
        };
        if !argument.is_of(kind) {
            let problem =
                "`#[immortal::main]` has no `init`, since `main` makes its own state; `#[immortal]` has, on a handler";
            return Err(Error::new(name.span(), problem));
        }
        if self.was_given(argument) {
            return Err(Error::new(name.span(), format!("`{text}` specified more than once")));
        }
        self.given.push(argument);
        if input.parse::<Option<Token![=]>>()?.is_none() || input.is_empty() || input.peek(Token![,]) {
            return Err(Error::new(name.span(), format!("`{text}` takes a value: `{}`", argument.example())));
        }
        match argument {
            AttributeArgument::Init => self.init = Some(values::init(input)?),
            AttributeArgument::Cpu => self.cpu = Some(values::cpu(input)?),
            AttributeArgument::Memory => self.memory = Some(values::memory(input)?),
            AttributeArgument::MemoryMax => self.memory_max = Some(values::memory_max(input)?),
            AttributeArgument::Storage => self.storage = Some(values::within(input, "storage", "GiB", 21, 200)?),
            AttributeArgument::Spot => self.spot = Some(values::spot(input)?),
            AttributeArgument::Attempts => {
                self.attempts = Some(values::within(input, "attempts", "Fargate tasks", 1, 10)?);
            }
            AttributeArgument::On => self.on = Some(values::on(input)?),
            AttributeArgument::Grace => self.grace = Some(values::grace(input)?),
            AttributeArgument::Limit => self.limit = Some(values::limit(input)?),
            AttributeArgument::Crate => self.facade = Some(values::facade(input)?),
        }
        Ok(())
    }

    /// The path under which the facade is known.
    pub(crate) fn facade(&self) -> Path {
        self.facade.clone().unwrap_or_else(|| parse_quote!(::immortal))
    }

    pub(crate) fn was_given(&self, argument: AttributeArgument) -> bool {
        self.given.contains(&argument)
    }

    fn check_size(&self, errors: &mut CompileErrors) {
        match (self.cpu, self.memory) {
            (Some(cpu), Some(memory)) => {
                if let Some(problem) = task_size::mismatch(cpu.value, memory.value) {
                    errors.at(memory.span, problem);
                }
            }
            (Some(cpu), None) if !self.was_given(AttributeArgument::Memory) => {
                errors.at(cpu.span, "`cpu` needs `memory` beside it, since Fargate has only certain pairs of them");
            }
            (None, Some(memory)) if !self.was_given(AttributeArgument::Cpu) => {
                errors.at(memory.span, "`memory` needs `cpu` beside it, since Fargate has only certain pairs of them");
            }
            _ => {}
        }
    }

    fn check_growth(&self, errors: &mut CompileErrors) {
        let Some(most) = self.memory_max else { return };
        match (self.memory, self.cpu) {
            (None, _) if !self.was_given(AttributeArgument::Memory) => {
                errors.at(most.span, "`memory_max` needs `memory` beside it, from which the memory grows");
            }
            (Some(memory), _) if most.value < memory.value => {
                errors.at(most.span, "`memory_max` is not less than `memory`, from which the memory grows");
            }
            (Some(_), Some(cpu)) if !task_size::is_memory_from(cpu.value, most.value) => {
                let problem = format!("Fargate has no task of {} MiB with {} CPU units or more", most.value, cpu.value);
                errors.at(most.span, problem);
            }
            _ => {}
        }
    }
}

fn names(kind: AttributeKind) -> String {
    let names: Vec<_> = AttributeArgument::ALL
        .iter()
        .filter(|argument| argument.is_of(kind))
        .map(|argument| format!("`{}`", argument.name()))
        .collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An argument that is taken for another would be found here.
    #[test]
    fn each_argument_sets_its_own_value() {
        for argument in AttributeArgument::ALL {
            let tokens = argument.example().parse().expect("an example is tokens");
            let args = AttributeArgs::parse(AttributeKind::Immortal, tokens, &mut CompileErrors::default());
            let set = [
                (AttributeArgument::Init, args.init.is_some()),
                (AttributeArgument::Cpu, args.cpu.is_some()),
                (AttributeArgument::Memory, args.memory.is_some()),
                (AttributeArgument::MemoryMax, args.memory_max.is_some()),
                (AttributeArgument::Storage, args.storage.is_some()),
                (AttributeArgument::Spot, args.spot.is_some()),
                (AttributeArgument::Attempts, args.attempts.is_some()),
                (AttributeArgument::On, args.on.is_some()),
                (AttributeArgument::Grace, args.grace.is_some()),
                (AttributeArgument::Limit, args.limit.is_some()),
                (AttributeArgument::Crate, args.facade.is_some()),
            ];
            let set: Vec<_> = set.iter().filter(|(_, is_set)| *is_set).map(|(argument, _)| *argument).collect();
            assert_eq!(set, [argument]);
        }
    }
}
