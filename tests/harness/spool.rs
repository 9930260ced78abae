//! A spool's directory, looked at and written to from outside.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::{Scratch, eventually};

/// The directory where processes keep callbacks. It is missing until somebody makes it.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    _scratch: Option<Scratch>,
}

/// A file with the name of an entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl Entry {
    /// The file's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The first line as JSON; null where it is none.
    #[must_use]
    pub fn head(&self) -> Value {
        self.line(0)
    }

    /// The second line as JSON.
    #[must_use]
    pub fn body(&self) -> Value {
        self.line(1)
    }

    /// The third line of a dead letter.
    #[must_use]
    pub fn death(&self) -> Value {
        self.line(2)
    }

    /// The execution id of its head; empty where there is none.
    #[must_use]
    pub fn id(&self) -> String {
        self.head()["execution_id"].as_str().unwrap_or_default().to_owned()
    }

    /// How many lines it has that are ended.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.bytes.split(|byte| *byte == b'\n').count() - 1
    }

    fn line(&self, number: usize) -> Value {
        let line = self.bytes.split(|byte| *byte == b'\n').nth(number).unwrap_or_default();
        serde_json::from_slice(line).unwrap_or_default()
    }
}

impl Spool {
    /// One in a private directory, which is removed when this is dropped.
    #[must_use]
    pub fn new() -> Self {
        let scratch = Scratch::new();
        Self { directory: scratch.path().join("spool"), _scratch: Some(scratch) }
    }

    /// One that is in this directory.
    #[must_use]
    pub fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), _scratch: None }
    }

    /// What `NANOFAAS_CALLBACK_SPOOL_DIR` is set to.
    #[must_use]
    pub fn path(&self) -> String {
        self.directory.display().to_string()
    }

    /// The same, for looking at it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The lanes' directories.
    #[must_use]
    pub fn lanes(&self) -> Vec<PathBuf> {
        let lane = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.strip_prefix("lane-").is_some_and(is_lane_id)
        };
        files(&self.directory).into_iter().filter(lane).collect()
    }

    /// What waits for its delivery, the oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<_> = self.lanes().iter().flat_map(|lane| entries(lane)).collect();
        entries.sort_by_key(Entry::name);
        entries
    }

    /// The ids of what waits, the oldest first.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.entries().iter().map(Entry::id).collect()
    }

    /// The dead letters.
    #[must_use]
    pub fn dead(&self) -> Vec<Entry> {
        entries(&self.directory.join("dead"))
    }

    /// Files in lanes that are no entries yet, without the one that holds room for all of them.
    #[must_use]
    pub fn parts(&self) -> Vec<PathBuf> {
        let all = self.lanes().into_iter().flat_map(|lane| files(&lane));
        all.filter(|path| {
            path.extension().is_some_and(|kind| kind == "part") && !path.ends_with("ffffffffffffffff.part")
        })
        .collect()
    }

    /// Waits until nothing waits for its delivery.
    pub fn wait_until_empty(&self) {
        eventually("a spool without entries", || self.entries().is_empty().then_some(()));
    }

    /// Waits for the dead letter of this execution.
    #[must_use]
    pub fn wait_for_dead(&self, id: &str) -> Entry {
        eventually(&format!("a dead letter of {id}"), || self.dead().into_iter().find(|entry| entry.id() == id))
    }
}

#[expect(clippy::must_use_candidate, reason = "what is left need not be looked at")]
impl Spool {
    /// Leaves an entry of a process that is gone, which was made this long ago.
    ///
    /// # Panics
    ///
    /// Where it cannot be written.
    pub fn leave(&self, id: &str, callback_url: &str, age_ms: u64) -> PathBuf {
        let body = json!({ "success": true, "output": { "left": id }, "error": null }).to_string();
        let created = now_ms() - age_ms;
        let head = json!({
            "version": 1,
            "created": created,
            "execution_id": id,
            "url": format!("{callback_url}/{id}:complete"),
            "headers": { "content-type": "application/json" },
            "body_bytes": body.len(),
        });
        self.leave_bytes(created, format!("{head}\n{body}\n").as_bytes())
    }

    /// Leaves this under the name of an entry.
    ///
    /// # Panics
    ///
    /// Where it cannot be written.
    pub fn leave_bytes(&self, created: u64, bytes: &[u8]) -> PathBuf {
        let lane = self.left_lane();
        let number = files(&lane).len();
        let path = lane.join(format!("{created:013}-{number:06}-{LEFT}.callback"));
        std::fs::write(&path, bytes).expect("a writable spool");
        path
    }

    /// The lane of a process that is gone.
    ///
    /// # Panics
    ///
    /// Where it cannot be made.
    #[must_use]
    pub fn left_lane(&self) -> PathBuf {
        let lane = self.directory.join(format!("lane-{LEFT}"));
        std::fs::create_dir_all(&lane).expect("a writable spool");
        std::fs::write(lane.join("lock"), "").expect("a writable spool");
        lane
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self::new()
    }
}

/// The lane of entries that a test leaves.
const LEFT: &str = "00000000000000aa";

/// Milliseconds since 1970.
///
/// # Panics
///
/// Never: the clock is past that.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    since.as_millis().try_into().expect("milliseconds")
}

/// Whether this is the name of an entry, and not only its ending.
fn is_entry(name: &str) -> bool {
    let parts: Vec<_> = name.strip_suffix(".callback").unwrap_or_default().split('-').collect();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let [created, number, lane] = parts[..] else { return false };
    created.len() == 13 && digits(created) && number.len() >= 6 && digits(number) && is_lane_id(lane)
}

fn is_lane_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Those that are still there when they are read.
fn entries(directory: &Path) -> Vec<Entry> {
    let own = |path: &PathBuf| path.is_file() && path.file_name().is_some_and(|name| is_entry(&name.to_string_lossy()));
    let named = files(directory).into_iter().filter(own);
    named.filter_map(|path| std::fs::read(&path).ok().map(|bytes| Entry { path, bytes })).collect()
}
