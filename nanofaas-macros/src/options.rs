//! The options of an attribute: `key = value`, separated by commas.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Ident, LitInt, LitStr, Path, Token};

use crate::errors::Errors;

/// `#[handler(name = "..", crate = path)]`
#[derive(Default)]
pub(crate) struct HandlerOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) krate: Option<Path>,
}

/// `#[response(status = 404, code = "..", crate = path)]`
#[derive(Default)]
pub(crate) struct ResponseOptions {
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) krate: Option<Path>,
}

/// Where a `#[response(..)]` stands, which decides what may be in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Enum,
    Variant,
    Struct,
}

impl HandlerOptions {
    pub(crate) fn read(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        each(tokens, "`name = \"..\"` or `crate = path`", errors, |key, input, errors| {
            match key.unraw().to_string().as_str() {
                "name" => {
                    let name = value(key, input, "a string: `name = \"..\"`", <LitStr as Parse>::parse)?;
                    if name.value().trim().is_empty() {
                        errors.at(&name, "a handler's name cannot be empty");
                    }
                    set(&mut options.name, name, key, errors);
                }
                "crate" => set(&mut options.krate, path(key, input)?, key, errors),
                _ => return Ok(false),
            }
            Ok(true)
        });
        options
    }
}

impl ResponseOptions {
    /// What all the `#[response(..)]` of one item say together.
    pub(crate) fn read(attributes: &[Attribute], place: Place, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        for attribute in responses(attributes) {
            match attribute.meta.require_list() {
                Ok(list) => options.read_list(list.tokens.clone(), place, errors),
                Err(_) => errors.at(attribute, "write `#[response(status = .., code = \"..\")]`"),
            }
        }
        options
    }

    fn read_list(&mut self, tokens: TokenStream, place: Place, errors: &mut Errors) {
        let expected = if place == Place::Enum { "`crate = path`" } else { "`status = ..` or `code = \"..\"`" };
        each(tokens, expected, errors, |key, input, errors| {
            let name = key.unraw().to_string();
            match (name.as_str(), place) {
                ("status" | "code", Place::Enum) => {
                    errors.at(key, format_args!("`{name}` goes on a variant of the enum: `#[response({name} = ..)]`"));
                    skip(input)?;
                }
                ("crate", Place::Variant) => {
                    errors.at(key, "`crate` goes above the enum: `#[response(crate = path)]`");
                    skip(input)?;
                }
                ("status", _) => {
                    let status = value(key, input, "a number: `status = 404`", LitInt::parse)?;
                    match status.base10_parse() {
                        Ok(status @ 400..600) => set(&mut self.status, status, key, errors),
                        _ => errors.at(&status, format_args!("an error's status is 4xx or 5xx, not {status}")),
                    }
                }
                ("code", _) => {
                    let code = value(key, input, "a string: `code = \"..\"`", <LitStr as Parse>::parse)?;
                    if code.value().trim().is_empty() {
                        errors.at(&code, "an error's code cannot be empty");
                    }
                    set(&mut self.code, code.value(), key, errors);
                }
                ("crate", _) => set(&mut self.krate, path(key, input)?, key, errors),
                _ => return Ok(false),
            }
            Ok(true)
        });
    }
}

/// The `#[response(..)]` among the attributes.
pub(crate) fn responses(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("response"))
}

/// Hands every key to `read`, which takes its value or answers `false` for a key that it does not
/// know. A mistake in one option does not hide those in the others.
fn each(
    tokens: TokenStream,
    expected: &str,
    errors: &mut Errors,
    mut read: impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<bool>,
) {
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if !input.peek(Ident::peek_any) {
                return Err(input.error(format_args!("expected {expected}")));
            }
            let key = input.call(Ident::parse_any)?;
            match read(&key, input, errors) {
                Ok(true) => {}
                Ok(false) => {
                    errors.at(&key, format_args!("unknown option `{key}`; expected {expected}"));
                    skip(input)?;
                }
                Err(error) => {
                    errors.push(error);
                    skip(input)?;
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        errors.push(error);
    }
}

/// The value after the key's `=`; where it is missing or another kind of thing, `takes` says what it is.
fn value<V>(
    key: &Ident,
    input: ParseStream<'_>,
    takes: &str,
    parse: impl FnOnce(ParseStream<'_>) -> syn::Result<V>,
) -> syn::Result<V> {
    let mistake = |span| syn::Error::new(span, format_args!("`{key}` takes {takes}"));
    if !input.peek(Token![=]) {
        return Err(mistake(key.span()));
    }
    input.parse::<Token![=]>()?;
    if input.is_empty() {
        return Err(mistake(key.span()));
    }
    let place = input.span();
    parse(input).map_err(|_| mistake(place))
}

fn path(key: &Ident, input: ParseStream<'_>) -> syn::Result<Path> {
    value(key, input, "a path: `crate = nanofaas`", Path::parse_mod_style)
}

/// Goes on to the next comma.
fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}

fn set<V>(place: &mut Option<V>, value: V, key: &Ident, errors: &mut Errors) {
    if place.replace(value).is_some() {
        errors.at(key, format_args!("`{key}` is given twice"));
    }
}

#[cfg(test)]
mod tests {
    use quote::{ToTokens, quote};

    use super::*;

    fn handler(tokens: TokenStream) -> (HandlerOptions, Vec<String>) {
        let mut errors = Errors::default();
        let options = HandlerOptions::read(tokens, &mut errors);
        (options, errors.messages())
    }

    fn response(tokens: TokenStream, place: Place) -> (ResponseOptions, Vec<String>) {
        let mut errors = Errors::default();
        let mut options = ResponseOptions::default();
        options.read_list(tokens, place, &mut errors);
        (options, errors.messages())
    }

    #[test]
    fn options_come_in_any_order_and_may_end_with_a_comma() {
        let (options, mistakes) = handler(quote!(crate = ::deep::nf, name = "shout",));
        assert_eq!(mistakes, [""; 0]);
        assert_eq!(options.name.unwrap().value(), "shout");
        assert_eq!(options.krate.to_token_stream().to_string(), ":: deep :: nf");
    }

    #[test]
    fn a_mistake_in_one_option_does_not_hide_the_others() {
        let (options, mistakes) = handler(quote!(nme = "a b", name = 3, crate = "nf", name = "shout"));
        let expected = [
            "unknown option `nme`; expected `name = \"..\"` or `crate = path`",
            "`name` takes a string: `name = \"..\"`",
            "`crate` takes a path: `crate = nanofaas`",
        ];
        assert_eq!(mistakes, expected);
        assert_eq!(options.name.unwrap().value(), "shout");
    }

    #[test]
    fn a_status_is_one_of_an_error() {
        for (status, accepted) in [(quote!(400), true), (quote!(599), true), (quote!(399), false), (quote!(600), false)]
        {
            let (options, mistakes) = response(quote!(status = #status), Place::Variant);
            assert_eq!((options.status.is_some(), mistakes.is_empty()), (accepted, accepted), "{status}");
        }
    }

    #[test]
    fn every_place_has_its_own_options() {
        let all = quote!(status = 404, code = "GONE", crate = nf);
        assert_eq!(response(all.clone(), Place::Struct).1, [""; 0]);
        assert_eq!(response(all.clone(), Place::Enum).1.len(), 2);
        assert_eq!(response(all, Place::Variant).1, ["`crate` goes above the enum: `#[response(crate = path)]`"]);
    }
}
