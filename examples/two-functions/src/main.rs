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

#[cfg(test)]
mod tests {
    use nanofaas::json;
    use nanofaas::testing::Platform;

    use super::*;

    #[test]
    fn what_is_sold_is_booked_with_a_minus() {
        let booking = sell(Trade { item: "pen".to_owned(), quantity: 3 }).unwrap();
        assert_eq!(booking, Booking { item: "pen".to_owned(), change: -3, customer: None });
    }

    #[tokio::test]
    async fn the_customer_comes_from_the_metadata() {
        let platform = Platform::new();
        let function = platform.start(nanofaas::App::new(buy)).await;
        let metadata = nanofaas::Map::from_iter([("customer".to_owned(), json!("Ada"))]);
        let reply = function.invoke(json!({ "item": "pen", "quantity": 3 })).metadata(metadata).await;
        assert_eq!(reply.json(), &json!({ "item": "pen", "change": 3, "customer": "Ada" }));
    }
}
