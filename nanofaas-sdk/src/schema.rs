//! JSON Schema of a handler's input and output, where its types have one (feature `schema`).

/// How generated code tells the schemas of a handler's types.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct HandlerSchema {
    pub input: Option<SchemaOf>,
    pub output: Option<SchemaOf>,
}

/// Makes the schema of one type, where it has one.
#[doc(hidden)]
pub type SchemaOf = fn() -> Option<serde_json::Value>;

impl HandlerSchema {
    /// `{"input": schema|null, "output": schema|null}`
    pub(crate) fn to_json(self) -> serde_json::Value {
        let schema = |of: Option<SchemaOf>| of.and_then(|of| of());
        serde_json::json!({ "input": schema(self.input), "output": schema(self.output) })
    }
}

/// Finds the schema of `T` where it has one: the method of the more direct receiver wins, so that
/// generated code needs no bound on the user's types.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<T>(pub std::marker::PhantomData<T>);

#[doc(hidden)]
pub trait WithSchema {
    fn schema(&self) -> Option<serde_json::Value>;
}

#[doc(hidden)]
pub trait WithoutSchema {
    fn schema(&self) -> Option<serde_json::Value>;
}

impl<T> WithoutSchema for &Probe<T> {
    fn schema(&self) -> Option<serde_json::Value> {
        None
    }
}

#[cfg(feature = "schema")]
mod with_schemars {
    use schemars::{JsonSchema, SchemaGenerator};
    use serde_json::Value;

    use super::{Probe, WithSchema};

    impl<T: JsonSchema> WithSchema for Probe<T> {
        fn schema(&self) -> Option<Value> {
            Some(of::<T>())
        }
    }

    impl<T: JsonSchema> WithSchema for Probe<crate::Request<T>> {
        fn schema(&self) -> Option<Value> {
            Some(of::<T>())
        }
    }

    impl<T: JsonSchema> WithSchema for Probe<crate::Response<T>> {
        fn schema(&self) -> Option<Value> {
            Some(of::<T>())
        }
    }

    fn of<T: JsonSchema>() -> Value {
        SchemaGenerator::default().into_root_schema_for::<T>().to_value()
    }
}
