//! The function under an attribute: its attributes and signature. The body is not parsed.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::{
    Attribute, FnArg, Result, Signature, Token, Visibility,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use crate::args::AttributeKind;

pub(crate) struct HandlerFunction {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// Signature and body, as they were written.
    pub(crate) definition: TokenStream,
    /// The tokens in the place of the body.
    pub(crate) instead_of_body: Option<Span>,
}

impl HandlerFunction {
    pub(crate) fn parse(kind: AttributeKind, item: TokenStream) -> Result<Self> {
        let (target, one) = match kind {
            AttributeKind::Immortal => ("a handler: an `async fn`", "one handler"),
            AttributeKind::Main => ("`main`: an `async fn main()`, or a plain one", "one `main`"),
        };
        let parse = |input: ParseStream<'_>| {
            let attributes = input.call(Attribute::parse_outer)?;
            let visibility = input.parse()?;
            if !looks_like_a_function(input) {
                return Err(input.error(format!("{kind} goes on {target}")));
            }
            let definition = input.fork().parse()?;
            let signature = input.parse()?;
            let instead_of_body = match input.parse::<TokenTree>()? {
                TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => None,
                other => Some(other.span()),
            };
            if !input.is_empty() {
                return Err(input.error(format!("{kind} goes on {one}")));
            }
            Ok(Self { attributes, visibility, signature, definition, instead_of_body })
        };
        parse.parse2(item)
    }

    pub(crate) fn is_main(&self) -> bool {
        self.signature.ident.unraw() == "main"
    }

    /// Whether it can be an item of a module: with `self` or without a body it belongs to an `impl` block or a trait.
    pub(crate) fn is_free(&self) -> bool {
        self.instead_of_body.is_none()
            && !self.signature.inputs.iter().any(|parameter| matches!(parameter, FnArg::Receiver(_)))
    }
}

/// Whether the tokens begin like a function.
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
