//! Reads as much of YAML as the manifests use: mappings and lists in block style, one value a line.
//!
//! A real reader judges the files as well, in `check.py`; this one needs no package.

/// A value and where it stands: keys, and `[0]`, `[1]`.. in lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) path: Vec<String>,
    pub(crate) value: String,
}

/// One document of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document(pub(crate) Vec<Leaf>);

impl Document {
    /// The value at exactly this path, keys with a `.` between them.
    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.0.iter().find(|leaf| leaf.path.join(".") == path).map(|leaf| leaf.value.as_str())
    }

    /// The number at exactly this path.
    pub(crate) fn number(&self, path: &str) -> Option<u64> {
        self.get(path).map(|value| value.parse().unwrap_or_else(|_| panic!("{path} is {value}: expected a number")))
    }

    /// What stands below this path.
    pub(crate) fn below(&self, path: &[String]) -> Self {
        let inside = self.0.iter().filter(|leaf| leaf.path.starts_with(path));
        Self(inside.map(|leaf| Leaf { path: leaf.path[path.len()..].to_vec(), value: leaf.value.clone() }).collect())
    }

    /// The paths of the lists' or mappings' members whose parent ends in `parent`.
    pub(crate) fn members(&self, parent: &str) -> Vec<Vec<String>> {
        let mut members: Vec<Vec<String>> = Vec::new();
        for leaf in &self.0 {
            for (depth, key) in leaf.path.iter().enumerate() {
                let member = leaf.path.get(..depth + 2).filter(|_| key == parent);
                members.extend(member.map(<[String]>::to_vec).filter(|member| !members.contains(member)));
            }
        }
        members
    }
}

/// A line's place among those around it.
struct Level {
    indent: usize,
    key: String,
    /// How many members of a list below it have been seen.
    members: usize,
}

/// The documents of a file.
pub(crate) fn parse(text: &str) -> Vec<Document> {
    let documents = text.split("\n---\n").map(parse_document);
    documents.filter(|document| !document.0.is_empty()).collect()
}

fn parse_document(text: &str) -> Document {
    let mut leaves = Vec::new();
    let mut levels = vec![Level { indent: 0, key: String::new(), members: 0 }];
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let mut rest = line.trim_start();
        // The root is above everything: no line has an indent below 1.
        let mut indent = line.len() - rest.len() + 1;
        levels.truncate(levels.iter().take_while(|level| level.indent < indent).count());
        while let Some(member) = rest.strip_prefix("- ") {
            let list = levels.last_mut().expect("the root");
            let key = format!("[{}]", list.members);
            list.members += 1;
            levels.push(Level { indent, key, members: 0 });
            indent += 2;
            rest = member;
        }
        let mut path: Vec<String> = levels.iter().skip(1).map(|level| level.key.clone()).collect();
        let (key, value) = match rest.split_once(": ") {
            Some((key, value)) if !rest.starts_with(['"', '\'']) => (Some(key), value),
            _ => rest.strip_suffix(':').map_or((None, rest), |key| (Some(key), "")),
        };
        let value = plain(value.trim(), line);
        match key {
            Some(key) if value.is_empty() => levels.push(Level { indent, key: key.to_owned(), members: 0 }),
            key => {
                path.extend(key.map(str::to_owned));
                leaves.push(Leaf { path, value });
            }
        }
    }
    Document(leaves)
}

fn plain(value: &str, line: &str) -> String {
    let is_plain = !value.starts_with(['|', '>', '&', '*', '{', '!']) && !value.contains(" #");
    assert!(is_plain, "the test's reader does not know this form; use a plain value: {line}");
    let unquoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    unquoted.unwrap_or(value).to_owned()
}

#[test]
fn values_have_their_paths() {
    let text = r#"
a: 1
list:
  # a remark
  - name: x
    deep:
      - "y: z"
      - w
  - name: '{"in": 1}'
---
b: c:d
"#;
    let documents = parse(text);
    let found: Vec<_> = documents[0].0.iter().map(|leaf| format!("{}={}", leaf.path.join("."), leaf.value)).collect();
    let expected =
        ["a=1", "list.[0].name=x", "list.[0].deep.[0]=y: z", "list.[0].deep.[1]=w", "list.[1].name={\"in\": 1}"];
    assert_eq!(found, expected);
    assert_eq!(documents[1].get("b"), Some("c:d"));
    assert_eq!(documents[0].members("list"), [["list", "[0]"], ["list", "[1]"]]);
}
