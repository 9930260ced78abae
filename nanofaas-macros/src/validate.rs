//! What a handler's signature may not be. Only what can be seen in its words is said here; the
//! compiler says the rest, where the generated code uses the types.

use quote::ToTokens;
use syn::{FnArg, GenericArgument, PathArguments, ReturnType, Safety, Signature, Type, TypeParamBound, TypePath};

use crate::errors::Errors;
use crate::model::Argument;

/// Whether the function's types mean the same outside of it.
pub(crate) fn kind(signature: &Signature, errors: &mut Errors) -> bool {
    let Signature { constness, safety, abi, generics, variadic, inputs, .. } = signature;
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
    let only_lifetimes = generics.lifetimes().count() == generics.params.len();
    if generics.params.is_empty() {
        if let Some(clause) = &generics.where_clause {
            errors.at(clause, "a handler cannot be generic: remove the `where` clause");
        }
    } else if !only_lifetimes {
        errors.at(&generics.params, "a handler cannot be generic: the server calls it with one concrete type");
    } else if !inputs.iter().any(|input| matches!(input, FnArg::Typed(typed) if borrowed(&typed.ty).is_some())) {
        // Where an argument borrows, that is the mistake, and the parameter goes with it.
        errors.at(&generics.params, "a handler cannot have lifetime parameters: it owns its arguments");
    }
    generics.params.is_empty() && signature.receiver().is_none()
}

/// The arguments without a mistake.
pub(crate) fn arguments(signature: &Signature, errors: &mut Errors) -> Vec<Argument> {
    let argument = |(n, input): (usize, &FnArg)| match input {
        FnArg::Receiver(receiver) => {
            let message = "a handler is a free function: it has no `self`; share values through `nanofaas::State<T>`";
            errors.at(receiver, message);
            None
        }
        FnArg::Typed(typed) => {
            let ty = &*typed.ty;
            if let Some(part) = borrowed(ty) {
                errors.at(part, owned(part));
            } else if let Some(part) = find(ty, &|part| matches!(part, Type::ImplTrait(_))) {
                errors.at(part, "a handler takes one concrete type: name it instead of `impl ..`");
            } else {
                return Some(Argument { is_first: n == 0, ty: ty.clone() });
            }
            None
        }
    };
    signature.inputs.iter().enumerate().filter_map(argument).collect()
}

/// What the function returns, if that is without a mistake.
pub(crate) fn output(signature: &Signature, errors: &mut Errors) -> Option<Type> {
    let ReturnType::Type(_, ty) = &signature.output else {
        // After the closing parenthesis, where the arrow belongs.
        let end = signature.paren_token.span.close();
        errors.push(syn::Error::new(end, "a handler returns a `Result`: add `-> nanofaas::Result<T>`"));
        return None;
    };
    match find(ty, &|part| matches!(part, Type::ImplTrait(_) | Type::Never(_))) {
        None => return Some((**ty).clone()),
        Some(part @ Type::Never(_)) => errors.at(part, "a handler returns a `Result`, not `!`"),
        Some(part) if is_future(part) => {
            errors.at(part, "a handler returns a `Result`: write `async fn` instead of `impl Future`");
        }
        Some(part) => errors.at(part, "a handler returns one concrete type: name it instead of `impl ..`"),
    }
    None
}

/// The part of a type that borrows for less than `'static`.
fn borrowed(ty: &Type) -> Option<&Type> {
    find(ty, &|part| match part {
        Type::Reference(reference) => reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static"),
        Type::Path(path) => generic_arguments(path)
            .any(|argument| matches!(argument, GenericArgument::Lifetime(lifetime) if lifetime.ident != "static")),
        _ => false,
    })
}

/// What to write instead of a type that borrows.
fn owned(ty: &Type) -> String {
    let Type::Reference(reference) = ty else {
        let ty = text(ty);
        return format!("a handler owns its arguments: `{ty}` borrows; take a type without a lifetime");
    };
    let owned = match &*reference.elem {
        Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
        Type::Slice(slice) => format!("Vec<{}>", text(&slice.elem)),
        other => text(other),
    };
    format!("a handler owns its arguments: write `{owned}` instead of a reference")
}

/// The outermost part of a type that is looked for. Not inside of `dyn Fn(&str)` and the like,
/// whose references are not the argument's own.
fn find<'a>(ty: &'a Type, wanted: &impl Fn(&Type) -> bool) -> Option<&'a Type> {
    if wanted(ty) {
        return Some(ty);
    }
    let inside = |ty| find(ty, wanted);
    match ty {
        Type::Array(array) => inside(&array.elem),
        Type::Group(group) => inside(&group.elem),
        Type::Paren(paren) => inside(&paren.elem),
        Type::Reference(reference) => inside(&reference.elem),
        Type::Slice(slice) => inside(&slice.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(inside),
        Type::Path(path) => generic_arguments(path)
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
            .find_map(inside),
        _ => None,
    }
}

fn generic_arguments(path: &TypePath) -> impl Iterator<Item = &GenericArgument> {
    path.path
        .segments
        .iter()
        .filter_map(|segment| match &segment.arguments {
            PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
            _ => None,
        })
        .flatten()
}

fn is_future(ty: &Type) -> bool {
    let Type::ImplTrait(ty) = ty else { return false };
    ty.bounds.iter().any(|bound| {
        matches!(bound, TypeParamBound::Trait(bound)
            if bound.path.segments.last().is_some_and(|segment| segment.ident == "Future"))
    })
}

/// A type as a person would write it.
fn text(ty: &Type) -> String {
    let mut text = ty.to_token_stream().to_string();
    for (spaced, plain) in
        [(" :: ", "::"), (" < ", "<"), ("< ", "<"), (" >", ">"), (" ,", ","), ("& ", "&"), ("' ", "'")]
    {
        text = text.replace(spaced, plain);
    }
    text
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn only_what_the_argument_itself_borrows_is_found() {
        let borrowing: [Type; 6] = [
            parse_quote!(&str),
            parse_quote!(Vec<&[u8]>),
            parse_quote!((u8, Option<&mut Order>)),
            parse_quote!(Order<'_>),
            parse_quote!(shop::Cow<'a, str>),
            parse_quote!([&str; 2]),
        ];
        for ty in &borrowing {
            assert!(borrowed(ty).is_some(), "{}", text(ty));
        }
        let owning: [Type; 4] = [
            parse_quote!(Vec<Order>),
            parse_quote!(State<&'static str>),
            parse_quote!(Cow<'static, str>),
            parse_quote!(State<Arc<dyn Fn(&str) -> u8 + Send + Sync>>),
        ];
        for ty in &owning {
            assert!(borrowed(ty).is_none(), "{}", text(ty));
        }
    }

    #[test]
    fn what_to_write_instead_is_written_as_a_person_would() {
        let pairs: [(Type, &str); 4] = [
            (parse_quote!(&'a str), "write `String` instead"),
            (parse_quote!(&[u8]), "write `Vec<u8>` instead"),
            (parse_quote!(&shop::Order<u8, Vec<u8>>), "write `shop::Order<u8, Vec<u8>>` instead"),
            (parse_quote!(Order<'_>), "`Order<'_>` borrows"),
        ];
        for (ty, part) in &pairs {
            assert!(owned(ty).contains(part), "{}", owned(ty));
        }
    }
}
