//! A handler as it is understood, and what its signature may not be.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, GenericArgument, Path, PathArguments, ReturnType, Safety, Signature, Type, parse_quote};

use crate::errors::Errors;
use crate::options::HandlerOptions;
use crate::parse::Function;

/// A function that can be registered.
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
    pub(crate) arguments: Vec<Type>,
    pub(crate) output: Type,
    /// What to blame for a wrong `Ok` and a wrong `Err` type.
    pub(crate) ok_span: Span,
    pub(crate) err_span: Span,
}

impl Model {
    /// Checks every part of the signature on its own; all mistakes are collected.
    pub(crate) fn check(function: Function, options: HandlerOptions, errors: &mut Errors) -> Option<Self> {
        let Function { attributes, signature } = function;
        check_kind(&signature, errors);
        let arguments = signature.inputs.iter().filter_map(|argument| check_argument(argument, errors)).collect();
        let output = match &signature.output {
            ReturnType::Type(_, output) => {
                check_type(output, "returns", errors);
                (**output).clone()
            }
            ReturnType::Default => {
                // After the closing parenthesis, where the arrow belongs.
                let end = signature.paren_token.span.close();
                errors.push(syn::Error::new(end, "a handler returns a `Result`: add `-> nanofaas::Result<T>`"));
                return None;
            }
        };
        let (ok_span, err_span) = outcome_spans(&output);
        Some(Self {
            name: options.name.map_or_else(|| plain(&signature.ident), |name| name.value()),
            krate: options.krate.unwrap_or_else(|| parse_quote!(::nanofaas)),
            conditions: attributes.into_iter().filter(|attribute| attribute.path().is_ident("cfg")).collect(),
            is_async: signature.asyncness.is_some(),
            function: signature.ident,
            arguments,
            output,
            ok_span,
            err_span,
        })
    }
}

fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

fn check_kind(signature: &Signature, errors: &mut Errors) {
    let Signature { constness, safety, abi, generics, variadic, .. } = signature;
    if let Some(word) = constness {
        errors.at(word, "a handler cannot be `const`: remove it");
    }
    if let Safety::Unsafe(word) = safety {
        errors.at(word, "a handler cannot be `unsafe`: remove it, and put what is unsafe in a block");
    }
    if let Some(abi) = abi {
        errors.at(abi, "a handler cannot be `extern`: remove it");
    }
    if let Some(variadic) = variadic {
        errors.at(variadic, "a handler cannot be variadic: name its arguments");
    }
    if !generics.params.is_empty() {
        errors.at(&generics.params, "a handler cannot be generic: the server calls it with one concrete type");
    } else if let Some(clause) = &generics.where_clause {
        errors.at(clause, "a handler cannot be generic: remove the `where` clause");
    }
}

fn check_argument(argument: &FnArg, errors: &mut Errors) -> Option<Type> {
    match argument {
        FnArg::Receiver(receiver) => {
            let message = "a handler is a free function: it has no `self`; share values through `nanofaas::State<T>`";
            errors.at(receiver, message);
            None
        }
        FnArg::Typed(typed) => {
            check_type(&typed.ty, "takes", errors);
            Some((*typed.ty).clone())
        }
    }
}

fn check_type(ty: &Type, verb: &str, errors: &mut Errors) {
    match ty {
        Type::Reference(reference) if verb == "takes" => {
            let owned = match &*reference.elem {
                Type::Path(path) if path.path.is_ident("str") => "`String`".to_owned(),
                Type::Slice(slice) => format!("`Vec<{}>`", text(&slice.elem)),
                other => format!("`{}`", text(other)),
            };
            let message =
                format_args!("a handler owns its arguments: write {owned} instead of a reference").to_string();
            errors.at(ty, message);
        }
        Type::ImplTrait(_) => {
            errors.at(ty, format_args!("a handler {verb} one concrete type: name it instead of `impl ..`"));
        }
        _ => {}
    }
}

/// A type as a person would write it.
fn text(ty: &Type) -> String {
    let spaced = ty.to_token_stream().to_string();
    spaced.replace(" :: ", "::").replace(" < ", "<").replace(" >", ">").replace(" ,", ",").replace("& ", "&")
}

/// The spans of `T` and `E` in `Result<T, E>`; the whole type where it is written otherwise.
fn outcome_spans(output: &Type) -> (Span, Span) {
    if let Type::Path(path) = output
        && let Some(last) = path.path.segments.last()
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
    {
        let mut spans = arguments.args.iter().map(|argument: &GenericArgument| argument.span());
        let ok = spans.next().unwrap_or_else(|| output.span());
        return (ok, spans.next().unwrap_or_else(|| output.span()));
    }
    (output.span(), output.span())
}

/// What a failed expansion leaves: the user's item, and the mistakes.
pub(crate) fn with_errors(item: TokenStream, errors: TokenStream) -> TokenStream {
    let mut tokens = item;
    tokens.extend(errors);
    tokens
}
