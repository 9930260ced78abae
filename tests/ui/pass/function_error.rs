//! Every shape of error.

#![deny(warnings)]

use std::fmt::{self, Display};

use nanofaas::{App, FunctionError, Result};

#[derive(Debug, thiserror::Error, FunctionError)]
enum OrderError {
    #[error("gone")]
    #[response(status = 410)]
    Gone,
    #[error("no item `{0}`")]
    #[response(status = 404, code = "NO_ITEM")]
    UnknownItem(String),
    #[error("only {left} left")]
    #[response(code = "SOLD_OUT")]
    #[response(status = 409)]
    OutOfStock { left: u32 },
    #[error(transparent)]
    Number(#[from] std::num::ParseIntError),
    #[error("r")]
    r#Type,
}

#[derive(Debug, thiserror::Error, FunctionError)]
#[error("never")]
enum Never {}

#[derive(Debug, thiserror::Error, FunctionError)]
#[error("broken: {0}")]
#[response(status = 503, code = "BROKEN")]
struct Broken(String);

#[derive(Debug, thiserror::Error, FunctionError)]
#[error("{reason}")]
struct Refused {
    reason: &'static str,
}

#[derive(Debug, thiserror::Error, FunctionError)]
enum Wrapped<E, const N: usize> {
    #[error("inner: {0}")]
    Inner(E),
    #[error("{N} at once")]
    #[response(status = 429)]
    TooMany,
}

#[derive(FunctionError)]
struct Borrowed<'a, T: ?Sized>(&'a T);

impl<T: Display + ?Sized> Display for Borrowed<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

struct ByHand;

impl Display for ByHand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("by hand")
    }
}

impl FunctionError for ByHand {
    fn code(&self) -> &str {
        "BY_HAND"
    }
}

#[nanofaas::handler]
fn orders(item: String) -> Result<u8, OrderError> {
    if item.is_empty() { Err(OrderError::OutOfStock { left: 1 }) } else { Ok(item.parse()?) }
}

#[nanofaas::handler]
fn broken() -> Result<u8, Broken> {
    Err(Broken("x".into()))
}

#[nanofaas::handler]
async fn wrapped() -> Result<u8, Wrapped<Refused, 2>> {
    Err(Wrapped::Inner(Refused { reason: "x" }))
}

#[nanofaas::handler]
async fn borrowed() -> Result<u8, Borrowed<'static, str>> {
    Err(Borrowed("x"))
}

#[nanofaas::handler]
async fn by_hand() -> Result<u8, ByHand> {
    Err(ByHand)
}

#[nanofaas::handler]
fn never() -> Result<u8, Never> {
    Ok(1)
}

fn answer(error: impl FunctionError) -> (String, u16) {
    (error.code().to_owned(), error.status())
}

fn main() {
    let _ = [App::new(orders), App::new(broken), App::new(wrapped), App::new(borrowed), App::new(by_hand)];
    let _ = App::new(never);
    for (answer, code, status) in [
        (answer(OrderError::Gone), "GONE", 410),
        (answer(OrderError::UnknownItem("x".into())), "NO_ITEM", 404),
        (answer(OrderError::OutOfStock { left: 1 }), "SOLD_OUT", 409),
        (answer(OrderError::from("x".parse::<u8>().unwrap_err())), "NUMBER", 500),
        (answer(OrderError::r#Type), "TYPE", 500),
        (answer(Broken("x".into())), "BROKEN", 503),
        (answer(Refused { reason: "x" }), "REFUSED", 500),
        (answer(Wrapped::<Refused, 2>::TooMany), "TOO_MANY", 429),
        (answer(Borrowed("x")), "BORROWED", 500),
        (answer(ByHand), "BY_HAND", 500),
    ] {
        assert_eq!(answer, (code.to_owned(), status));
    }
}
