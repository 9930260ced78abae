//! Writes the code of `#[handler]`: the user's item unchanged, and its registration beside it.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use crate::errors::Errors;
use crate::model::{Model, with_errors};
use crate::options::HandlerOptions;
use crate::parse::Function;

pub(crate) fn handler(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = HandlerOptions::read(options, &mut errors);
    let model = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => Model::check(function, options, &mut errors),
        Err(_) => {
            errors.at(&item, "`#[nanofaas::handler]` goes on a function");
            None
        }
    };
    match (errors.into_tokens(), model) {
        (Some(errors), _) => with_errors(item, errors),
        (None, Some(model)) => with_errors(item, registration(&model)),
        (None, None) => item,
    }
}

/// One type check per question, each at the token it is about; the real call is the check, so that
/// a mistake shows once.
fn registration(model: &Model) -> TokenStream {
    let Model { function, name, krate, conditions, is_async, arguments, output, ok_span, err_span } = model;
    let names: Vec<_> =
        (0..arguments.len()).map(|n| format_ident!("argument_{n}", span = proc_macro2::Span::mixed_site())).collect();
    let reads = arguments.iter().zip(&names).enumerate().map(|(n, (ty, name))| {
        if n == 0 {
            quote_spanned!(ty.span()=> let #name = __p::first::<#ty, _>(&call)?;)
        } else {
            quote_spanned!(ty.span()=> let #name = __p::other::<#ty>(&call)?;)
        }
    });
    let requirements = arguments.iter().enumerate().map(|(n, ty)| {
        if n == 0 {
            quote!(__p::first_requirements::<#ty, _>(requirements);)
        } else {
            quote!(<#ty as __p::FromContext>::requirements(requirements);)
        }
    });
    let invoke = if *is_async { quote!(#function(#(#names),*).await) } else { quote!(#function(#(#names),*)) };
    let into_result = quote_spanned!(output.span()=> <#output as __p::IntoResult>::into_result(outcome));
    let ok = quote_spanned!(*ok_span=> __p::output(value, &call));
    let err = quote_spanned!(*err_span=> __p::failure(error));
    let steps = quote! {
        #(#reads)*
        let outcome: #output = #invoke;
        match #into_result {
            __p::Result::Ok(value) => #ok,
            __p::Result::Err(error) => __p::Result::Err(#err),
        }
    };
    let (signature, kind) = if *is_async {
        (
            quote!(fn call(call: __p::CallInput) -> __p::CallFuture { __p::Box::pin(async move { #steps }) }),
            quote!(Async),
        )
    } else {
        (quote!(fn call(call: __p::CallInput) -> __p::CallOutcome { #steps }), quote!(Sync))
    };
    let input_schema = match arguments.first() {
        Some(input) => quote!(__p::Option::Some(|| (&__p::Probe::<#input>(__p::PhantomData)).schema())),
        None => quote!(__p::Option::None),
    };
    quote! {
        #(#conditions)*
        const _: () = {
            use #krate::__private as __p;
            #[allow(unused_imports, reason = "which of the two is used depends on the types")]
            use __p::{WithSchema as _, WithoutSchema as _};

            #signature

            __p::inventory::submit! {
                __p::Registration {
                    name: #name,
                    path: || ::core::any::type_name_of_val(&#function),
                    file: ::core::file!(),
                    line: ::core::line!(),
                    kind: __p::Kind::#kind(call),
                    requirements: |requirements| { let _ = &requirements; #(#requirements)* },
                    schema: __p::HandlerSchema {
                        input: #input_schema,
                        output: __p::Option::Some(|| {
                            (&__p::Probe::<<#output as __p::IntoResult>::Ok>(__p::PhantomData)).schema()
                        }),
                    },
                }
            }
        };
    }
}
