//! A file system of a few megabytes that a test can fill, in a world of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::{Function, Scratch, Spool, binary, eventually, has_command, skip};

/// A small tmpfs. Only processes that it starts see it mounted; it ends with the test, however that ends.
#[derive(Debug)]
pub struct SmallDisk {
    keeper: Child,
    _alive: Option<ChildStdin>,
    mounted: Scratch,
}

impl SmallDisk {
    /// Mounts one with these options, such as `size=4m`; `None`, with a printed reason, where the machine
    /// forbids it.
    ///
    /// # Panics
    ///
    /// Where it is allowed and yet is not mounted.
    #[must_use]
    pub fn mount(options: &str) -> Option<Self> {
        if !has_command(&["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]) || !has_command(&["nsenter", "-V"])
        {
            skip("`unshare -rm` is not there or not allowed: no small file system can be mounted");
            return None;
        }
        let mounted = Scratch::new();
        let script = format!("mount -t tmpfs -o mode=700,{options} none \"$0\" && echo > \"$0/mounted\" && exec cat");
        let mut keeper = Command::new("unshare");
        keeper.args(["-rm", "sh", "-c", &script]).arg(mounted.path()).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut keeper = keeper.spawn().expect("unshare");
        let disk = Self { _alive: keeper.stdin.take(), keeper, mounted };
        eventually("a small file system", || disk.view().join("mounted").exists().then_some(()));
        std::fs::remove_file(disk.view().join("mounted")).expect("a writable file system");
        Some(disk)
    }

    /// How this test sees it.
    ///
    /// # Panics
    ///
    /// Never: its path is an absolute one.
    #[must_use]
    pub fn view(&self) -> PathBuf {
        let path = self.mounted.path().strip_prefix("/").expect("an absolute path");
        PathBuf::from(format!("/proc/{}/root", self.keeper.id())).join(path)
    }

    /// A directory on it, as processes on it name it.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        self.mounted.path().join(name).display().to_string()
    }

    /// The spool in the directory of this name.
    #[must_use]
    pub fn spool(&self, name: &str) -> Spool {
        Spool::at(&self.view().join(name))
    }

    /// The words of a command line that execute what follows them where it is mounted.
    #[must_use]
    pub fn inside(&self) -> Vec<String> {
        let keeper = self.keeper.id().to_string();
        let words = ["nsenter", "-U", "-m", "--preserve-credentials", "-t", &keeper, "--"];
        words.map(str::to_owned).to_vec()
    }

    /// Starts an example's server there, without waiting.
    #[must_use]
    pub fn spawn(&self, name: &str, extra: &[(&str, &str)]) -> Function {
        let words = self.inside();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(binary(name)).env_clear().env("PORT", "0").envs(extra.iter().copied());
        Function::launch(command)
    }

    /// Starts an example's server there and waits until it is ready.
    ///
    /// # Panics
    ///
    /// Where it does not become ready.
    #[must_use]
    pub fn start(&self, name: &str, extra: &[(&str, &str)]) -> Function {
        let mut function = self.spawn(name, extra);
        function.wait_until_ready();
        function
    }

    /// Makes the directory of this name read-only, also where files in it are open.
    ///
    /// # Panics
    ///
    /// Where that fails.
    pub fn cover(&self, name: &str) {
        let path = self.path(name);
        self.mount_with(&["mount", "--bind", &path, &path]);
        self.mount_with(&["mount", "-o", "remount,bind,ro", &path]);
    }

    /// Takes that back.
    ///
    /// # Panics
    ///
    /// Where that fails.
    pub fn uncover(&self, name: &str) {
        self.mount_with(&["umount", "-l", &self.path(name)]);
    }

    /// Mounts it anew with this option, such as `ro`.
    ///
    /// # Panics
    ///
    /// Where that fails.
    pub fn remount(&self, option: &str) {
        self.mount_with(&["mount", "-o", &format!("remount,{option}"), &self.mounted.path().display().to_string()]);
    }

    fn mount_with(&self, command: &[&str]) {
        let words = self.inside();
        let mut mount = Command::new(&words[0]);
        mount.args(&words[1..]).args(command);
        assert!(mount.status().expect("mount").success(), "{command:?}");
    }

    /// Takes all room but this many bytes.
    ///
    /// # Panics
    ///
    /// Where that fails.
    pub fn fill(&self, but: usize) {
        let ballast = self.ballast();
        let mut size = 0_u64;
        let mut part = 1 << 20;
        let file = std::fs::File::create(&ballast).expect("a writable file system");
        while part > 0 {
            let zeroes = vec![1_u8; part];
            match std::os::unix::fs::FileExt::write_all_at(&file, &zeroes, size) {
                Ok(()) => size += part as u64,
                Err(_) => part /= 2,
            }
        }
        file.set_len(size.saturating_sub(but as u64)).expect("a writable file system");
    }

    /// Gives back what [`SmallDisk::fill`] took.
    ///
    /// # Panics
    ///
    /// Where it took nothing.
    pub fn free(&self) {
        std::fs::remove_file(self.ballast()).expect("a file system that was filled");
    }

    fn ballast(&self) -> PathBuf {
        Path::join(&self.view(), "ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
