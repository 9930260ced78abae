//! A disk that does not answer, since its file system is frozen, or that is full.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::{Footprint, Function, Process, Scratch, Watchdog, binary, eventually, has_command, skip};
use serde_json::json;

use crate::{is_healthy, serves};

/// A file system of its own. It is thawed and unmounted when this is dropped.
struct Disk {
    place: Scratch,
}

impl Disk {
    /// A mounted one; `None`, with a printed reason, where the machine forbids it.
    fn mount() -> Option<Self> {
        let disk = Self { place: Scratch::new() };
        let image = disk.place.path().join("image").display().to_string();
        std::fs::create_dir(disk.path()).expect("a directory");
        let path = disk.path().display().to_string();
        let commands: [&[&str]; 3] = [
            &["truncate", "--size=8M", &image],
            &["mkfs.ext4", "-q", "-O", "^has_journal", &image],
            &["mount", "-o", "loop", &image, &path],
        ];
        if commands.iter().all(|command| has_command(command)) && has_command(&["fsfreeze", "--version"]) {
            return Some(disk);
        }
        skip("this user may not mount a file system that could be frozen");
        None
    }

    fn path(&self) -> std::path::PathBuf {
        self.place.path().join("disk")
    }

    fn freeze(&self) {
        assert!(self.fsfreeze("--freeze"));
        // Whatever waits for it cannot even be killed.
        let path = self.path();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(20));
            let _ = fsfreeze("--unfreeze", &path);
        });
    }

    fn thaw(&self) {
        assert!(self.fsfreeze("--unfreeze"));
    }

    fn fsfreeze(&self, what: &str) -> bool {
        fsfreeze(what, &self.path())
    }
}

fn fsfreeze(what: &str, path: &Path) -> bool {
    has_command(&["fsfreeze", what, &path.display().to_string()])
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.fsfreeze("--unfreeze");
        let _ = has_command(&["umount", "--lazy", &self.path().display().to_string()]);
    }
}

#[test]
fn files_of_calls_on_a_disk_that_does_not_answer_keep_only_their_calls_waiting() {
    let Some(disk) = Disk::mount() else { return };
    let directory = disk.path().display().to_string();
    let watchdog = Watchdog::with_child("FILE", &[("TMPDIR", &directory), ("TIMEOUT_MS", "1000")]);
    assert_eq!(watchdog.invoke("e-1", &json!("x")).status, 200);
    let before = Footprint::of(watchdog.process());
    disk.freeze();
    let mut waiting = watchdog.connect();
    waiting.begin(&[("X-Execution-Id", "e-2")], r#"{"input":"x"}"#);
    let mut kept = watchdog.connect();
    for _ in 0..5 {
        assert_eq!(kept.request("GET", "/health", &[], b"").status, 200);
        is_healthy(&watchdog);
    }
    assert_eq!(waiting.answer().expect("an answer").status, 504);
    disk.thaw();
    let answer = eventually("service again", || {
        let answer = watchdog.invoke("e-3", &json!("x"));
        (answer.status != 504).then_some(answer)
    });
    assert_eq!(answer.status, 200, "{answer:?}");
    drop((waiting, kept));
    before.wait_until_back();
}

#[test]
fn a_log_on_a_full_disk_is_no_reason_to_stop() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        return skip("this machine has no /dev/full");
    };
    let port = harness::free_port();
    let mut command = Command::new(binary("probe"));
    command.env_clear().env("PORT", port.to_string()).stdout(Stdio::null()).stderr(full);
    let mut probe = Function::adopt(command.spawn().expect("probe starts"));
    probe.wait_until_listening(port);
    Footprint::same_after(Process(probe.id()), || {
        for _ in 0..500 {
            serves(&mut probe.connect(), "e-1");
        }
        is_healthy(&probe);
    });
}
