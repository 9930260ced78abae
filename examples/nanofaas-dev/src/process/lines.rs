//! What a program writes: line by line to the console, with the function's name before it.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::Sender;
use std::thread;

use crate::console::{Console, Event};

/// A longer line is cut: container engines split there, too.
const LONGEST: usize = 16 * 1024;

/// Shows the lines of a stream until it ends; `reading` is dropped then.
pub(super) fn follow(stream: impl Read + Send + 'static, name: &str, console: &Console, reading: Sender<()>) {
    let (name, console) = (name.to_owned(), console.clone());
    thread::spawn(move || {
        read(BufReader::new(stream), |text| console.show(&name, &Event::Line { text }));
        drop(reading);
    });
}

fn read(mut stream: impl BufRead, mut show: impl FnMut(&str)) {
    let mut line = Vec::new();
    // Whether the line goes on that was cut.
    let mut is_cut = false;
    while let Ok(length @ 1..) = stream.by_ref().take(LONGEST as u64).read_until(b'\n', &mut line) {
        let is_whole = line.ends_with(b"\n");
        if !is_cut {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end();
            match is_whole || length < LONGEST {
                _ if text.is_empty() => {}
                true => show(text),
                false => show(&format!("{text} … [truncated]")),
            }
        }
        is_cut = !is_whole;
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        read(text, |line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn blank_lines_are_left_out_and_the_last_one_needs_no_end() {
        assert_eq!(lines(b"one\r\n\n  \ntwo\xff\nthree"), ["one", "two\u{fffd}", "three"]);
    }

    #[test]
    fn an_endless_line_is_cut_with_a_mark() {
        let mut text = vec![b'x'; 3 * LONGEST + 5];
        text.extend_from_slice(b"\nlast");
        let lines = lines(&text);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("x … [truncated]"));
        assert_eq!(lines[1], "last");
    }
}
