//! A typed function: an order comes in, a receipt or one of three errors goes out.

use std::collections::HashMap;
use std::sync::Arc;

use nanofaas::{Context, FunctionError, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a customer wants.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Order {
    item: String,
    quantity: u32,
}

/// What the customer pays.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Receipt {
    /// In cents.
    total: u32,
}

/// Why there is no receipt.
#[derive(Debug, PartialEq, Eq, thiserror::Error, FunctionError)]
pub enum OrderError {
    /// Answered as 404 `UNKNOWN_ITEM`.
    #[error("no item `{0}`")]
    #[response(status = 404)]
    UnknownItem(String),

    /// Answered as 409 `SOLD_OUT`.
    #[error("only {left} left")]
    #[response(status = 409, code = "SOLD_OUT")]
    OutOfStock {
        /// How many there are.
        left: u32,
    },

    /// Answered as 500 `TOO_EXPENSIVE`.
    #[error("the total is beyond counting")]
    TooExpensive,
}

/// What there is to sell. Cheap to clone: every invocation gets one.
#[derive(Clone, Debug, Default)]
pub struct Stock(Arc<HashMap<String, Item>>);

#[derive(Debug)]
struct Item {
    price: u32,
    left: u32,
}

impl Stock {
    fn of(items: &[(&str, u32, u32)]) -> Self {
        let items = items.iter().map(|&(name, price, left)| (name.to_owned(), Item { price, left }));
        Self(Arc::new(items.collect()))
    }
}

/// Prices an order.
#[nanofaas::handler]
async fn handle(order: Order, State(stock): State<Stock>, context: Context) -> Result<Receipt, OrderError> {
    let item = stock.0.get(&order.item).ok_or(OrderError::UnknownItem(order.item))?;
    if order.quantity > item.left {
        return Err(OrderError::OutOfStock { left: item.left });
    }
    let total = item.price.checked_mul(order.quantity).ok_or(OrderError::TooExpensive)?;
    tracing::info!(total, remaining = ?context.remaining(), "priced");
    Ok(Receipt { total })
}

/// Runs once, before `/health` answers 200: here a database would be connected.
async fn connect() -> nanofaas::Result<Stock> {
    Ok(Stock::of(&[("pen", 200, 100), ("yacht", 2_000_000_000, 9)]))
}

nanofaas::main!(init = connect);

#[cfg(test)]
mod tests;
