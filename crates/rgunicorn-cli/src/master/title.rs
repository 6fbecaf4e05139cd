//! What `ps` and `top` call the processes.
//!
//! As gunicorn: whole titles where the Python package setproctitle is installed. Without it there are
//! only the fifteen bytes of `comm`: `rgunicorn`, so that `killall -HUP rgunicorn` means masters, however they
//! were started, and `rgunicorn: work`.

use nix::sys::prctl;
use pyo3::prelude::*;

/// Which process is named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    Master,
    Worker,
}

/// To be called before the environment is changed: the package looks for the memory that holds it.
pub(super) fn prepare(py: Python<'_>) {
    if let Ok(package) = py.import("setproctitle") {
        // The same call that names a process, without the consequence.
        let _ = package.call_method0("getproctitle");
    }
}

/// Names this process.
pub(super) fn set(py: Python<'_>, role: Role, name: &str) {
    let (role, short) = match role {
        Role::Master => ("master", c"rgunicorn"),
        Role::Worker => ("worker", c"rgunicorn: work"),
    };
    let title = format!("rgunicorn: {role} [{name}]");
    let package = py.import("setproctitle");
    let is_set = package.and_then(|package| package.call_method1("setproctitle", (title,)));
    if is_set.is_err() {
        // A title is a comfort: nothing depends on it.
        let _ = prctl::set_name(short);
    }
}
