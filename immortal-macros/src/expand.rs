//! What the attribute writes: the handler as it was, and one `main`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{Path, Type, ext::IdentExt, parse_quote};

use crate::{
    args::{Args, On},
    errors::Errors,
    handler::{Handler, Types, is_opaque},
};

// Input:
//     #[immortal(init = connect, attempts = 5)]
//     async fn ingest(event: LambdaEvent<Upload>, clients: &Clients) -> Result<Report, Error> { … }
//
// Output:
//     async fn ingest(event: LambdaEvent<Upload>, clients: &Clients) -> Result<Report, Error> { … }
//
//     #[allow(deprecated)]
//     fn main() -> ::std::process::ExitCode {
//         ::immortal::__private::main_with_state::<Upload, Report, Error, Clients, _, _, _, _>(
//             ingest,
//             connect,
//             const { &::immortal::__private::Manifest::new("ingest", …).attempts(5) },
//         )
//     }
//
// With a mistake, the errors and the stub `fn main() {}` take the place of `main`.
pub(crate) fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = Args::parse(args, &mut errors);
    let handler = match syn::parse2::<Handler>(item.clone()) {
        Ok(handler) => {
            handler.validate(&args, &mut errors);
            Some(handler)
        }
        Err(error) => {
            errors.push(error);
            None
        }
    };
    let main = match (errors.finish(), &handler) {
        (None, Some(handler)) => main(handler, &args),
        (errors, Some(handler)) if handler.signature.ident.unraw() == "main" => {
            // Under its own name it would be a second `main`, and async.
            return quote::quote! { #errors const _: () = { #item }; fn main() {} };
        }
        (errors, _) => quote::quote! { #errors fn main() {} },
    };
    quote::quote! { #item #main }
}

/// Every token of the call stands where the handler's name does, and its types where the user wrote them: what rustc
/// finds wrong with the handler is then underlined there, not at the attribute.
fn main(handler: &Handler, args: &Args) -> TokenStream {
    let name = &handler.signature.ident;
    let span = Span::call_site().located_at(name.span());
    let private = private(args.facade.as_ref(), span);
    let Some(types) = handler.types() else {
        return quote::quote! { fn main() {} };
    };
    let turbofish = turbofish(&types, &private, span);
    let manifest = manifest(&name.unraw().to_string(), args, &private, span);
    let call = if let (Some(init), Some(state)) = (&args.init, types.state) {
        quote_spanned! {span=> #private::main_with_state::<#turbofish, #state, _, _, _, _>(#name, #init, #manifest) }
    } else {
        quote_spanned! {span=> #private::main::<#turbofish, _, _>(#name, #manifest) }
    };
    quote::quote! {
        #[allow(deprecated)]
        fn main() -> ::std::process::ExitCode {
            #call
        }
    }
}

/// Payload, response and failure: as written where they can be told from the tokens, else by projection.
fn turbofish(types: &Types<'_>, private: &TokenStream, span: Span) -> TokenStream {
    let event = types.event;
    let outcome = types.outcome;
    let payload = types
        .payload
        .map_or_else(|| quote_spanned! {span=> <#event as #private::Event>::Payload }, ToTokens::to_token_stream);
    let infer = quote_spanned! {span=> _ };
    let as_written = |ty: &Type| if is_opaque(ty.to_token_stream()) { infer.clone() } else { ty.to_token_stream() };
    let response = match types.response {
        Some(response) => as_written(response),
        None if is_opaque(outcome.to_token_stream()) => infer.clone(),
        None => quote_spanned! {span=> <#outcome as #private::Outcome>::Response },
    };
    let failure = types.failure.map_or_else(|| infer.clone(), as_written);
    quote_spanned! {span=> #payload, #response, #failure }
}

fn manifest(name: &str, args: &Args, private: &TokenStream, span: Span) -> TokenStream {
    let mut manifest = quote_spanned! {span=>
        #private::Manifest::new(#name, ::core::env!("CARGO_PKG_NAME"), ::core::env!("CARGO_PKG_VERSION"))
    };
    let Args { cpu, memory, storage, spot, attempts, on, grace, limit, .. } = args;
    if let (Some(cpu), Some(memory)) = (cpu, memory) {
        let (cpu, memory) = (unsuffixed(cpu.value), unsuffixed(memory.value));
        manifest.extend(quote_spanned! {span=> .task_size(#cpu, #memory) });
    }
    if let Some(gib) = storage.map(unsuffixed) {
        manifest.extend(quote_spanned! {span=> .storage(#gib) });
    }
    if let Some(spot) = spot {
        manifest.extend(quote_spanned! {span=> .spot(#spot) });
    }
    if let Some(attempts) = attempts.map(unsuffixed) {
        manifest.extend(quote_spanned! {span=> .attempts(#attempts) });
    }
    let on = on.map(|on| match on {
        On::Any => quote_spanned! {span=> Any },
        On::Killed => quote_spanned! {span=> Killed },
    });
    if let Some(on) = on {
        manifest.extend(quote_spanned! {span=> .on(#private::On::#on) });
    }
    if let Some(milliseconds) = grace.map(unsuffixed) {
        manifest.extend(quote_spanned! {span=> .grace(#milliseconds) });
    }
    if let Some(milliseconds) = limit.map(unsuffixed) {
        manifest.extend(quote_spanned! {span=> .limit(#milliseconds) });
    }
    quote_spanned! {span=> const { &#manifest } }
}

fn unsuffixed(number: impl Into<u64>) -> proc_macro2::Literal {
    proc_macro2::Literal::u64_unsuffixed(number.into())
}

/// The path of what expansions name, with the meaning that the user's tokens have and the place of the handler's name.
fn private(facade: Option<&Path>, span: Span) -> TokenStream {
    let facade = facade.cloned().unwrap_or_else(|| parse_quote!(::immortal));
    let relocated: TokenStream = facade.to_token_stream().into_iter().map(|token| relocate(token, span)).collect();
    quote_spanned! {span=> #relocated::__private }
}

fn relocate(mut token: TokenTree, span: Span) -> TokenTree {
    token.set_span(token.span().located_at(span));
    token
}
