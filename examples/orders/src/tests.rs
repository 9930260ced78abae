//! The two ways to test a function: call it, or invoke it as a control plane does.

use nanofaas::testing::Platform;
use nanofaas::{App, Context, FunctionError, State, json};

use super::*;

fn stock() -> Stock {
    Stock::of(&[("pen", 200, 5)])
}

fn order(item: &str, quantity: u32) -> Order {
    Order { item: item.to_owned(), quantity }
}

#[tokio::test]
async fn an_order_is_priced() {
    let receipt = handle(order("pen", 3), State(stock()), Context::default()).await;
    assert_eq!(receipt, Ok(Receipt { total: 600 }));
}

#[tokio::test]
async fn an_unknown_item_is_not_priced() {
    let error = handle(order("ink", 1), State(stock()), Context::default()).await.unwrap_err();
    assert_eq!((error.code(), error.status()), ("UNKNOWN_ITEM", 404));
}

#[tokio::test]
async fn a_failed_order_is_reported_to_the_control_plane() {
    let platform = Platform::new();
    let function = platform.start(App::new(handle).state(stock())).await;

    let reply = function.invoke(json!({ "item": "pen", "quantity": 9 })).execution_id("e-7").trace_id("t-7").await;

    assert_eq!((reply.status(), reply.code(), reply.error()), (409, Some("SOLD_OUT"), Some("only 5 left")));
    let completion = platform.completion("e-7").await;
    assert_eq!(completion.error().unwrap().code, "SOLD_OUT");
    assert_eq!(completion.trace_id(), Some("t-7"));
}

#[tokio::test]
async fn an_order_that_is_none_is_refused_with_the_place_of_the_mistake() {
    let platform = Platform::new();
    let function = platform.start(App::new(handle).state(stock())).await;

    let reply = function.invoke(json!({ "item": "pen", "quantity": "three" })).await;

    assert_eq!((reply.status(), reply.code()), (400, Some("INVALID_INPUT")));
    assert!(reply.error().unwrap().starts_with("quantity: invalid type"), "{:?}", reply.error());
}
