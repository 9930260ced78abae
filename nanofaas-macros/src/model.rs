//! A handler as it is understood.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Path, PathArguments, Type, parse_quote};

use crate::errors::Errors;
use crate::options::HandlerOptions;
use crate::parse::Function;
use crate::validate;

/// A function and what is known of it. Where its signature has a mistake, this is the rest of it.
pub(crate) struct Model {
    /// The function's own identifier.
    pub(crate) function: Ident,
    /// How `FUNCTION_HANDLER` calls it.
    pub(crate) name: String,
    /// Where nanofaas is.
    pub(crate) krate: Path,
    /// `#[cfg(..)]` of the function: what does not exist is not registered.
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) is_async: bool,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) output: Option<Output>,
}

/// An argument that is owned and concrete.
pub(crate) struct Argument {
    pub(crate) is_first: bool,
    pub(crate) ty: Type,
}

/// What the function returns.
pub(crate) struct Output {
    pub(crate) ty: Type,
    /// What to blame for a wrong `Ok` and a wrong `Err` type.
    pub(crate) ok: Span,
    pub(crate) err: Span,
}

impl Model {
    /// Checks every part of the signature on its own, so that all mistakes are collected.
    ///
    /// `None` where its types mean nothing outside of the function.
    pub(crate) fn new(function: Function, options: HandlerOptions, errors: &mut Errors) -> Option<Self> {
        let Function { attributes, signature } = function;
        let free = validate::kind(&signature, errors);
        let arguments = validate::arguments(&signature, errors);
        let output = validate::output(&signature, errors).map(Output::new);
        free.then(|| Self {
            name: options.name.map_or_else(|| signature.ident.unraw().to_string(), |name| name.value()),
            krate: options.krate.unwrap_or_else(|| parse_quote!(::nanofaas)),
            conditions: attributes.into_iter().filter(|attribute| attribute.path().is_ident("cfg")).collect(),
            is_async: signature.asyncness.is_some(),
            function: signature.ident,
            arguments,
            output,
        })
    }
}

impl Output {
    /// `T` and `E` of `Result<T, E>` are blamed on their own; the whole type where it is written
    /// otherwise.
    fn new(ty: Type) -> Self {
        let whole = ty.span();
        if let Type::Path(path) = &ty
            && let Some(last) = path.path.segments.last()
            && let PathArguments::AngleBracketed(arguments) = &last.arguments
        {
            let mut spans = arguments.args.iter().map(Spanned::span);
            let (ok, err) = (spans.next().unwrap_or(whole), spans.next().unwrap_or(whole));
            return Self { ty, ok, err };
        }
        Self { ty, ok: whole, err: whole }
    }
}
