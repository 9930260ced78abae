//! Where kernels are installed (jupyter-client.readthedocs.io, "Kernel specs"): `JUPYTER_PATH`, the active
//! environment, the user's data, the environment of the first `python3`, the system.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

/// Reads a variable of the environment.
pub(super) type Get<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Where kernelspecs are, the most important folder first.
pub(super) fn folders(get: Get<'_>) -> Vec<PathBuf> {
    let path = |name: &str| get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = path("HOME");
    let user = path("JUPYTER_DATA_DIR")
        .or_else(|| Some(path("XDG_DATA_HOME")?.join("jupyter")))
        .or_else(|| Some(home?.join(".local/share/jupyter")));
    let shared = |environment: PathBuf| environment.join("share/jupyter");
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(path).map(shared);
    let listed = get("JUPYTER_PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&listed)
        .filter(|folder| !folder.as_os_str().is_empty())
        .chain(active)
        .chain(user)
        .chain(environment_of_python(get).map(shared))
        .chain(["/usr/local/share/jupyter".into(), "/usr/share/jupyter".into()])
        .map(|folder| folder.join("kernels"))
        .collect();
    let mut known = std::collections::HashSet::new();
    folders.retain(|folder| known.insert(folder.clone()));
    folders
}

/// The environment of the `python3` that is found first.
fn environment_of_python(get: Get<'_>) -> Option<PathBuf> {
    let directories = get("PATH")?;
    let python = std::env::split_paths(&directories).map(|directory| directory.join("python3"));
    let python = python.into_iter().find(|python| python.is_file())?;
    // In a virtual environment it is a link to one elsewhere: the link counts.
    Some(python.parent()?.parent()?.to_owned())
}

/// All kernelspecs by name, where several have one the first.
pub(super) fn all(folders: &[PathBuf]) -> Vec<(String, PathBuf)> {
    let mut all = Vec::<(String, PathBuf)>::new();
    for entry in folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
        let (Some(name), folder) = (entry.file_name().to_str().map(str::to_owned), entry.path()) else { continue };
        if folder.join("kernel.json").is_file() && !all.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            all.push((name, folder));
        }
    }
    all
}
