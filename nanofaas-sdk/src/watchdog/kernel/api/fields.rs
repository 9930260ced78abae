//! Reads a JSON body field by field, and says what is wrong as pydantic 2 does: clients of both
//! services show those texts. <https://docs.pydantic.dev/latest/errors/validation_errors/>

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Refusal;

/// The fields of a body, and what is wrong with them.
pub(super) struct Fields {
    body: Map<String, Value>,
    mistakes: Vec<Value>,
}

fn mistake(kind: &str, place: &[Value], message: &str, input: &Value) -> Value {
    json!({"type": kind, "loc": place, "msg": message, "input": input})
}

impl Fields {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let refuse = |mistake| Err(Refusal::unprocessable(vec![mistake]));
        if body.is_empty() {
            return refuse(mistake("missing", &["body".into()], "Field required", &Value::Null));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(body)) => Ok(Self { body, mistakes: Vec::new() }),
            Ok(Value::Null) => refuse(mistake("missing", &["body".into()], "Field required", &Value::Null)),
            Ok(other) => {
                let message = "Input should be a valid dictionary or object to extract fields from";
                refuse(mistake("model_attributes_type", &["body".into()], message, &other))
            }
            Err(error) => {
                let column = if error.is_eof() { usize::MAX } else { error.column() };
                let at = position(body, error.line(), column);
                let mut mistake = mistake("json_invalid", &["body".into(), at.into()], "JSON decode error", &json!({}));
                mistake["ctx"] = json!({"error": reason(&error)});
                refuse(mistake)
            }
        }
    }

    /// What was read, if nothing was wrong.
    pub(super) fn finish<T>(self, read: T) -> Result<T, Refusal> {
        if self.mistakes.is_empty() { Ok(read) } else { Err(Refusal::unprocessable(self.mistakes)) }
    }

    fn wrong(&mut self, kind: &str, place: &[Value], message: &str, input: &Value) {
        let place: Vec<_> = std::iter::once("body".into()).chain(place.iter().cloned()).collect();
        self.mistakes.push(mistake(kind, &place, message, input));
    }

    fn missing(&mut self, name: &str) {
        let body = Value::Object(self.body.clone());
        self.wrong("missing", &[name.into()], "Field required", &body);
    }

    /// A string; where `default` is `None` it has to be there.
    pub(super) fn string(&mut self, name: &str, default: Option<&str>) -> String {
        match (self.body.get(name).cloned(), default) {
            (Some(Value::String(text)), _) => return text,
            (None, Some(default)) => return default.to_owned(),
            (None, None) => self.missing(name),
            (Some(other), _) => self.wrong("string_type", &[name.into()], "Input should be a valid string", &other),
        }
        String::new()
    }

    pub(super) fn boolean(&mut self, name: &str, default: bool) -> bool {
        let Some(value) = self.body.get(name).cloned() else { return default };
        let read = match &value {
            Value::Bool(value) => Some(*value),
            Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
            Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
                "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if read.is_none() {
            let (kind, message) = match value {
                Value::String(_) | Value::Number(_) => {
                    ("bool_parsing", "Input should be a valid boolean, unable to interpret input")
                }
                _ => ("bool_type", "Input should be a valid boolean"),
            };
            self.wrong(kind, &[name.into()], message, &value);
        }
        read.unwrap_or(default)
    }

    /// A whole number; `None` where it is absent or null and `is_optional`.
    pub(super) fn integer(&mut self, name: &str, default: Option<i64>, is_optional: bool) -> Option<i64> {
        let value = match self.body.get(name).cloned() {
            None => return default,
            Some(Value::Null) if is_optional => return None,
            Some(value) => value,
        };
        match integer(&value) {
            Ok(number) => return Some(number),
            Err((kind, message)) => self.wrong(kind, &[name.into()], message, &value),
        }
        default
    }

    /// The id of a node: a number or a string; `"7"` is 7.
    pub(super) fn node(&mut self, name: &str) -> Value {
        match self.body.get(name).cloned() {
            None => self.missing(name),
            Some(value) => match node(&value) {
                Some(node) => return node,
                None => self.wrong("int_type", &[name.into()], "Input should be a valid integer", &value),
            },
        }
        Value::Null
    }

    pub(super) fn nodes(&mut self, name: &str) -> Vec<Value> {
        let Some(value) = self.body.get(name).cloned() else {
            self.missing(name);
            return Vec::new();
        };
        let Value::Array(items) = value else {
            self.wrong("list_type", &[name.into()], "Input should be a valid list", &value);
            return Vec::new();
        };
        let mut nodes = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match node(item) {
                Some(node) => nodes.push(node),
                None => self.wrong("int_type", &[name.into(), index.into()], "Input should be a valid integer", item),
            }
        }
        nodes
    }

    /// Lists of strings by name.
    pub(super) fn paths(&mut self, name: &str) -> BTreeMap<String, Vec<String>> {
        let Some(value) = self.body.get(name).cloned() else { return BTreeMap::new() };
        let Value::Object(entries) = value else {
            self.wrong("dict_type", &[name.into()], "Input should be a valid dictionary", &value);
            return BTreeMap::new();
        };
        let mut read = BTreeMap::new();
        for (key, list) in entries {
            let Value::Array(items) = list else {
                self.wrong("list_type", &[name.into(), key.into()], "Input should be a valid list", &list);
                continue;
            };
            let mut paths = Vec::new();
            for (index, item) in items.into_iter().enumerate() {
                match item {
                    Value::String(path) => paths.push(path),
                    other => {
                        let place = [name.into(), key.clone().into(), index.into()];
                        self.wrong("string_type", &place, "Input should be a valid string", &other);
                    }
                }
            }
            read.insert(key, paths);
        }
        read
    }
}

/// What is needed in a path or a query and not there.
pub(super) fn missing(of: &str, name: &str) -> Refusal {
    Refusal::unprocessable(vec![mistake("missing", &[of.into(), name.into()], "Field required", &Value::Null)])
}

/// A whole number in a place that is text: a path or a query.
pub(super) fn number(of: &str, name: &str, text: Option<&str>) -> Result<i64, Refusal> {
    let place = [of.into(), name.into()];
    let Some(text) = text else { return Err(missing(of, name)) };
    let input = Value::from(text);
    integer(&input).map_err(|(kind, message)| Refusal::unprocessable(vec![mistake(kind, &place, message, &input)]))
}

fn integer(value: &Value) -> Result<i64, (&'static str, &'static str)> {
    const TYPE: (&str, &str) = ("int_type", "Input should be a valid integer");
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Ok(number),
            (None, Some(float)) if float.fract() != 0.0 => {
                Err(("int_from_float", "Input should be a valid integer, got a number with a fractional part"))
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it is whole and within the range of a float's integers"
            )]
            (None, Some(float)) if float.abs() < 9e15 => Ok(float as i64),
            _ => Err(TYPE),
        },
        Value::String(text) => text
            .trim()
            .parse()
            .map_err(|_| ("int_parsing", "Input should be a valid integer, unable to parse string as an integer")),
        Value::Bool(value) => Ok(i64::from(*value)),
        _ => Err(TYPE),
    }
}

/// The id of a node in its one form.
pub(super) fn node(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => Some(text.parse::<i64>().map_or_else(|_| value.clone(), Value::from)),
        Value::Number(_) => integer(value).ok().map(Value::from),
        _ => None,
    }
}

/// Where in the text a line and a column are, in characters.
fn position(body: &[u8], line: usize, column: usize) -> usize {
    let before: usize = body.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    let bytes = &body[..(before.saturating_add(column.saturating_sub(1))).min(body.len())];
    String::from_utf8_lossy(bytes).chars().count()
}

/// The reason in the words of Python's reader, as far as there is a counterpart.
fn reason(error: &serde_json::Error) -> &'static str {
    let text = error.to_string();
    let known = [
        ("trailing characters", "Extra data"),
        ("key must be a string", "Expecting property name enclosed in double quotes"),
        ("trailing comma", "Expecting property name enclosed in double quotes"),
        ("expected `:`", "Expecting ':' delimiter"),
        ("expected `,`", "Expecting ',' delimiter"),
        ("while parsing an object", "Expecting ',' delimiter"),
        ("while parsing a list", "Expecting ',' delimiter"),
        ("while parsing a string", "Unterminated string starting at"),
        ("control character", "Invalid control character at"),
        ("escape", "Invalid \\escape"),
    ];
    known.iter().find(|(ours, _)| text.contains(ours)).map_or("Expecting value", |(_, theirs)| theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Value {
        result.unwrap_err().detail
    }

    #[test]
    fn what_is_missing_or_wrong_is_listed() {
        let mut fields = Fields::parse(br#"{"flow_id": "x", "interactive": 2, "input_paths": {"main": [1]}}"#).unwrap();
        fields.string("code", None);
        fields.integer("flow_id", Some(0), false);
        fields.boolean("interactive", false);
        fields.paths("input_paths");
        let detail = refused(fields.finish(()));
        let kinds: Vec<_> = detail.as_array().unwrap().iter().map(|row| row["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["missing", "int_parsing", "bool_parsing", "string_type"]);
        assert_eq!(detail[0]["loc"], json!(["body", "code"]));
        assert_eq!(detail[3]["loc"], json!(["body", "input_paths", "main", 0]));
    }

    #[test]
    fn a_body_that_is_no_object_is_refused_as_a_whole() {
        assert_eq!(refused(Fields::parse(b"").map(drop))[0]["loc"], json!(["body"]));
        assert_eq!(refused(Fields::parse(b"[1]").map(drop))[0]["type"], "model_attributes_type");
        let detail = refused(Fields::parse(b"{\"code\": }").map(drop));
        assert_eq!(
            (&detail[0]["type"], &detail[0]["ctx"]["error"]),
            (&json!("json_invalid"), &json!("Expecting value"))
        );
        assert_eq!(detail[0]["loc"], json!(["body", 9]));
    }

    #[test]
    fn a_node_has_one_form() {
        assert_eq!(node(&json!("7")), Some(json!(7)));
        assert_eq!(node(&json!("node_1")), Some(json!("node_1")));
        assert_eq!(node(&json!([1])), None);
    }
}
