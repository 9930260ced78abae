//! The files of a call: a private directory for each, unless the paths are given.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rustix::fs::OFlags;

use super::output::failure;
use super::process::{aside, aside_later, is_scarcity, registry};
use crate::protocol::{Code, Failure};

/// What the names of private directories begin with, before the mark of this process's children.
const DIRECTORY: &str = "nanofaas-";

/// Removes the directories that calls of the process with this mark left in `parent`.
pub(super) fn remove_all(parent: &Path, mark: &str) {
    let prefix = format!("{DIRECTORY}{mark}");
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// `INPUT_FILE` and `OUTPUT_FILE`, where they are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FilePaths {
    pub(crate) input: Option<PathBuf>,
    pub(crate) output: Option<PathBuf>,
}

impl FilePaths {
    /// Whether two calls would get in each other's way.
    pub(crate) fn are_shared(&self) -> bool {
        self.input.is_some() || self.output.is_some()
    }
}

/// The files of one call, removed when this is dropped.
#[derive(Debug)]
pub(super) struct Files {
    place: Place,
    directory: Option<PathBuf>,
}

/// Where the files of a call are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    input: PathBuf,
    output: PathBuf,
}

impl Files {
    /// Writes the input, whole or not at all, and makes sure that there is no output yet.
    pub(super) async fn prepare(paths: FilePaths, payload: Bytes) -> Result<Self, Failure> {
        let written = aside(move || Self::write(paths, &payload)).await;
        written.unwrap_or_else(Err).map_err(|error| {
            let failure =
                Failure::new(Code::Spawn, format!("the input of the child could not be written to a file: {error}"));
            // The same call may succeed when there is room again.
            if is_scarcity(&error) { failure.with_status(503) } else { failure }
        })
    }

    fn write(paths: FilePaths, payload: &[u8]) -> io::Result<Self> {
        let directory = match &paths {
            FilePaths { input: Some(_), output: Some(_) } => None,
            _ => Some(private_directory()?),
        };
        let private = |name| directory.as_deref().unwrap_or(Path::new("/")).join(name);
        let place = Place {
            input: paths.input.unwrap_or_else(|| private("input.json")),
            output: paths.output.unwrap_or_else(|| private("output.json")),
        };
        // From here on what is there is removed again.
        let files = Self { place, directory };
        remove(&files.place.output)?;
        let draft = files.place.draft();
        remove(&draft)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(payload)?;
        fs::rename(&draft, &files.place.input)?;
        Ok(files)
    }

    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let (place, directory) = (self.place.clone(), self.directory.take());
        // Aside: the child may have put much more into it.
        aside_later(move || {
            for path in [&place.input, &place.output, &place.draft()] {
                let _ = fs::remove_file(path);
            }
            if let Some(directory) = directory {
                let _ = fs::remove_dir_all(directory);
            }
        });
    }
}

impl Place {
    pub(super) fn environment(&self) -> [(&'static str, Option<OsString>); 2] {
        [("INPUT_FILE", Some(self.input.clone().into())), ("OUTPUT_FILE", Some(self.output.clone().into()))]
    }

    /// Where the input is until it is complete.
    fn draft(&self) -> PathBuf {
        let mut draft = self.input.clone().into_os_string();
        draft.push(".draft");
        draft.into()
    }

    /// What the child left in its output file.
    pub(super) async fn read_output(&self, limit: usize) -> Result<Bytes, Failure> {
        let path = self.output.clone();
        aside(move || read(&path, limit)).await.unwrap_or_else(|error| Err(failure(error.to_string())))
    }
}

fn read(path: &Path, limit: usize) -> Result<Bytes, Failure> {
    let wrong = |reason: &str| failure(format!("the child's OUTPUT_FILE {} {reason}", path.display()));
    // Never waits, should the child have left a pipe there.
    let opened = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(wrong("is not there: write one JSON value to it"));
        }
        Err(error) => return Err(wrong(&format!("cannot be read: {error}"))),
    };
    let details = file.metadata().map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    if !details.is_file() {
        return Err(wrong("is not a file"));
    }
    let mut output = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut output).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    if output.len() > limit { Err(Failure::output_too_large(limit)) } else { Ok(output.into()) }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A new directory that nobody else may enter.
pub(super) fn private_directory() -> io::Result<PathBuf> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let parent = std::env::temp_dir();
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = parent.join(format!("{DIRECTORY}{}{number}", registry().mark()));
        match DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => return Ok(directory),
            // Somebody else's, perhaps of a process that had our id.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // An image from scratch has no /tmp.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !parent.exists() => fs::create_dir_all(&parent)?,
            Err(error) => return Err(error),
        }
    }
}
