//! Two functions in one binary: `FUNCTION_HANDLER=buy` or `FUNCTION_HANDLER=sell` says which one a
//! container serves.

use nanofaas::{Request, Result};
use serde::{Deserialize, Serialize};

/// What is traded.
#[derive(Debug, Deserialize)]
pub struct Trade {
    item: String,
    quantity: i64,
}

/// What changed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Booking {
    item: String,
    change: i64,
    customer: Option<String>,
}

#[nanofaas::handler]
fn buy(Request { input, metadata }: Request<Trade>) -> Result<Booking> {
    let customer = metadata.get("customer").and_then(|customer| customer.as_str()).map(str::to_owned);
    Ok(Booking { item: input.item, change: input.quantity, customer })
}

#[nanofaas::handler]
fn sell(trade: Trade) -> Result<Booking> {
    Ok(Booking { item: trade.item, change: -trade.quantity, customer: None })
}

nanofaas::main!();
