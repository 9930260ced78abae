//! Writes the code of `#[handler]`: the user's item unchanged, and its registration beside it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::errors::Errors;
use crate::model::{Argument, Model, Output};
use crate::options::HandlerOptions;
use crate::parse::{self, Function};

pub(crate) fn handler(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = HandlerOptions::read(options, &mut errors);
    let model = if let Ok(function) = syn::parse2::<Function>(item.clone()) {
        Model::new(function, options, &mut errors)
    } else {
        errors.at(parse::kind(item.clone()), "`#[nanofaas::handler]` goes on a function");
        None
    };
    // The item in every case: tests, editors and other code go on finding the function.
    match (errors.into_tokens(), &model) {
        (None, Some(model)) => [lints(), item, registration(model)].into_iter().collect(),
        (Some(errors), Some(model)) => [item, errors, checks(model)].into_iter().collect(),
        (errors, None) => [item, errors.unwrap_or_default()].into_iter().collect(),
    }
}

/// Against lints on what a handler cannot have otherwise. The user's own attributes come after it and
/// are stronger.
fn lints() -> TokenStream {
    quote! {
        #[allow(
            clippy::missing_const_for_fn, clippy::needless_pass_by_value, clippy::unnecessary_wraps,
            clippy::unused_async, reason = "a handler owns its arguments and returns a `Result`"
        )]
    }
}

/// A name that cannot meet one of the user's.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The real call is the check of every type, so that a mistake shows once; what the compiler says
/// then stands at the type.
fn registration(model: &Model) -> TokenStream {
    let Model { function, name, krate, conditions, is_async, arguments, output } = model;
    let (call, outcome, requirements) = (local("call"), local("outcome"), local("requirements"));
    let Some(output) = output else { return TokenStream::new() };
    let (reads, names) = reads(arguments, &call);
    let needs = arguments.iter().map(|argument| {
        let argument = source(argument);
        quote!((#argument.needs)(#requirements);)
    });
    let ty = &output.ty;
    let finish = finish(output, &outcome, &call);
    let kind = if *is_async {
        // At the function's name: what is not `Send` is reported there.
        quote_spanned! {function.span()=>
            __p::Kind::Async(|#call| __p::run(
                #call,
                |#call: &__p::CallInput| { #reads __p::Result::Ok(#function(#(#names),*)) },
                |#outcome: #ty, #call: &__p::CallInput| { #finish },
            ))
        }
    } else {
        quote! {
            __p::Kind::Sync(|#call| {
                let #call = &#call;
                #reads
                let #outcome: #ty = #function(#(#names),*);
                #finish
            })
        }
    };
    let input_schema = arguments.first().map_or_else(
        || quote!(__p::Option::None),
        |Argument { ty, .. }| quote!(__p::Option::Some(|| (&__p::Probe::<#ty>(__p::PhantomData)).schema())),
    );
    let into_result_name = local("into_result");
    let into_result = into_result(output, &into_result_name);
    quote! {
        #(#conditions)*
        #[allow(deprecated, unused_qualifications, reason = "the user's own lints are for the user's own code")]
        const _: () = {
            use #krate::__private as __p;
            #[allow(unused_imports, reason = "which of the two is used depends on the types")]
            use __p::{WithSchema as _, WithoutSchema as _};

            __p::inventory::submit! {
                __p::Registration {
                    name: #name,
                    path: || ::core::any::type_name_of_val(&#function),
                    file: ::core::file!(),
                    line: ::core::line!(),
                    kind: #kind,
                    requirements: |#requirements| { let _ = &#requirements; #(#needs)* },
                    schema: __p::HandlerSchema {
                        input: #input_schema,
                        output: __p::Option::Some(|| {
                            #into_result
                            (&__p::probe_ok(#into_result_name)).schema()
                        }),
                    },
                }
            }
        };
    }
}

/// Beside a signature with mistakes: the types of the rest are checked all the same.
fn checks(model: &Model) -> TokenStream {
    let Model { krate, conditions, arguments, output, .. } = model;
    let (call, outcome) = (local("call"), local("outcome"));
    let (reads, names) = reads(arguments, &call);
    let finish = output.as_ref().map(|output| {
        let (ty, finish) = (&output.ty, finish(output, &outcome, &call));
        quote!(let _ = |#outcome: #ty| -> __p::CallOutcome { #finish };)
    });
    quote! {
        #(#conditions)*
        const _: () = {
            use #krate::__private as __p;
            let _ = |#call: &__p::CallInput| -> __p::Result<(), __p::Rejection> {
                #reads
                #(let _ = #names;)*
                #finish
                __p::Result::Ok(())
            };
        };
    }
}

/// Statements that make the arguments, and their names.
fn reads(arguments: &[Argument], call: &Ident) -> (TokenStream, Vec<Ident>) {
    let names: Vec<_> = (0..arguments.len()).map(|n| local(&format!("argument_{n}"))).collect();
    let reads = arguments.iter().zip(&names).map(|(argument, name)| {
        let argument = source(argument);
        quote!(let #name = (#argument.read)(#call)?;)
    });
    (reads.collect(), names)
}

/// Where an argument comes from. It is written alike wherever it is used, because the compiler shows
/// only once what it would say twice in the same words at the same place.
fn source(Argument { is_first, ty }: &Argument) -> TokenStream {
    if *is_first {
        quote_spanned!(ty.span()=> __p::first::<#ty, _>())
    } else {
        quote_spanned!(ty.span()=> __p::other::<#ty>())
    }
}

/// The function from what the handler returned to a `Result`; written alike for the same reason.
fn into_result(output: &Output, name: &Ident) -> TokenStream {
    let ty = &output.ty;
    let function = quote_spanned!(ty.span()=> __p::into_result::<#ty, _, _>);
    quote!(let #name = #function;)
}

/// The outcome of the call, from what the handler returned.
fn finish(output: &Output, outcome: &Ident, call: &Ident) -> TokenStream {
    let name = local("into_result");
    let into_result = into_result(output, &name);
    // What the compiler blames is the variable, so it stands where the type does.
    let (value, error) = (Ident::new("value", output.ok), Ident::new("error", output.err));
    let ok = quote_spanned!(output.ok=> __p::output(#value, #call));
    let err = quote_spanned!(output.err=> __p::failure(#error));
    quote! {
        #into_result
        match #name(#outcome) {
            __p::Result::Ok(#value) => #ok,
            __p::Result::Err(#error) => __p::Result::Err(#err),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_crate_is_not_looked_for_under_its_own_name() {
        let item = quote!(
            async fn handle(item: String, at: Context) -> Result<String> {
                Ok(item)
            }
        );
        for expanded in [handler(quote!(crate = nf), item.clone()), handler(quote!(crate = nf, nme = 1), item)] {
            let code = expanded.to_string();
            assert!(code.contains("use nf :: __private as __p"), "{code}");
            assert!(!code.contains("nanofaas"), "{code}");
        }
    }

    #[test]
    fn the_function_stays_as_it_is_whatever_is_wrong_with_it() {
        for item in [
            quote!(
                fn handle(item: &str) -> u8 {
                    1
                }
            ),
            quote!(fn handle() { let x = ; }),
            quote!(
                struct Order;
            ),
        ] {
            let expanded = handler(TokenStream::new(), item.clone()).to_string();
            assert!(expanded.starts_with(&item.to_string()), "{expanded}");
            assert!(expanded.contains("compile_error"), "{expanded}");
        }
    }
}
