//! The handler as the attribute sees it: attributes and signature. Its body is never looked at.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::{
    Attribute, FnArg, GenericArgument, PathArguments, Result, ReturnType, Signature, Token, Type, Visibility,
    parse::{Parse, ParseStream},
};

pub(crate) struct Handler {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) signature: Signature,
    /// What stands where its body should be.
    pub(crate) instead_of_body: Option<Span>,
}

impl Parse for Handler {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        if !looks_like_a_function(input) {
            return Err(input.error("`#[immortal]` goes on a handler: an `async fn`"));
        }
        let signature: Signature = input.parse()?;
        let instead_of_body = match input.parse::<TokenTree>()? {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => None,
            other => Some(other.span()),
        };
        if !input.is_empty() {
            return Err(input.error("`#[immortal]` goes on one handler"));
        }
        Ok(Self { attributes, signature, instead_of_body })
    }
}

/// Whether `fn` comes before anything that no function begins with.
fn looks_like_a_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    loop {
        if ahead.peek(Token![fn]) {
            return true;
        }
        let qualifier = ahead.peek(Token![const])
            || ahead.peek(Token![async])
            || ahead.peek(Token![unsafe])
            || ahead.peek(Token![extern])
            || ahead.peek(syn::LitStr);
        if !qualifier || ahead.parse::<TokenTree>().is_err() {
            return false;
        }
    }
}

/// The types of a handler, as the user wrote them; `None` where they can't be told from the tokens.
pub(crate) struct Types<'a> {
    pub(crate) event: &'a Type,
    pub(crate) payload: Option<&'a Type>,
    pub(crate) outcome: &'a Type,
    pub(crate) response: Option<&'a Type>,
    pub(crate) failure: Option<&'a Type>,
    pub(crate) state: Option<&'a Type>,
}

impl Handler {
    /// Whether it may be an item of a module. What has a `self`, or no body, is one of an `impl` block or a trait.
    pub(crate) fn is_free(&self) -> bool {
        self.instead_of_body.is_none()
            && !self.signature.inputs.iter().any(|parameter| matches!(parameter, FnArg::Receiver(_)))
    }

    /// The types of a valid handler.
    pub(crate) fn types(&self) -> Option<Types<'_>> {
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
        Some(Types { event, payload, outcome, response, failure, state })
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
