//! The words of a command line.

use crate::watchdog::command_line::CommandLine;

/// Words are split as a shell does it, and are the same when they are joined and split again.
pub fn command_line(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = CommandLine::parse(text).ok();
    let is_cut = text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
    let words = split(text).filter(|words| !is_cut && words.first().is_some_and(|program| !program.is_empty()));
    assert_eq!(parsed.as_ref().map(words_of), words);
    let (Some(parsed), Some(words)) = (parsed, words) else { return };
    let joined: Vec<_> = words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
    assert_eq!(CommandLine::parse(&joined.join(" ")).as_ref(), Ok(&parsed));
    assert_eq!(CommandLine::parse(&shell_words::join(&words)).as_ref(), Ok(&parsed));
}

fn words_of(line: &CommandLine) -> Vec<String> {
    let words = std::iter::once(line.program()).chain(line.arguments().iter().map(std::ops::Deref::deref));
    words.map(|word| word.to_str().unwrap().to_owned()).collect()
}

/// What POSIX says of quotes and comments (Shell Command Language, 2.2 and 2.3); `None` where a quote is open.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '#' if word.is_none() => while rest.next_if(|skipped| *skipped != '\n').is_some() {},
            '\\' => match rest.next() {
                Some('\n') => {}
                escaped => word.get_or_insert_default().push(escaped.unwrap_or('\\')),
            },
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '\'' => break,
                        quoted => word.push(quoted),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '"' => break,
                        '\\' => match rest.next()? {
                            '\n' => {}
                            escaped @ ('$' | '`' | '"' | '\\') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        quoted => word.push(quoted),
                    }
                }
            }
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Some(words)
}
