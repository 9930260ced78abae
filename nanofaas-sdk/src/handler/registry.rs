//! The handlers of a binary, as the attribute registers them.

use std::fmt::{self, Display};
use std::pin::Pin;

use super::argument::{CallInput, Rejection};
use super::output::Produced;
use super::requirements::Requirements;

/// How a handler ended, as generated code returns it.
#[doc(hidden)]
pub type CallOutcome = Result<Produced, Rejection>;
/// A running `async` handler.
#[doc(hidden)]
pub type CallFuture = Pin<Box<dyn Future<Output = CallOutcome> + Send>>;

/// One annotated function.
#[doc(hidden)]
#[derive(Debug)]
pub struct Registration {
    pub name: &'static str,
    /// The function's full path, to find it again from `main!(path)`.
    pub path: fn() -> &'static str,
    pub file: &'static str,
    pub line: u32,
    pub kind: Kind,
    pub requirements: fn(&mut Requirements),
    pub schema: crate::schema::HandlerSchema,
}

/// Whether the function is `fn` or `async fn`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Sync(fn(CallInput) -> CallOutcome),
    Async(fn(CallInput) -> CallFuture),
}

inventory::collect!(Registration);

/// Why no handler could be chosen; the text says what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SelectError {
    None,
    Duplicate { name: &'static str, first: String, second: String },
    Unknown { asked: String, known: Vec<&'static str> },
    Several { known: Vec<&'static str> },
}

/// Chooses the handler called `asked`, or the only one there is.
pub(crate) fn select(asked: Option<&str>) -> Result<&'static Registration, SelectError> {
    choose(inventory::iter::<Registration>.into_iter().collect(), asked)
}

/// Finds the annotated function with this path.
pub(crate) fn find(path: &str) -> Option<&'static Registration> {
    inventory::iter::<Registration>.into_iter().find(|registration| (registration.path)() == path)
}

fn choose<'a>(mut all: Vec<&'a Registration>, asked: Option<&str>) -> Result<&'a Registration, SelectError> {
    // The order of registration differs between builds.
    all.sort_by_key(|handler| (handler.name, handler.file, handler.line));
    let place = |handler: &Registration| format!("{}:{}", handler.file, handler.line);
    if let Some(pair) = all.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(SelectError::Duplicate { name: pair[0].name, first: place(pair[0]), second: place(pair[1]) });
    }
    let known = || all.iter().map(|handler| handler.name).collect();
    match (asked, all.as_slice()) {
        (_, []) => Err(SelectError::None),
        (None, [only]) => Ok(only),
        (None, _) => Err(SelectError::Several { known: known() }),
        (Some(asked), _) => all
            .iter()
            .find(|handler| handler.name == asked)
            .copied()
            .ok_or_else(|| SelectError::Unknown { asked: asked.to_owned(), known: known() }),
    }
}

impl Display for SelectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str(
                "this binary has no handler: write `#[nanofaas::handler]` above a function; \
                 if it stands in a library crate, name it: `nanofaas::main!(my_crate::handle)`",
            ),
            Self::Duplicate { name, first, second } => write!(
                formatter,
                "two handlers are called `{name}` ({first} and {second}): rename one, or give it \
                 a name with `#[nanofaas::handler(name = \"..\")]`",
            ),
            Self::Unknown { asked, known } => {
                write!(formatter, "FUNCTION_HANDLER is `{asked}`, but this binary has {}", listed(known))
            }
            Self::Several { known } => write!(
                formatter,
                "this binary has {}: say which one to serve with FUNCTION_HANDLER={}",
                listed(known),
                known.first().unwrap_or(&"name"),
            ),
        }
    }
}

/// `` `a`, `b` and `c` ``
fn listed(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => "no handler".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handler(name: &'static str, line: u32) -> Registration {
        Registration {
            name,
            path: || "x",
            file: "src/main.rs",
            line,
            kind: Kind::Sync(|_| unreachable!()),
            requirements: |_| {},
            schema: crate::schema::HandlerSchema::default(),
        }
    }

    #[test]
    fn the_only_handler_is_chosen_and_of_several_the_one_asked_for() {
        let (buy, sell) = (handler("buy", 1), handler("sell", 2));
        assert_eq!(choose(vec![&buy], None).unwrap().name, "buy");
        assert_eq!(choose(vec![&sell, &buy], Some("sell")).unwrap().name, "sell");
    }

    #[test]
    fn a_choice_that_cannot_be_made_says_what_to_do() {
        let (buy, sell, again) = (handler("buy", 1), handler("sell", 2), handler("buy", 9));
        for (all, asked, part) in [
            (vec![], None, "write `#[nanofaas::handler]`"),
            (vec![&sell, &buy], None, "has `buy` and `sell`: say which one to serve with FUNCTION_HANDLER=buy"),
            (vec![&sell, &buy], Some("sel"), "FUNCTION_HANDLER is `sel`, but this binary has `buy` and `sell`"),
            (vec![&buy, &again], None, "`buy` (src/main.rs:1 and src/main.rs:9)"),
        ] {
            let text = choose(all, asked).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
