//! The pid file: one line that names the master, and a guard against a second one.
//!
//! Knows nothing of the pool. The file goes when its owner is dropped in the process that wrote
//! it; a forked worker that drops its copy leaves it alone.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::io;
use std::io::ErrorKind;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::signal;
use nix::unistd::Pid;

use crate::error::SupervisorError;

/// A pid file that names this process. Dropping it removes the file.
#[derive(Debug)]
pub struct Pidfile {
    path: PathBuf,
}

impl Pidfile {
    /// Writes this process's pid to `path`, taking over the file of a master that is dead.
    ///
    /// # Errors
    /// [`SupervisorError::AlreadyRunning`] when the file names a living process;
    /// [`SupervisorError::Pidfile`] when it cannot be read or written.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, SupervisorError> {
        let path = path.into();
        write(&path)?;
        Ok(Self { path })
    }

    /// Writes the file again if somebody removed it.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn renew(&self) -> Result<(), SupervisorError> {
        if owner(&self.path).is_some_and(is_ours) {
            return Ok(());
        }
        write(&self.path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the file of a master that is known to have ended. It may be a zombie still, which nobody else
    /// can tell from a living process.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn take_over(path: impl Into<PathBuf>, ended: i32) -> Result<Self, SupervisorError> {
        let path = path.into();
        if owner(&path) == Some(ended) {
            // Whoever removed it first did what was wanted.
            let _ = fs::remove_file(&path);
        }
        Self::create(path)
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        if owner(&self.path).is_some_and(is_ours) {
            // Best effort: the process is ending, and a stale file is recognised as such.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes the file, in the place of one whose process is gone.
fn write(path: &Path) -> Result<(), SupervisorError> {
    let mut attempt = write_new(path);
    if let Err(error) = &attempt
        && error.kind() == ErrorKind::AlreadyExists
    {
        if let Some(pid) = owner(path).filter(|&pid| is_alive(pid) && !is_ours(pid)) {
            let path = path.to_owned();
            return Err(SupervisorError::AlreadyRunning { pid, path });
        }
        attempt = fs::remove_file(path).and_then(|()| write_new(path));
    }
    attempt.map_err(|source| SupervisorError::Pidfile {
        path: path.to_owned(),
        source,
    })
}

/// Creates the file only if there is none, so that of two masters one wins.
fn write_new(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file: File = options.write(true).create_new(true).open(path)?;
    // Whoever manages the server may read it, whatever the umask is.
    file.set_permissions(Permissions::from_mode(0o644))?;
    writeln!(file, "{}", std::process::id())
}

/// The pid in the file. `None` if there is no file, or no pid in it.
fn owner(path: &Path) -> Option<i32> {
    let pid = fs::read_to_string(path).ok()?.trim().parse().ok()?;
    // Zero and negative numbers name groups of processes.
    (pid > 0).then_some(pid)
}

fn is_alive(pid: i32) -> bool {
    // EPERM means that somebody else's process has this pid: alive, as far as one can tell.
    signal::kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

fn is_ours(pid: i32) -> bool {
    u32::try_from(pid) == Ok(std::process::id())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn in_a_folder(check: impl FnOnce(PathBuf)) {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path().join("master.pid"));
    }

    #[test]
    fn it_holds_one_line_and_goes_with_its_owner() {
        in_a_folder(|path| {
            let pidfile = Pidfile::create(&path).unwrap();
            let line = format!("{}\n", std::process::id());
            assert_eq!(fs::read_to_string(&path).unwrap(), line);
            drop(pidfile);
            assert!(!path.exists());
        });
    }

    #[test]
    fn a_living_owner_is_respected() {
        in_a_folder(|path| {
            fs::write(&path, "1\n").unwrap();
            let error = Pidfile::create(&path).unwrap_err().to_string();
            let shown = path.display();
            let expected = format!("Already running on PID 1 (or pid file '{shown}' is stale)");
            assert_eq!(error, expected);
            assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
        });
    }

    #[test]
    fn the_file_of_a_master_that_is_known_to_have_ended_is_taken_over() {
        in_a_folder(|path| {
            fs::write(&path, "1\n").unwrap();
            Pidfile::take_over(&path, 2).unwrap_err();
            let _pidfile = Pidfile::take_over(&path, 1).unwrap();
            assert_eq!(owner(&path), i32::try_from(std::process::id()).ok());
        });
    }

    #[test]
    fn a_stale_or_senseless_file_is_taken_over() {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        for content in [
            format!("{}\n", child.id()),
            String::new(),
            "-1\n".into(),
            "x".into(),
        ] {
            in_a_folder(|path| {
                fs::write(&path, &content).unwrap();
                let _pidfile = Pidfile::create(&path).unwrap();
                assert_eq!(owner(&path), i32::try_from(std::process::id()).ok());
            });
        }
    }

    #[test]
    fn a_file_that_was_taken_over_is_not_removed() {
        in_a_folder(|path| {
            let pidfile = Pidfile::create(&path).unwrap();
            fs::write(&path, "1\n").unwrap();
            drop(pidfile);
            assert!(path.exists());
        });
    }

    #[test]
    fn a_missing_folder_is_reported_with_the_path() {
        in_a_folder(|path| {
            let path = path.join("deeper");
            let error = Pidfile::create(&path).unwrap_err();
            assert!(matches!(error, SupervisorError::Pidfile { .. }), "{error}");
        });
    }
}
