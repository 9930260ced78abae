//! `#[derive(FunctionError)]`.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, Data, DeriveInput, Fields, LitInt};

use crate::errors::Errors;
use crate::options::ResponseOptions;

/// Code and status of one variant, or of a struct.
struct Answer {
    code: String,
    status: Option<LitInt>,
}

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::default();
    let arms = arms(&input, &mut errors);
    let implementation = implement(&input, &arms);
    match errors.into_tokens() {
        // The trait is implemented all the same, so that its users show no second error.
        Some(errors) => quote!(#errors #implementation),
        None => implementation,
    }
}

/// A pattern and its answer for each variant.
fn arms(input: &DeriveInput, errors: &mut Errors) -> Vec<(TokenStream, Answer)> {
    match &input.data {
        Data::Enum(data) => {
            if let Some(attribute) = responses(&input.attrs).next() {
                errors.at(attribute, "`#[response(..)]` goes on a variant of the enum");
            }
            let arm = |variant: &syn::Variant| {
                let name = &variant.ident;
                let pattern = match variant.fields {
                    Fields::Named(_) => quote!(Self::#name { .. }),
                    Fields::Unnamed(_) => quote!(Self::#name(..)),
                    Fields::Unit => quote!(Self::#name),
                };
                (pattern, answer(&variant.attrs, name, errors))
            };
            data.variants.iter().map(arm).collect()
        }
        Data::Struct(_) => vec![(quote!(Self { .. }), answer(&input.attrs, &input.ident, errors))],
        Data::Union(data) => {
            errors.at(data.union_token, "an error is an enum or a struct");
            vec![(quote!(_), Answer { code: String::new(), status: None })]
        }
    }
}

fn responses(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("response"))
}

fn answer(attributes: &[Attribute], name: &Ident, errors: &mut Errors) -> Answer {
    let mut answer = Answer { code: screaming_snake_case(&name.to_string()), status: None };
    for attribute in responses(attributes) {
        let options = match attribute.meta.require_list() {
            Ok(list) => ResponseOptions::read(list.tokens.clone(), errors),
            Err(_) => {
                errors.at(attribute, "write `#[response(status = .., code = \"..\")]`");
                continue;
            }
        };
        answer.status = options.status.or(answer.status);
        if let Some(code) = options.code {
            answer.code = code.value();
        }
    }
    answer
}

fn implement(input: &DeriveInput, arms: &[(TokenStream, Answer)]) -> TokenStream {
    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let codes = arms.iter().map(|(pattern, answer)| {
        let code = &answer.code;
        quote!(#pattern => #code,)
    });
    let statuses = arms.iter().map(|(pattern, answer)| match &answer.status {
        Some(status) => quote!(#pattern => #status,),
        None => quote!(#pattern => 500,),
    });
    let (codes, statuses) = if arms.is_empty() {
        // An enum without variants has no value to match.
        (quote!(match *self {}), quote!(match *self {}))
    } else {
        (quote!(match self { #(#codes)* }), quote!(match self { #(#statuses)* }))
    };
    // The bound is spelled out at the name, where a missing `Display` is then reported.
    let header = quote_spanned!(name.span()=> ::nanofaas::FunctionError for #name #type_generics);
    quote! {
        #[automatically_derived]
        #[allow(clippy::match_same_arms, clippy::too_many_lines, reason = "one arm for each variant")]
        impl #impl_generics #header #where_clause {
            fn code(&self) -> &str {
                #codes
            }

            fn status(&self) -> u16 {
                #statuses
            }

            fn source(&self) -> ::core::option::Option<&(dyn ::core::error::Error + 'static)> {
                #[allow(unused_imports, reason = "which of the two is used depends on the type")]
                use ::nanofaas::__private::{NoSource as _, WithSource as _};
                (&::nanofaas::__private::Chain(self)).source_of()
            }
        }
    }
}

/// `OUT_OF_STOCK` for `OutOfStock`, `HTTP_ERROR` for `HTTPError`, `ITEM2_GONE` for `Item2Gone`.
fn screaming_snake_case(name: &str) -> String {
    let characters: Vec<char> = name.trim_start_matches("r#").chars().collect();
    let mut text = String::new();
    for (n, character) in characters.iter().enumerate() {
        let previous = n.checked_sub(1).map(|n| characters[n]);
        let next = characters.get(n + 1);
        let starts_word = character.is_uppercase()
            && previous.is_some_and(|previous| {
                previous.is_lowercase()
                    || previous.is_numeric()
                    || (previous.is_uppercase() && next.is_some_and(|next| next.is_lowercase()))
            });
        if starts_word {
            text.push('_');
        }
        text.extend(character.to_uppercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::screaming_snake_case;

    #[test]
    fn variants_become_codes() {
        for (name, code) in [
            ("UnknownItem", "UNKNOWN_ITEM"),
            ("Stock", "STOCK"),
            ("HTTPError", "HTTP_ERROR"),
            ("Item2Gone", "ITEM2_GONE"),
            ("A", "A"),
            ("r#Type", "TYPE"),
            ("Already_Snake", "ALREADY_SNAKE"),
        ] {
            assert_eq!(screaming_snake_case(name), code);
        }
    }
}
