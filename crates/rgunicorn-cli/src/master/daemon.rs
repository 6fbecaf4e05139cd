//! Into the background: two forks, a session of its own, and no terminal.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::IsTerminal;

use nix::sys::stat::Mode;
use nix::sys::stat::umask;
use nix::unistd;
use pyo3::prelude::*;

use crate::config::process::Background;

/// What a daemon creates belongs to it alone.
const UMASK: Mode = Mode::S_IWGRP.union(Mode::S_IWOTH);

/// Goes on as a child of init; the process that was started ends here with code 0.
pub(super) fn detach(py: Python<'_>, background: Background) -> PyResult<()> {
    let os = py.import("os")?;
    let sys = py.import("sys")?;
    for stream in ["stdout", "stderr"] {
        // What is buffered now would be written by both processes, or by none.
        let stream = sys.getattr(stream)?;
        if !stream.is_none() {
            stream.call_method0("flush")?;
        }
    }
    leave_parent(&os)?;
    os.call_method0("setsid")?;
    // Not the leader of its session: it can never get a terminal again.
    leave_parent(&os)?;
    umask(UMASK);
    silence(background)?;
    Ok(())
}

fn leave_parent(os: &Bound<'_, PyModule>) -> PyResult<()> {
    let child: i32 = os.call_method0("fork")?.extract()?;
    if child != 0 {
        os.call_method1("_exit", (0,))?;
    }
    Ok(())
}

/// Turns the standard streams to /dev/null: all, or those that are a terminal.
fn silence(background: Background) -> io::Result<()> {
    let nowhere: File = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    let keeps = |is_terminal: bool| background == Background::KeepsOutput && !is_terminal;
    unistd::dup2_stdin(&nowhere)?;
    if !keeps(io::stdout().is_terminal()) {
        unistd::dup2_stdout(&nowhere)?;
    }
    if !keeps(io::stderr().is_terminal()) {
        unistd::dup2_stderr(&nowhere)?;
    }
    Ok(())
}
