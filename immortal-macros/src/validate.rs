//! Rejects signatures that no handler can have; what depends on types is left to the trait bounds of `main`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, FnArg, GenericParam, PatType, Path, ReturnType, Safety, Type};

use crate::{
    args::{AttributeArgs, AttributeArgument},
    errors::CompileErrors,
    function::HandlerFunction,
    handler::peel,
};

impl HandlerFunction {
    /// What is wrong with it as a handler.
    pub(crate) fn validate_handler(&self, args: &AttributeArgs, errors: &mut CompileErrors) {
        if self.is_main() && self.signature.inputs.is_empty() {
            // Further errors would only follow from this one.
            let name = &self.signature.ident;
            errors.at(name.span(), "`#[immortal]` goes on a handler; on `main` itself it is `#[immortal::main]`");
            return;
        }
        self.check_attributes(errors);
        self.check_qualifiers(errors);
        self.check_generics(errors);
        self.check_parameters(args, errors);
        self.check_output(errors);
    }

    fn check_attributes(&self, errors: &mut CompileErrors) {
        for attribute in &self.attributes {
            let path = attribute.path();
            if path.segments.last().is_some_and(|last| last.ident == "main") {
                let written = as_text(path);
                errors.on(path, format!("`#[immortal]` starts the runtime itself: remove `#[{written}]`"));
            } else if is_immortal(attribute) {
                errors.on(path, "`#[immortal]` specified more than once");
            }
        }
    }

    fn check_qualifiers(&self, errors: &mut CompileErrors) {
        let signature = &self.signature;
        if self.is_main() {
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
            errors.on(variadic.dots, "a handler takes one event: remove `...`");
        }
        if let Some(instead) = self.instead_of_body {
            errors.at(instead, "a handler needs a body");
        }
    }

    fn check_generics(&self, errors: &mut CompileErrors) {
        let generics = &self.signature.generics;
        let parameters = &generics.params;
        if parameters.iter().any(|parameter| !matches!(parameter, GenericParam::Lifetime(_))) {
            errors.on(parameters, "a handler has no generic parameters: name the types that it takes");
        } else if !parameters.is_empty() {
            errors.on(
                parameters,
                "a handler has no lifetime parameters: it owns its event, and borrows its state as `&State`",
            );
        } else if let Some(clause) = &generics.where_clause {
            errors.at(clause.where_token.span, "a handler has no `where` clause");
        }
    }

    fn check_parameters(&self, args: &AttributeArgs, errors: &mut CompileErrors) {
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
                    errors.on(init, "nothing takes what `init` makes: add a parameter `state: &State`");
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
                    errors.on(parameter, "a handler takes one event, and its state: put this into the state");
                }
            }
        }
    }

    fn check_event(&self, event: &PatType, errors: &mut CompileErrors) {
        let ty = peel(&event.ty);
        if let Type::Reference(reference) = ty {
            errors.at(reference.and_token.span, "a handler owns its event: remove `&`");
        } else if let Some(opaque) = opaque(ty.to_token_stream()) {
            errors.at(opaque, "a handler has no generic parameters: name the type of its event");
        } else if let Some(borrow) = self.borrows(ty.to_token_stream()).iter().find(|borrow| !borrow.is_owned()) {
            errors.at(borrow.span, format!("a handler owns its event: {}", borrow.remedy));
        }
    }

    fn check_state(&self, state: &PatType, args: &AttributeArgs, errors: &mut CompileErrors) {
        let ty = peel(&state.ty);
        let Type::Reference(reference) = ty else {
            let remedy = match ty {
                Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Context") => {
                    "the context comes with the event: it is `event.context`"
                }
                _ => "a handler takes one event; a second parameter is its state, by reference: `&State`",
            };
            errors.on(ty, remedy);
            return;
        };
        if !args.was_given(AttributeArgument::Init) {
            errors.on(ty, "nothing makes this state: name the function that does, `#[immortal(init = connect)]`");
        }
        if let Some(mutability) = &reference.mutability {
            errors.at(mutability.span, "state is shared: remove `mut`, and put what changes into a `Mutex`");
        }
        let named = reference.lifetime.as_ref().filter(|lifetime| lifetime.ident != "static" && lifetime.ident != "_");
        if let Some(lifetime) = named.filter(|lifetime| !self.declares(&lifetime.ident.to_string())) {
            errors.on(lifetime, "state lives as long as the process: leave the lifetime out");
        }
        if let Some(opaque) = opaque(reference.elem.to_token_stream()) {
            errors.at(opaque, "a handler has no generic parameters: name the type of its state");
        } else if let Some(borrow) =
            self.borrows(reference.elem.to_token_stream()).iter().find(|borrow| !borrow.is_static())
        {
            errors.at(borrow.span, format!("state lives as long as the process: {}", borrow.remedy));
        }
    }

    fn check_output(&self, errors: &mut CompileErrors) {
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

    /// The borrows in a type, except for declared lifetimes, which are reported separately.
    fn borrows(&self, tokens: TokenStream) -> Vec<StateBorrow> {
        let mut found = Vec::new();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => found.extend(self.borrows(group.stream())),
                TokenTree::Punct(punct) if punct.as_char() == '&' => {
                    let is_named = tokens.next_if(|next| next.to_string() == "'").is_some();
                    let lifetime = if is_named { tokens.next().map(|name| name.to_string()) } else { None };
                    let remedy = "use an owned type, such as `String` for `&str`";
                    found.push(StateBorrow { span: punct.span(), lifetime, is_reference: true, remedy });
                }
                TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                    let lifetime = tokens.next().map(|name| name.to_string());
                    let remedy = "use a type without a lifetime";
                    found.push(StateBorrow { span: punct.span(), lifetime, is_reference: false, remedy });
                }
                _ => {}
            }
        }
        found.retain(|borrow| !borrow.lifetime.as_ref().is_some_and(|lifetime| self.declares(lifetime)));
        found
    }

    fn declares(&self, lifetime: &str) -> bool {
        self.signature.generics.lifetimes().any(|declared| declared.lifetime.ident == lifetime)
    }
}

/// A reference or a lifetime inside a type.
struct StateBorrow {
    span: Span,
    lifetime: Option<String>,
    is_reference: bool,
    remedy: &'static str,
}

impl StateBorrow {
    fn is_static(&self) -> bool {
        self.lifetime.as_deref() == Some("static")
    }

    /// A `Cow<'static, str>` can be read from JSON, a `&'static str` can't.
    fn is_owned(&self) -> bool {
        self.is_static() && !self.is_reference
    }
}

pub(crate) fn is_immortal(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "immortal")
}

/// A path without the spaces that tokens have between them.
pub(crate) fn as_text(path: &Path) -> String {
    path.to_token_stream().into_iter().map(|token| token.to_string()).collect()
}

fn opaque(tokens: TokenStream) -> Option<Span> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => opaque(group.stream()),
        TokenTree::Ident(ident) if ident == "impl" => Some(ident.span()),
        _ => None,
    })
}
