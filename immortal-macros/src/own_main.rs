//! `#[immortal::main]`: the user's unchanged `main`, called by a generated one that picks the role.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{ReturnType, Safety, Type};

use crate::{
    args::{AttributeArgs, AttributeKind},
    errors::CompileErrors,
    expand::{as_written, assert_root, infer, manifest, stub},
    function::HandlerFunction,
    handler::peel,
    validate::{as_text, is_immortal},
};

const IN_A_MODULE: &str = "`#[immortal::main]` goes on the crate's `main`, and this one is in a module: move it to the \
                           crate's root file, such as `src/main.rs`";

// Input:
//     #[immortal::main(attempts = 5)]
//     async fn main() -> Result<(), Error> { … }
//
// Output:
//     fn main() -> ::std::process::ExitCode {
//         use ::immortal::__private;
//         const _: () = ::core::assert!(__private::is_crate_root(::core::module_path!()), "…");
//         async fn main() -> Result<(), Error> { … }
//         __private::async_main::<Result<(), Error>, _, _>(
//             main,
//             const { &__private::Manifest::for_main(…).attempts(5) },
//         )
//     }
//
// With errors, `compile_error!`s replace it, and a stub is added.
pub(crate) fn main(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = CompileErrors::default();
    let args = AttributeArgs::parse(AttributeKind::Main, args, &mut errors);
    let function = errors.keep(HandlerFunction::parse(AttributeKind::Main, item.clone()));
    if let Some(function) = &function {
        function.validate_main(&mut errors);
    }
    match (errors.finish(), function) {
        (None, Some(function)) => outer_main(&function, &args),
        (errors, Some(function)) if function.is_main() => {
            // At the top level it would be a second `main`; in this scope rustc still reports its errors.
            let (stub, definition) = (stub(&args), function.definition);
            quote! { #errors #stub const _: () = { #definition }; }
        }
        (errors, Some(function)) if !function.is_free() => quote! { #errors #item },
        (errors, _) => {
            let stub = stub(&args);
            quote! { #errors #stub #item }
        }
    }
}

fn outer_main(function: &HandlerFunction, args: &AttributeArgs) -> TokenStream {
    let HandlerFunction { attributes, visibility, signature, definition, .. } = function;
    let facade = args.facade();
    let span = signature.ident.span();
    let at_name = Span::call_site().located_at(span);
    let new = quote_spanned! {at_name=>
        for_main(::core::env!("CARGO_PKG_NAME"), ::core::env!("CARGO_PKG_VERSION"))
    };
    let manifest = manifest(&new, args, at_name);
    let root = assert_root(IN_A_MODULE, at_name);
    let output = match &signature.output {
        ReturnType::Default => quote_spanned! {span=> () },
        ReturnType::Type(_, ty) if matches!(peel(ty), Type::Never(_)) => infer(span),
        ReturnType::Type(_, ty) => as_written(ty),
    };
    let name = &signature.ident;
    let infer = infer(span);
    let call = if signature.asyncness.is_some() {
        quote_spanned! {span=> __private::async_main::<#output, #infer, #infer>(#name, #manifest) }
    } else {
        quote_spanned! {span=> __private::plain_main::<#output, #infer>(#name, #manifest) }
    };
    quote! {
        #visibility fn main() -> ::std::process::ExitCode {
            use #facade::__private;
            #root
            #(#attributes)*
            #definition
            #call
        }
    }
}

impl HandlerFunction {
    /// What is wrong with it as a `main`.
    fn validate_main(&self, errors: &mut CompileErrors) {
        let signature = &self.signature;
        if !self.is_main() {
            let problem = "`#[immortal::main]` goes on the crate's `main`; on a handler it is `#[immortal]`";
            errors.at(signature.ident.span(), problem);
            return;
        }
        self.check_attributes_of_main(errors);
        if let Some(constness) = &signature.constness {
            errors.at(constness.span, "`main` is an `async fn` or a plain one: remove `const`");
        }
        if let Safety::Unsafe(unsafety) = &signature.safety {
            errors.at(unsafety.span, "`main` is called by safe code: remove `unsafe`");
        }
        if let Some(abi) = &signature.abi {
            errors.at(abi.extern_token.span, "`main` is called by Rust: remove `extern`");
        }
        if !signature.generics.params.is_empty() {
            errors.on(&signature.generics.params, "`main` has no generic parameters");
        } else if let Some(clause) = &signature.generics.where_clause {
            errors.at(clause.where_token.span, "`main` has no `where` clause");
        }
        if !signature.inputs.is_empty() || signature.variadic.is_some() {
            let (inputs, variadic) = (&signature.inputs, &signature.variadic);
            let problem = "`main` takes no parameters: the service that it gives to `immortal::run` takes the event";
            errors.on(quote! { #inputs #variadic }, problem);
        }
        if let Some(instead) = self.instead_of_body {
            errors.at(instead, "`main` needs a body");
        }
    }

    fn check_attributes_of_main(&self, errors: &mut CompileErrors) {
        for attribute in &self.attributes {
            let path = attribute.path();
            let written = as_text(path);
            if written.ends_with("immortal::main") {
                errors.on(path, "`#[immortal::main]` specified more than once");
            } else if path.segments.last().is_some_and(|last| last.ident == "main") {
                errors.on(path, format!("`#[immortal::main]` starts the runtime itself: remove `#[{written}]`"));
            } else if is_immortal(attribute) {
                errors
                    .on(path, "`#[immortal]` goes on a handler, and `#[immortal::main]` on `main`: remove one of them");
            }
        }
    }
}
