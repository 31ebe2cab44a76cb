//! The expansion of the attribute: the unchanged handler, and one `main`.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Type, ext::IdentExt, spanned::Spanned};

use crate::{
    args::{AttributeArgs, AttributeKind, OnValue},
    errors::CompileErrors,
    function::HandlerFunction,
    handler::{HandlerTypes, is_opaque},
};

const IN_A_MODULE: &str = "`#[immortal]` writes the crate's `main`, and this handler is in a module: move the handler to \
                           the crate's root file, such as `src/main.rs`; or remove `#[immortal]` here, put \
                           `#[immortal::main]` on `main`, and call `immortal::run(service_fn(…))` there";

// Input:
//     #[immortal(init = connect, attempts = 5)]
//     async fn ingest(event: LambdaEvent<Upload>, clients: &Clients) -> Result<Report, Error> { … }
//
// Output:
//     async fn ingest(event: LambdaEvent<Upload>, clients: &Clients) -> Result<Report, Error> { … }
//
//     #[allow(deprecated)]
//     fn main() -> ::std::process::ExitCode {
//         use ::immortal::__private;
//         const _: () = ::core::assert!(__private::is_crate_root(::core::module_path!()), "…");
//         __private::main_with_state::<_, Upload, _, Report, Error, Clients, _, _, _>(
//             ingest,
//             connect,
//             const { &__private::Manifest::new("ingest", …).attempts(5) },
//         )
//     }
//
// With errors, `compile_error!`s replace `main`, and a stub is added.
pub(crate) fn immortal(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = CompileErrors::default();
    let args = AttributeArgs::parse(AttributeKind::Immortal, args, &mut errors);
    let handler = errors.keep(HandlerFunction::parse(AttributeKind::Immortal, item.clone()));
    if let Some(handler) = &handler {
        handler.validate_handler(&args, &mut errors);
    }
    let Some(errors) = errors.finish() else {
        let main = handler.and_then(|handler| main(&handler, &args));
        return quote! { #item #main };
    };
    let stub = stub(&args);
    match handler {
        // At the top level it would be an async entry point; in this scope rustc still reports its errors.
        Some(handler) if handler.is_main() => quote! { #errors #stub const _: () = { #item }; },
        Some(handler) if !handler.is_free() => quote! { #errors #item },
        _ => quote! { #errors #stub #item },
    }
}

/// A `main`, so that rustc doesn't also report a missing one. It is glob-imported, so that an existing `main` takes
/// precedence; that is not possible in an `impl` block.
pub(crate) fn stub(args: &AttributeArgs) -> TokenStream {
    let facade = args.facade();
    quote! {
        #[allow(unused_imports)]
        use #facade::__private::stub::*;
    }
}

/// Every token has the span at which the user would look for rustc's error: each type where it was written, `_` at what
/// it stands for, the rest of the call at the handler's name; nothing has the span of the attribute.
fn main(handler: &HandlerFunction, args: &AttributeArgs) -> Option<TokenStream> {
    let types = handler.types()?;
    let name = &handler.signature.ident;
    let facade = args.facade();
    let turbofish = turbofish(&types, name.span());
    let at_name = Span::call_site().located_at(name.span());
    let handler_name = name.unraw().to_string();
    let new = quote_spanned! {at_name=>
        new(#handler_name, ::core::env!("CARGO_PKG_NAME"), ::core::env!("CARGO_PKG_VERSION"))
    };
    let manifest = manifest(&new, args, at_name);
    let root = assert_root(IN_A_MODULE, at_name);
    let infer = infer(name.span());
    let call = if let (Some(init), Some(state)) = (&args.init, types.state) {
        let made = self::infer(init.path.segments.last().map_or(name.span(), |last| last.ident.span()));
        quote_spanned! {name.span()=>
            __private::main_with_state::<#turbofish, #state, #infer, #infer, #made>(#name, #init, #manifest)
        }
    } else {
        quote_spanned! {name.span()=> __private::main::<#turbofish, #infer, #infer>(#name, #manifest) }
    };
    Some(quote! {
        #[allow(deprecated)]
        fn main() -> ::std::process::ExitCode {
            use #facade::__private;
            #root
            #call
        }
    })
}

/// Event, payload, outcome, response and failure: each as the user wrote it, and inferred where a part of it is given.
fn turbofish(types: &HandlerTypes<'_>, span: Span) -> TokenStream {
    let in_event = infer(types.event.span());
    let in_outcome = infer(types.outcome.span());
    let (event, payload) = match types.payload {
        Some(payload) => (in_event, as_written(payload)),
        None => (as_written(types.event), in_event),
    };
    let (outcome, response, failure) = match (types.response, types.failure) {
        (Some(response), Some(failure)) => (in_outcome, as_written(response), as_written(failure)),
        _ => (as_written(types.outcome), in_outcome.clone(), in_outcome),
    };
    quote_spanned! {span=> #event, #payload, #outcome, #response, #failure }
}

pub(crate) fn as_written(ty: &Type) -> TokenStream {
    if is_opaque(ty.to_token_stream()) { infer(ty.span()) } else { ty.to_token_stream() }
}

pub(crate) fn infer(span: Span) -> TokenStream {
    quote_spanned! {span=> _ }
}

/// Asserts that the attribute is in the crate's root: only there `main` is the entry point.
pub(crate) fn assert_root(otherwise: &str, span: Span) -> TokenStream {
    quote_spanned! {span=>
        const _: () = ::core::assert!(__private::is_crate_root(::core::module_path!()), #otherwise);
    }
}

/// The manifest, from the call of `Manifest` that makes the defaults.
pub(crate) fn manifest(new: &TokenStream, args: &AttributeArgs, span: Span) -> TokenStream {
    let mut manifest = quote_spanned! {span=> __private::Manifest::#new };
    let AttributeArgs { cpu, memory, memory_max, storage, spot, attempts, on, grace, limit, .. } = args;
    if let (Some(cpu), Some(memory)) = (cpu, memory) {
        let (cpu, memory) = (unsuffixed(cpu.value), unsuffixed(memory.value));
        manifest.extend(quote_spanned! {span=> .task_size(#cpu, #memory) });
    }
    if let Some(most) = memory_max.map(|most| unsuffixed(most.value)) {
        manifest.extend(quote_spanned! {span=> .memory_max(#most) });
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
        OnValue::Any => quote_spanned! {span=> Any },
        OnValue::Killed => quote_spanned! {span=> Killed },
    });
    if let Some(on) = on {
        manifest.extend(quote_spanned! {span=> .on(__private::DispatchOn::#on) });
    }
    if let Some(milliseconds) = grace.map(unsuffixed) {
        manifest.extend(quote_spanned! {span=> .grace(#milliseconds) });
    }
    if let Some(milliseconds) = limit.map(unsuffixed) {
        manifest.extend(quote_spanned! {span=> .limit(#milliseconds) });
    }
    quote_spanned! {span=> const { &#manifest } }
}

fn unsuffixed(number: impl Into<u64>) -> Literal {
    Literal::u64_unsuffixed(number.into())
}
