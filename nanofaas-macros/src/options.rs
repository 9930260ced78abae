//! The options of an attribute: `key = value`, separated by commas.

use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Ident, LitInt, LitStr, Path, Token};

use crate::errors::Errors;

/// `#[handler(name = "..", crate = path)]`
#[derive(Default)]
pub(crate) struct HandlerOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) krate: Option<Path>,
}

/// `#[response(status = 404, code = "..")]`
#[derive(Default)]
pub(crate) struct ResponseOptions {
    pub(crate) status: Option<LitInt>,
    pub(crate) code: Option<LitStr>,
}

/// One `key = value`, whose value is read by what the key is.
struct Entry<V> {
    key: Ident,
    value: Option<V>,
}

enum HandlerValue {
    Name(LitStr),
    Crate(Path),
}

enum ResponseValue {
    Status(LitInt),
    Code(LitStr),
}

impl Parse for Entry<HandlerValue> {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        entry(input, |key, input| {
            Ok(match key {
                "name" => Some(HandlerValue::Name(string(input, "`name` takes a string: `name = \"..\"`")?)),
                "crate" => Some(HandlerValue::Crate(Path::parse_mod_style(input)?)),
                _ => None,
            })
        })
    }
}

impl Parse for Entry<ResponseValue> {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        entry(input, |key, input| {
            Ok(match key {
                "status" => {
                    let message = "`status` takes a number: `status = 404`";
                    Some(ResponseValue::Status(
                        input.parse().map_err(|error: syn::Error| syn::Error::new(error.span(), message))?,
                    ))
                }
                "code" => Some(ResponseValue::Code(string(input, "`code` takes a string: `code = \"..\"`")?)),
                _ => None,
            })
        })
    }
}

fn entry<V>(
    input: ParseStream<'_>,
    read: impl FnOnce(&str, ParseStream<'_>) -> syn::Result<Option<V>>,
) -> syn::Result<Entry<V>> {
    let key = input.call(Ident::parse_any)?;
    let name = key.unraw().to_string();
    if !input.peek(Token![=]) {
        // An unknown word is the mistake to speak of, with or without a value.
        skip_value(input)?;
        return Ok(Entry { key, value: None });
    }
    input.parse::<Token![=]>()?;
    let value = read(&name, input)?;
    if value.is_none() {
        skip_value(input)?;
    }
    Ok(Entry { key, value })
}

/// Reads on to the next comma, so that the options after an unknown one are checked as well.
fn skip_value(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}

fn string(input: ParseStream<'_>, message: &str) -> syn::Result<LitStr> {
    input.parse().map_err(|error: syn::Error| syn::Error::new(error.span(), message))
}

impl HandlerOptions {
    pub(crate) fn read(tokens: proc_macro2::TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        for Entry { key, value } in entries::<HandlerValue>(tokens, errors) {
            match value {
                None => {
                    errors.at(&key, format_args!("unknown option `{key}`; expected `name = \"..\"` or `crate = path`"))
                }
                Some(HandlerValue::Name(name)) if name.value().trim().is_empty() => {
                    errors.at(&name, "a handler's name cannot be empty");
                }
                Some(HandlerValue::Name(name)) => set(&mut options.name, name, &key, errors),
                Some(HandlerValue::Crate(path)) => set(&mut options.krate, path, &key, errors),
            }
        }
        options
    }
}

impl ResponseOptions {
    pub(crate) fn read(tokens: proc_macro2::TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        for Entry { key, value } in entries::<ResponseValue>(tokens, errors) {
            match value {
                None => {
                    errors.at(&key, format_args!("unknown option `{key}`; expected `status = ..` or `code = \"..\"`"))
                }
                Some(ResponseValue::Status(status)) => {
                    let allowed = status.base10_parse::<u16>().is_ok_and(|status| (400..600).contains(&status));
                    if !allowed {
                        errors.at(&status, format_args!("an error's status is 4xx or 5xx, not {status}"));
                    }
                    set(&mut options.status, status, &key, errors);
                }
                Some(ResponseValue::Code(code)) => {
                    if code.value().trim().is_empty() {
                        errors.at(&code, "an error's code cannot be empty");
                    }
                    set(&mut options.code, code, &key, errors);
                }
            }
        }
        options
    }
}

fn entries<V>(tokens: proc_macro2::TokenStream, errors: &mut Errors) -> Vec<Entry<V>>
where
    Entry<V>: Parse,
{
    match Punctuated::<Entry<V>, Token![,]>::parse_terminated.parse2(tokens) {
        Ok(entries) => entries.into_iter().collect(),
        Err(error) => {
            errors.push(error);
            Vec::new()
        }
    }
}

fn set<V>(place: &mut Option<V>, value: V, key: &Ident, errors: &mut Errors) {
    if place.replace(value).is_some() {
        errors.at(key, format_args!("`{key}` is given twice"));
    }
}
