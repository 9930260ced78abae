//! The macros of nanofaas; use them through `nanofaas-sdk`, whose documentation has their examples.
//!
//! Each goes the same way: `parse` the tokens, `validate` them into a `model`, `expand` that into
//! code; every mistake on the way is collected in `errors` and shown at once.

mod errors;
mod expand;
mod function_error;
mod model;
mod options;
mod parse;
mod validate;

use proc_macro::TokenStream;

/// Makes a function a handler of its binary.
///
/// ```
/// use nanofaas::{Result, json};
///
/// #[nanofaas::handler]
/// fn handle(name: String) -> Result {
///     Ok(json!({ "hello": name }))
/// }
/// # fn main() {}
/// ```
///
/// The function is left as it is: tests call it by its name. It may be `fn` or `async fn`. The first
/// argument is the input (any `Deserialize` type, or `Request<T>`); the others are `Context`,
/// `State<T>` or an own `FromContext`. It returns a `Result<T, E>` with `T: Serialize` and
/// `E: FunctionError`.
///
/// Options: `name = ".."`, how `FUNCTION_HANDLER` calls it (default: the function's name), and
/// `crate = path`, where nanofaas is found if it was renamed.
#[proc_macro_attribute]
pub fn handler(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::handler(options.into(), item.into()).into()
}

/// Gives every variant of an error a code and an HTTP status.
///
/// The code is the variant's name in `SCREAMING_SNAKE_CASE`, the status 500;
/// `#[response(status = 404, code = "..")]` on a variant changes either. On a struct the attribute
/// stands above it. The message comes from the type's `Display`, which `thiserror` writes well.
///
/// Where nanofaas was renamed, `#[response(crate = path)]` above the enum or struct says where it is.
#[proc_macro_derive(FunctionError, attributes(response))]
pub fn function_error(item: TokenStream) -> TokenStream {
    function_error::derive(item.into()).into()
}
