//! Where lines of the error log go: a file, or standard error.

use std::env;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::path::PathBuf;

use nix::unistd::dup2_stderr;
use nix::unistd::dup2_stdout;

use super::line::Ink;

/// What `errorlog` calls standard error.
const STANDARD: &str = "-";

/// An open log.
#[derive(Debug)]
pub(super) struct Output {
    /// Where the file is, and the file; none is standard error.
    file: Option<(PathBuf, File)>,
    pub(super) ink: Ink,
    capture: Capture,
}

/// Whether the file takes the standard streams too (`capture_output`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Capture {
    Off,
    On,
}

impl Output {
    /// What there is before anything was configured.
    pub(super) const STANDARD_ERROR: Self = Self {
        file: None,
        ink: Ink::Plain,
        capture: Capture::Off,
    };

    /// Opens the file at `path` for appending, or standard error if that is `-`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new(STANDARD) {
            return Ok(Self {
                ink: ink(),
                ..Self::STANDARD_ERROR
            });
        }
        Ok(Self {
            file: Some((path.to_owned(), append(path)?)),
            ..Self::STANDARD_ERROR
        })
    }

    /// Puts the file in the place of standard output and standard error. Does nothing where there
    /// is no file: the application's output is next to the log anyway.
    pub(super) fn capture(&mut self) -> io::Result<()> {
        if let Some((_, file)) = &self.file {
            dup2_stdout(file)?;
            dup2_stderr(file)?;
            self.capture = Capture::On;
        }
        Ok(())
    }

    /// Whether the file has the standard streams too.
    pub(super) fn captures(&self) -> bool {
        self.capture == Capture::On
    }

    /// Puts `stderr` in the place of standard error, and leaves it alone from now on.
    pub(super) fn release(&mut self, stderr: &OwnedFd) -> io::Result<()> {
        self.capture = Capture::Off;
        Ok(dup2_stderr(stderr)?)
    }

    /// Whether it goes where standard error goes.
    pub(super) fn is_standard_error(&self) -> bool {
        self.file.is_none() || self.captures()
    }

    /// One line, by one write.
    pub(super) fn write(&self, line: &[u8]) {
        // Nobody is left to be told where the log cannot be written.
        let _ = match &self.file {
            Some((_, file)) => (&mut &*file).write_all(line),
            None => io::stderr().write_all(line),
        };
    }

    /// The file's path, if it is one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }

    /// Opens the file anew, after it was moved away. The old one stays in use if that fails.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Some((path, file)) = &mut self.file {
            *file = append(path)?;
        }
        match self.capture {
            Capture::On => self.capture(),
            Capture::Off => Ok(()),
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Colours are for a terminal that has them, and for who wants them (no-color.org).
fn ink() -> Ink {
    let is_set = |variable| env::var_os(variable).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    if io::stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb {
        Ink::Coloured
    } else {
        Ink::Plain
    }
}
