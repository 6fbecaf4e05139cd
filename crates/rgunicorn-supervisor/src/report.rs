//! What the log is told of workers and of other masters.
//!
//! Most texts are gunicorn's, since monitoring in the wild matches them.

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::event::Cause;
use crate::event::Ending;

pub(crate) fn delay(delay: Duration) {
    let seconds = delay.as_secs();
    tracing::info!("Serving on for {seconds} s (drain_delay) before workers are told to end.");
}

pub(crate) fn end(pid: Option<Pid>, ending: Ending) {
    let pid = pid.map_or(0, Pid::as_raw);
    match ending {
        Ending::Code(code) => tracing::error!("Worker (pid:{pid}) exited with code {code}."),
        Ending::Signal(number) => log_signal(pid, number),
        Ending::Vanished => tracing::error!("Worker (pid:{pid}) vanished."),
    }
}

fn log_signal(pid: i32, number: i32) {
    let signal = Signal::try_from(number).ok();
    let name = signal.map_or_else(|| format!("code {number}"), |s| s.as_str().to_owned());
    match signal {
        Some(Signal::SIGTERM) => tracing::info!("Worker (pid:{pid}) was sent {name}!"),
        Some(Signal::SIGKILL) => {
            tracing::error!("Worker (pid:{pid}) was sent {name}! Perhaps out of memory?");
        }
        _ => tracing::warn!("Worker (pid:{pid}) was sent {name}!"),
    }
}

/// Goes before the line that asks whether memory ran out: it did not.
pub(crate) fn kill(pid: Option<Pid>) {
    let pid = pid.map_or(0, Pid::as_raw);
    tracing::warn!("Worker (pid:{pid}) did not end in time and is killed.");
}

pub(crate) fn retry(wait: Duration) {
    let seconds = wait.as_secs();
    tracing::error!("Worker failed to boot; the next attempt is in {seconds} s.");
}

pub(crate) fn silence(pid: Option<Pid>) {
    let pid = pid.map_or(0, Pid::as_raw);
    // tracing has no level above ERROR; the formatter writes CRITICAL for this field.
    tracing::error!(critical = true, "WORKER TIMEOUT (pid:{pid})");
}

pub(crate) fn shutdown(master: &str, cause: Cause) {
    match cause.reason() {
        None => tracing::info!("Shutting down: {master}"),
        Some(reason) => {
            tracing::error!("Shutting down: {master}");
            tracing::error!("Reason: {reason}");
        }
    }
}

/// The new master is gone, and this one is on its own again.
pub(crate) fn successor_end(pid: Pid, ending: Ending) {
    match ending {
        Ending::Code(0) => tracing::info!("The new master (pid:{pid}) has stopped."),
        Ending::Code(code) => {
            tracing::error!("The new master (pid:{pid}) exited with code {code}.")
        }
        Ending::Signal(number) => {
            tracing::error!("The new master (pid:{pid}) was ended by signal {number}.");
        }
        Ending::Vanished => tracing::error!("The new master (pid:{pid}) vanished."),
    }
}
