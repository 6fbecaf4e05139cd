//! Into the background: two forks, a session of its own, and no terminal.
//!
//! The process that was started stays until the server is up or has failed, and ends with the code
//! that says so: a script that starts a daemon learns of it, and what goes wrong until then is said
//! where the operator looks.

use std::cell::RefCell;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::IsTerminal;
use std::io::PipeReader;
use std::io::PipeWriter;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;

use nix::sys::stat::Mode;
use nix::sys::stat::umask;
use nix::unistd;
use pyo3::prelude::*;

use crate::config::process::Background;
use crate::exit;
use crate::logging;

/// What a daemon creates belongs to it alone.
const UMASK: Mode = Mode::S_IWGRP.union(Mode::S_IWOTH);

/// The process that was started, while it waits for the server to come up in the background.
#[derive(Debug, Default)]
pub(crate) struct Launch(RefCell<Option<Launcher>>);

#[derive(Debug)]
struct Launcher {
    background: Background,
    /// Where it learns its exit code.
    pipe: PipeWriter,
    /// Its standard error, whatever takes the place of ours.
    stderr: OwnedFd,
}

impl Launch {
    /// Goes on as a child of init; the process that was started waits, and never returns.
    ///
    /// Standard error stays where it was until the server is up.
    pub(super) fn detach(&self, py: Python<'_>, background: Background) -> PyResult<()> {
        let os = py.import("os")?;
        flush(py)?;
        let (answer, pipe) = io::pipe()?;
        let stderr = io::stderr().as_fd().try_clone_to_owned()?;
        if is_parent(&os)? {
            drop(pipe);
            return wait(&os, &answer);
        }
        drop(answer);
        os.call_method0("setsid")?;
        // Not the leader of its session: it can never get a terminal again.
        if is_parent(&os)? {
            leave(&os, exit::OK)?;
        }
        umask(UMASK);
        silence_input_and_output(background)?;
        *self.0.borrow_mut() = Some(Launcher {
            background,
            pipe,
            stderr,
        });
        Ok(())
    }

    /// The server is up. From here on there is nobody to talk to.
    pub(super) fn succeed(&self) -> io::Result<()> {
        let Some(launcher) = self.0.take() else {
            return Ok(());
        };
        if !logging::captures_output() {
            silence_errors(launcher.background)?;
        }
        launcher.answer(exit::OK);
        Ok(())
    }

    /// Before the operator is told why the server is not up: says it where they look.
    pub(crate) fn speak_up(&self) {
        if let Some(launcher) = &*self.0.borrow() {
            // Where that fails the log is told all the same.
            let _ = logging::release_output(&launcher.stderr);
        }
    }

    /// The server has ended, with this code.
    pub(crate) fn end(&self, code: u8) {
        if let Some(launcher) = self.0.take() {
            launcher.answer(code);
        }
    }
}

impl Launcher {
    fn answer(mut self, code: u8) {
        // Nobody is left to be told where it was killed meanwhile.
        let _ = self.pipe.write_all(&[code]);
    }
}

/// What is buffered now would be written by both processes, or by none.
fn flush(py: Python<'_>) -> PyResult<()> {
    let sys = py.import("sys")?;
    for stream in ["stdout", "stderr"] {
        let stream = sys.getattr(stream)?;
        if !stream.is_none() {
            stream.call_method0("flush")?;
        }
    }
    Ok(())
}

fn is_parent(os: &Bound<'_, PyModule>) -> PyResult<bool> {
    let child: i32 = os.call_method0("fork")?.extract()?;
    Ok(child != 0)
}

fn leave(os: &Bound<'_, PyModule>, code: u8) -> PyResult<()> {
    os.call_method1("_exit", (code,)).map(drop)
}

/// Ends with the code that the server sends.
#[expect(clippy::print_stderr, reason = "the log is the server's")]
fn wait(os: &Bound<'_, PyModule>, answer: &PipeReader) -> PyResult<()> {
    // Python's read, because Ctrl-C ends it.
    let read = os.call_method1("read", (answer.as_raw_fd(), 1))?;
    match read.extract::<Vec<u8>>()?.first() {
        Some(&code) => leave(os, code),
        None => {
            eprintln!("\nError: the server vanished before it was up");
            leave(os, exit::INTERNAL)
        }
    }
}

/// Turns what a daemon never needs to /dev/null: all, or what is a terminal.
fn silence_input_and_output(background: Background) -> io::Result<()> {
    let nowhere = nowhere()?;
    unistd::dup2_stdin(&nowhere)?;
    if !keeps(background, &io::stdout()) {
        unistd::dup2_stdout(&nowhere)?;
    }
    Ok(())
}

fn silence_errors(background: Background) -> io::Result<()> {
    if !keeps(background, &io::stderr()) {
        unistd::dup2_stderr(&nowhere()?)?;
    }
    Ok(())
}

fn keeps(background: Background, stream: &impl IsTerminal) -> bool {
    background == Background::KeepsOutput && !stream.is_terminal()
}

fn nowhere() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/null")
}
