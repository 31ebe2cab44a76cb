//! What no handler can be, by its signature alone; what depends on types is left to the traits behind `main`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{FnArg, GenericParam, PatType, ReturnType, Safety, Type, ext::IdentExt, spanned::Spanned};

use crate::{
    args::Args,
    errors::Errors,
    handler::{Handler, peel},
};

impl Handler {
    pub(crate) fn validate(&self, args: &Args, errors: &mut Errors) {
        self.check_attributes(errors);
        self.check_qualifiers(errors);
        self.check_generics(errors);
        self.check_parameters(args, errors);
        self.check_output(errors);
    }

    fn check_attributes(&self, errors: &mut Errors) {
        for attribute in &self.attributes {
            let path = attribute.path();
            let Some(last) = path.segments.last() else { continue };
            if last.ident == "main" {
                let written: String = path.to_token_stream().into_iter().map(|token| token.to_string()).collect();
                errors.at(path.span(), format!("`#[immortal]` starts the runtime itself: remove `#[{written}]`"));
            } else if last.ident == "immortal" {
                errors.at(path.span(), "`#[immortal]` specified more than once");
            }
        }
    }

    fn check_qualifiers(&self, errors: &mut Errors) {
        let signature = &self.signature;
        if signature.ident.unraw() == "main" {
            errors.at(signature.ident.span(), "`#[immortal]` writes `main`: give the handler a name of its own");
        }
        if let Some(constness) = &signature.constness {
            errors.at(constness.span, "a handler is an `async fn`: remove `const`");
        } else if signature.asyncness.is_none() {
            errors.at(signature.fn_token.span, "a handler is async: write `async fn`");
        }
        if let Safety::Unsafe(unsafety) = &signature.safety {
            errors.at(unsafety.span, "a handler is called by safe code: remove `unsafe`");
        }
        if let Some(abi) = &signature.abi {
            errors.at(abi.extern_token.span, "a handler is called by Rust: remove `extern`");
        }
        if let Some(variadic) = &signature.variadic {
            errors.at(variadic.dots.span(), "a handler takes one event: remove `...`");
        }
    }

    fn check_generics(&self, errors: &mut Errors) {
        let generics = &self.signature.generics;
        let span = generics.params.span();
        if generics.params.iter().any(|parameter| !matches!(parameter, GenericParam::Lifetime(_))) {
            errors.at(span, "a handler has no generic parameters: name the types that it takes");
        } else if !generics.params.is_empty() {
            errors
                .at(span, "a handler has no lifetime parameters: it owns its event, and borrows its state as `&State`");
        } else if let Some(clause) = &generics.where_clause {
            errors.at(clause.where_token.span, "a handler has no `where` clause");
        }
    }

    fn check_parameters(&self, args: &Args, errors: &mut Errors) {
        let signature = &self.signature;
        let mut typed = Vec::new();
        for parameter in &signature.inputs {
            match parameter {
                FnArg::Typed(parameter) => typed.push(parameter),
                FnArg::Receiver(receiver) => {
                    errors.at(receiver.self_token.span, "a handler is a free function: remove `self`");
                }
            }
        }
        let is_free = typed.len() == signature.inputs.len();
        match typed.as_slice() {
            [] if is_free => {
                errors.at(signature.paren_token.span.join(), "a handler takes its event: `event: LambdaEvent<T>`");
            }
            [] => {}
            [event] => {
                self.check_event(event, errors);
                if let (Some(init), true) = (&args.init, is_free) {
                    errors.at(init.span(), "nothing takes what `init` makes: add a parameter `state: &State`");
                }
            }
            [event, state] => {
                self.check_event(event, errors);
                self.check_state(state, args, errors);
            }
            [event, state, more @ ..] => {
                self.check_event(event, errors);
                self.check_state(state, args, errors);
                for parameter in more {
                    errors.at(parameter.span(), "a handler takes one event, and its state: put this into the state");
                }
            }
        }
    }

    fn check_event(&self, event: &PatType, errors: &mut Errors) {
        let ty = peel(&event.ty);
        if let Type::Reference(reference) = ty {
            errors.at(reference.and_token.span, "a handler owns its event: remove `&`");
        } else if let Some(opaque) = opaque(ty.to_token_stream()) {
            errors.at(opaque, "a handler has no generic parameters: name the type of its event");
        } else if let Some((span, borrow)) = self.borrow(ty.to_token_stream()) {
            errors.at(span, format!("a handler owns its event: {borrow}"));
        }
    }

    fn check_state(&self, state: &PatType, args: &Args, errors: &mut Errors) {
        let ty = peel(&state.ty);
        let Type::Reference(reference) = ty else {
            let remedy = match ty {
                Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Context") => {
                    "the context comes with the event: it is `event.context`"
                }
                _ => "a handler takes one event; a second parameter is its state, by reference: `&State`",
            };
            errors.at(ty.span(), remedy);
            return;
        };
        if !args.was_given("init") {
            errors
                .at(ty.span(), "nothing makes this state: name the function that does, `#[immortal(init = connect)]`");
        }
        if let Some(mutability) = &reference.mutability {
            errors.at(mutability.span, "state is shared: remove `mut`, and put what changes into a `Mutex`");
        }
        let named = reference.lifetime.as_ref().filter(|lifetime| lifetime.ident != "static" && lifetime.ident != "_");
        if let Some(lifetime) = named.filter(|lifetime| !self.declares(&lifetime.ident.to_string())) {
            errors.at(lifetime.span(), "state lives as long as the process: leave the lifetime out");
        }
        if let Some(opaque) = opaque(reference.elem.to_token_stream()) {
            errors.at(opaque, "a handler has no generic parameters: name the type of its state");
        } else if let Some((span, borrow)) = self.borrow(reference.elem.to_token_stream()) {
            errors.at(span, format!("state lives as long as the process: {borrow}"));
        }
    }

    fn check_output(&self, errors: &mut Errors) {
        const WANTED: &str =
            "a handler returns `Result<T, Error>`: an error is what tells Lambda that the event failed";
        match &self.signature.output {
            ReturnType::Default => errors.at(self.signature.ident.span(), WANTED),
            ReturnType::Type(_, ty) => match peel(ty) {
                Type::Never(never) => errors.at(never.bang_token.span, WANTED),
                Type::ImplTrait(opaque) => errors.at(opaque.impl_token.span, WANTED),
                _ => {}
            },
        }
    }

    /// The first borrow in a type; those of a declared lifetime count as that lifetime's mistake.
    fn borrow(&self, tokens: TokenStream) -> Option<(Span, &'static str)> {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => {
                    if let Some(borrow) = self.borrow(group.stream()) {
                        return Some(borrow);
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == '&' => match tokens.peek() {
                    Some(TokenTree::Punct(next)) if next.as_char() == '\'' => {
                        let _ = tokens.next();
                        if !tokens.peek().is_some_and(|name| self.declares(&name.to_string())) {
                            return Some((punct.span(), "use an owned type, such as `String` for `&str`"));
                        }
                    }
                    _ => return Some((punct.span(), "use an owned type, such as `String` for `&str`")),
                },
                TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                    let name = tokens.peek().map(ToString::to_string).unwrap_or_default();
                    if name != "static" && !self.declares(&name) {
                        return Some((punct.span(), "use a type without a lifetime"));
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn declares(&self, lifetime: &str) -> bool {
        self.signature.generics.lifetimes().any(|declared| declared.lifetime.ident == lifetime)
    }
}

fn opaque(tokens: TokenStream) -> Option<Span> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => opaque(group.stream()),
        TokenTree::Ident(ident) if ident == "impl" => Some(ident.span()),
        _ => None,
    })
}
