//! `#[derive(FunctionError)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Fields, Ident, Path, WherePredicate, parse_quote};

use crate::errors::Errors;
use crate::options::{Place, ResponseOptions, responses};

/// The pattern of one variant, or of a struct, and how it is answered.
struct Arm {
    pattern: TokenStream,
    code: String,
    status: u16,
}

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::default();
    let implementation = understand(&input, &mut errors).map(|(krate, arms)| implement(&input, &krate, &arms));
    // The trait is implemented even beside a mistake, so that its users show no second error.
    [errors.into_tokens(), implementation].into_iter().flatten().collect()
}

/// Where nanofaas is, and an arm for each variant.
fn understand(input: &DeriveInput, errors: &mut Errors) -> Option<(Path, Vec<Arm>)> {
    let (krate, arms) = match &input.data {
        Data::Enum(data) => {
            let above = ResponseOptions::read(&input.attrs, Place::Enum, errors);
            let arm = |variant: &syn::Variant| {
                let name = &variant.ident;
                let pattern = match variant.fields {
                    Fields::Named(_) => quote!(Self::#name { .. }),
                    Fields::Unnamed(_) => quote!(Self::#name(..)),
                    Fields::Unit => quote!(Self::#name),
                };
                check_fields(&variant.fields, "`#[response(..)]` goes above the variant", errors);
                arm(pattern, name, ResponseOptions::read(&variant.attrs, Place::Variant, errors))
            };
            (above.krate, data.variants.iter().map(arm).collect())
        }
        Data::Struct(data) => {
            let mut above = ResponseOptions::read(&input.attrs, Place::Struct, errors);
            check_fields(&data.fields, "`#[response(..)]` goes above the struct", errors);
            (above.krate.take(), vec![arm(quote!(Self { .. }), &input.ident, above)])
        }
        Data::Union(data) => {
            errors.at(data.union_token, "an error is an enum or a struct");
            return None;
        }
    };
    Some((krate.unwrap_or_else(|| parse_quote!(::nanofaas)), arms))
}

fn arm(pattern: TokenStream, name: &Ident, options: ResponseOptions) -> Arm {
    Arm {
        pattern,
        code: options.code.unwrap_or_else(|| screaming_snake_case(&name.unraw().to_string())),
        status: options.status.unwrap_or(500),
    }
}

/// The compiler lets a derive's attribute stand on a field, where it would do nothing.
fn check_fields(fields: &Fields, message: &str, errors: &mut Errors) {
    for attribute in fields.iter().flat_map(|field| responses(&field.attrs)) {
        errors.at(attribute, message);
    }
}

fn implement(input: &DeriveInput, krate: &Path, arms: &[Arm]) -> TokenStream {
    let name = &input.ident;
    let mut generics = input.generics.clone();
    if generics.type_params().next().is_some() {
        // Whether it can be displayed depends on the parameters.
        let predicate: WherePredicate = parse_quote!(Self: ::core::fmt::Display);
        generics.make_where_clause().predicates.push(predicate);
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let codes = arms.iter().map(|Arm { pattern, code, .. }| quote!(#pattern => #code,));
    let statuses = arms.iter().map(|Arm { pattern, status, .. }| quote!(#pattern => #status,));
    // An enum without variants has no value to match.
    let this = if arms.is_empty() { quote!(*self) } else { quote!(self) };
    // The bound is spelled out at the name, where a missing `Display` is then reported.
    let header = quote_spanned!(name.span()=> #krate::FunctionError for #name #type_generics);
    quote! {
        #[automatically_derived]
        #[allow(
            deprecated, clippy::match_same_arms, clippy::too_many_lines,
            reason = "one arm for each variant"
        )]
        impl #impl_generics #header #where_clause {
            fn code(&self) -> &::core::primitive::str {
                match #this { #(#codes)* }
            }

            fn status(&self) -> ::core::primitive::u16 {
                match #this { #(#statuses)* }
            }

            fn source(&self) -> ::core::option::Option<&(dyn ::core::error::Error + 'static)> {
                #[allow(unused_imports, reason = "which of the two is used depends on the type")]
                use #krate::__private::{NoSource as _, WithSource as _};
                (&#krate::__private::Chain(self)).source_of()
            }
        }
    }
}

/// `OUT_OF_STOCK` for `OutOfStock`, `HTTP_ERROR` for `HTTPError`, `ITEM2_GONE` for `Item2Gone`.
fn screaming_snake_case(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
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
            ("Already_Snake", "ALREADY_SNAKE"),
        ] {
            assert_eq!(screaming_snake_case(name), code);
        }
    }
}
