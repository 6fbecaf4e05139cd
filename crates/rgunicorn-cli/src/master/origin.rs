//! How this process was started, so that it can find the same place again (HUP) and start
//! another in the same way (USR2).

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rgunicorn_supervisor::VARIABLES;

/// The circumstances of the start. To be taken before anything is changed.
#[derive(Debug)]
pub(crate) struct Origin {
    directory: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Origin {
    /// Those of this process.
    ///
    /// # Errors
    /// When there is no current directory.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        let named = env::var_os("PWD").map(PathBuf::from);
        Ok(Self {
            directory: directory(named, env::current_dir()?),
            environment: env::vars_os()
                .filter(|(name, _)| !VARIABLES.iter().any(|ours| name == *ours))
                .collect(),
        })
    }

    /// Goes back to the directory, which relative paths on the command line mean.
    pub(super) fn enter(&self) -> io::Result<()> {
        env::set_current_dir(&self.directory)
    }

    /// Becomes what the same command starts, with further variables. Returns only if that fails.
    pub(super) fn start_again(&self, py: Python<'_>, variables: &[(&str, String)]) -> PyResult<()> {
        self.enter()?;
        let sys = py.import("sys")?;
        let executable = sys.getattr("executable")?;
        // Unlike sys.argv it has the flags of the interpreter, and `-m`.
        let mut command: Vec<Bound<'_, PyAny>> = sys.getattr("orig_argv")?.extract()?;
        match command.first_mut() {
            Some(first) => first.clone_from(&executable),
            None => command.push(executable.clone()),
        }
        let environment = PyDict::new(py);
        for (name, value) in &self.environment {
            environment.set_item(name, value)?;
        }
        for (name, value) in variables {
            environment.set_item(name, value)?;
        }
        let arguments = (executable, command, environment);
        py.import("os")?.call_method1("execve", arguments)?;
        Ok(())
    }

    /// Whether a variable was set at the start.
    pub(super) fn has_variable(&self, wanted: &str) -> bool {
        self.environment.iter().any(|(name, _)| name == wanted)
    }
}

/// The directory by the name its user knows. A deployment that puts a symbolic link in the place of another
/// is found under that name only, and so is the new version, at the next HUP or USR2.
fn directory(named: Option<PathBuf>, real: PathBuf) -> PathBuf {
    let identity = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    let same = |path: &PathBuf| path.is_absolute() && identity(path) == identity(&real);
    named.filter(same).unwrap_or(real)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_directory_keeps_the_name_that_pwd_gives_it_if_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        let named = |name: &Path| directory(Some(name.to_owned()), real.clone());
        assert_eq!(named(&link), link);
        assert_eq!(named(folder.path()), real);
        assert_eq!(named(Path::new("link")), real);
        assert_eq!(directory(None, real.clone()), real);
    }
}
