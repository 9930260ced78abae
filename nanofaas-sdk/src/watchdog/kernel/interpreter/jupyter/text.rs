//! Text of kernels as others can read it.

use std::borrow::Cow;

/// What stands in the place of what is no character, as an escape in JSON.
const REPLACEMENT: &[u8; 6] = b"\\ufffd";

/// JSON that can be parsed: what is not UTF-8 and surrogates without their other half, which kernels
/// do send, are replaced.
pub(super) fn mend(json: &[u8]) -> Cow<'_, str> {
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += found;
        match surrogate(json, at) {
            // Any other escape.
            None => at += 2,
            Some(half) => {
                let other = surrogate(json, at + 6);
                if half < 0xdc00 && other.is_some_and(|other| other >= 0xdc00) {
                    at += 12;
                } else {
                    mended.get_or_insert_with(|| json.to_vec())[at..at + 6].copy_from_slice(REPLACEMENT);
                    at += 6;
                }
            }
        }
    }
    match mended {
        Some(mended) => Cow::Owned(String::from_utf8_lossy(&mended).into_owned()),
        None => String::from_utf8_lossy(json),
    }
}

/// The half of a surrogate pair whose escape stands there.
fn surrogate(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let code = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (0xd800..0xe000).contains(&code).then_some(code)
}

/// The text without the codes that colour it in a terminal (ECMA-48: `ESC [`, parameters, a letter).
pub(super) fn plain(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let Some(code) = piece.strip_prefix('[') else {
            plain.push_str(piece);
            continue;
        };
        let end = code.find(|letter: char| !(' '..='?').contains(&letter));
        let rest = end.map_or("", |end| &code[end..]);
        plain.push_str(rest.strip_prefix(|letter: char| ('@'..='~').contains(&letter)).unwrap_or(rest));
    }
    plain
}

/// A traceback without colours and without the line of dashes that `IPython` begins it with.
pub(super) fn traceback(entries: &[String]) -> Vec<String> {
    let is_rule = |text: &str| !text.trim().is_empty() && text.trim().bytes().all(|byte| byte == b'-');
    let mut entries: Vec<String> = entries.iter().map(|entry| plain(entry)).collect();
    if entries.first().is_some_and(|first| is_rule(first)) {
        entries.remove(0);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_without_their_half_are_replaced() {
        for (json, text) in [
            (r#""a\ud800b""#, "a\u{fffd}b"),
            (r#""\ud83d\ude00""#, "\u{1f600}"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\\ud800""#, r"\ud800"),
            (r#""\uD800\n""#, "\u{fffd}\n"),
        ] {
            assert_eq!(serde_json::from_str::<String>(&mend(json.as_bytes())).unwrap(), text, "{json}");
        }
        assert_eq!(mend(b"\"\xff\""), "\"\u{fffd}\"");
        // Cut off, it is still no reason to panic.
        for cut in 0..12 {
            let _ = mend(&br#""\ud83d\ude00""#[..cut]);
        }
    }

    #[test]
    fn colours_are_removed() {
        assert_eq!(plain("\u{1b}[36mCell\u{1b}[39m \u{1b}[1;32mIn[1]\u{1b}[0m, line 1"), "Cell In[1], line 1");
        assert_eq!(plain("a\u{1b}[2Jb\u{1b}c\u{1b}[31"), "abc");
        assert_eq!(plain("x\u{1b}[3é"), "xé");
    }

    #[test]
    fn a_traceback_has_the_shape_of_the_contract() {
        let entries = ["\u{1b}[31m-----\u{1b}[39m", "\u{1b}[31mNameError\u{1b}[39m  Traceback", "NameError: f"];
        assert_eq!(traceback(&entries.map(str::to_owned)), ["NameError  Traceback", "NameError: f"]);
        assert_eq!(traceback(&[]), [""; 0]);
    }
}
