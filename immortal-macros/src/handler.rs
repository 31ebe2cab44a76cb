//! The types of a handler.

use proc_macro2::{TokenStream, TokenTree};
use syn::{FnArg, GenericArgument, PathArguments, ReturnType, Type};

use crate::function::HandlerFunction;

/// The types of a handler as written; `None` if the tokens don't show them.
pub(crate) struct HandlerTypes<'a> {
    pub(crate) event: &'a Type,
    pub(crate) payload: Option<&'a Type>,
    pub(crate) outcome: &'a Type,
    pub(crate) response: Option<&'a Type>,
    pub(crate) failure: Option<&'a Type>,
    pub(crate) state: Option<&'a Type>,
}

impl HandlerFunction {
    /// Reads the types of a valid handler.
    pub(crate) fn types(&self) -> Option<HandlerTypes<'_>> {
        let mut parameters = self.signature.inputs.iter().filter_map(|parameter| match parameter {
            FnArg::Typed(parameter) => Some(peel(&parameter.ty)),
            FnArg::Receiver(_) => None,
        });
        let event = parameters.next()?;
        let state = match parameters.next() {
            Some(Type::Reference(reference)) => Some(&*reference.elem),
            _ => None,
        };
        let ReturnType::Type(_, outcome) = &self.signature.output else {
            return None;
        };
        let outcome = peel(outcome);
        let payload = match arguments(event, "LambdaEvent").as_slice() {
            [payload] => Some(*payload),
            _ => None,
        };
        let (response, failure) = match arguments(outcome, "Result").as_slice() {
            [response, failure] => (Some(*response), Some(*failure)),
            _ => (None, None),
        };
        Some(HandlerTypes { event, payload, outcome, response, failure, state })
    }
}

/// A type without the invisible groups that `macro_rules` puts around one, and without parentheses.
pub(crate) fn peel(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        };
    }
}

/// The type arguments of `…::name<…>`.
fn arguments<'a>(ty: &'a Type, name: &str) -> Vec<&'a Type> {
    let Type::Path(path) = ty else {
        return Vec::new();
    };
    match path.path.segments.last() {
        Some(segment) if segment.ident == name => match &segment.arguments {
            PathArguments::AngleBracketed(arguments) => arguments.args.iter().filter_map(as_type).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn as_type(argument: &GenericArgument) -> Option<&Type> {
    match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

/// Whether `impl` is anywhere in a type: such a type can't be written a second time.
pub(crate) fn is_opaque(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => is_opaque(group.stream()),
        TokenTree::Ident(ident) => ident == "impl",
        _ => false,
    })
}
