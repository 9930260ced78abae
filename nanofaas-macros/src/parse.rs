//! Reads a function's signature and leaves its body unread: a half-typed body has its own error from
//! the compiler, and needs no second one.

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Signature, Visibility};

pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) signature: Signature,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let signature = input.parse()?;
        input.parse::<TokenStream>()?;
        Ok(Self { attributes, signature })
    }
}

/// The word that says what an item is, such as `struct`: enough to point at, where the whole item
/// may fill a screen.
pub(crate) fn kind(item: TokenStream) -> Option<TokenTree> {
    let parser = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let word = input.parse()?;
        input.parse::<TokenStream>()?;
        Ok(word)
    };
    parser.parse2(item).ok()
}
