//! What steers a worker: signals, the heartbeat, and the end of its time.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rgunicorn_asgi::app::AsgiApp;
use rgunicorn_core::server::Server;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::time::sleep;
use tokio::time::sleep_until;

use super::life::Life;
use crate::logging;

/// What a worker is to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Plan {
    /// Serve until told otherwise.
    Serve,
    /// End, at the latest at the deadline.
    Stop {
        /// When the master loses patience.
        deadline: Instant,
    },
}

/// After INT and QUIT; the master waits for two seconds.
const FAST: Duration = Duration::from_secs(1);

/// At most so much of the graceful timeout is kept for the lifespan's shutdown.
const RESERVE: Duration = Duration::from_secs(1);

/// How often the heartbeat is shown, at the least.
const BEAT: Duration = Duration::from_secs(1);

/// Listens for signals from now on.
pub(super) fn listen(life: &Bound<'_, Life>) -> PyResult<()> {
    let this = life.borrow();
    let _context = this.runtime().enter();
    on_signal(life, SignalKind::terminate(), drain)?;
    on_signal(life, SignalKind::interrupt(), stop)?;
    on_signal(life, SignalKind::quit(), stop)?;
    on_signal(life, SignalKind::user_defined1(), reopen_logs)?;
    // Meant for the master; by default they would stop the process.
    on_signal(life, SignalKind::from_raw(Signal::SIGTTIN as i32), ignore)?;
    on_signal(life, SignalKind::from_raw(Signal::SIGTTOU as i32), ignore)?;
    Ok(())
}

fn ignore(_: &Bound<'_, Life>) -> PyResult<()> {
    Ok(())
}

fn on_signal(
    life: &Bound<'_, Life>,
    kind: SignalKind,
    act: fn(&Bound<'_, Life>) -> PyResult<()>,
) -> PyResult<()> {
    let mut signals = signal(kind)?;
    let owner = life.clone().unbind();
    life.borrow().runtime().spawn_local(async move {
        while signals.recv().await.is_some() {
            Python::attach(|py| report(act(owner.bind(py))));
        }
    });
    Ok(())
}

pub(super) fn report(result: PyResult<()>) {
    if let Err(error) = result {
        tracing::error!("Cannot act on a signal: {error}");
    }
}

/// TERM: finishes what began, within the graceful timeout.
pub(super) fn drain(life: &Bound<'_, Life>) -> PyResult<()> {
    let graceful = life.borrow().config().graceful_timeout;
    if !begin_stop(life, graceful) {
        return Ok(());
    }
    let reserve = RESERVE.min(graceful / 4);
    end_after(life, graceful.saturating_sub(reserve), reserve / 2);
    if let Some(server) = life.borrow().server() {
        server.drain();
    }
    Ok(())
}

/// INT and QUIT: cancels what runs. Overtakes a drain.
fn stop(life: &Bound<'_, Life>) -> PyResult<()> {
    begin_stop(life, FAST);
    if let Some(server) = life.borrow().server() {
        server.stop();
    }
    end_after(life, Duration::ZERO, FAST / 4);
    Ok(())
}

/// Sets the deadline, unless there is an earlier one. Reports whether it did.
fn begin_stop(life: &Bound<'_, Life>, within: Duration) -> bool {
    let this = life.borrow();
    let deadline = Instant::now() + within;
    match this.plan() {
        Plan::Stop { deadline: earlier } if earlier <= deadline => false,
        _ => {
            this.set_plan(Plan::Stop { deadline });
            true
        }
    }
}

/// Cancels the tasks after `cancel`, and closes what they left open after
/// another `abort`.
fn end_after(life: &Bound<'_, Life>, cancel: Duration, abort: Duration) {
    let cancel = tokio::time::Instant::now() + cancel;
    let Some(server) = life.borrow().server() else {
        return give_up_starting_at(life, cancel);
    };
    life.borrow().runtime().spawn_local(async move {
        sleep_until(cancel).await;
        Python::attach(|py| report(cancel_tasks(py, &server)));
        sleep(abort).await;
        if server.connections() > 0 {
            tracing::warn!("Forcing close of {} connections", server.connections());
        }
        server.abort();
    });
}

/// Told to end before it served: its startup may take as long as requests may.
fn give_up_starting_at(life: &Bound<'_, Life>, when: tokio::time::Instant) {
    let owner = life.clone().unbind();
    life.borrow().runtime().spawn_local(async move {
        sleep_until(when).await;
        Python::attach(|py| report(owner.bind(py).borrow().give_up_lifespan(py)));
    });
}

fn cancel_tasks(py: Python<'_>, server: &Rc<Server<AsgiApp>>) -> PyResult<()> {
    let tasks = server.app().tasks(py);
    if !tasks.is_empty() {
        tracing::warn!("Cancelling {} running task(s)", tasks.len());
    }
    for task in tasks {
        task.call_method0(intern!(py, "cancel"))?;
    }
    Ok(())
}

/// USR1: the log files were moved away.
fn reopen_logs(life: &Bound<'_, Life>) -> PyResult<()> {
    logging::reopen();
    dump_stacks_when_aborted(life.py(), &life.borrow().config().error_log)?;
    if let Some(server) = life.borrow().server() {
        server.reopen_access_log()?;
    }
    Ok(())
}

/// Shows the master that this worker is alive, looks after the worker, and
/// does so again after a while. A callback on the event loop, so that it proves
/// both: that the runtime takes turns, and that Python's side of the loop goes round.
pub(super) fn beat(life: &Bound<'_, Life>) -> PyResult<()> {
    let py = life.py();
    let this = life.borrow();
    let (now, beat) = (Instant::now(), this.seat().beat());
    beat.runtime(now);
    beat.python(now);
    let timeout = this.config().timeout;
    let every = if timeout.is_zero() {
        BEAT
    } else {
        BEAT.min(timeout / 3)
    };
    let again = life.getattr(intern!(py, "beat"))?;
    let arguments = (every.as_secs_f64(), again);
    this.event_loop(py)
        .call_method1(intern!(py, "call_later"), arguments)?;
    if this.seat().master_is_gone() && this.plan() == Plan::Serve {
        tracing::warn!(
            "The master is gone: worker (pid: {}) ends.",
            std::process::id()
        );
        drain(life)?;
    }
    if let Some(server) = this.server() {
        let grace = this.config().disconnect_grace;
        server.app().cancel_abandoned(py, grace)?;
    }
    Ok(())
}

/// A worker that hangs is sent SIGABRT: its stacks go to the error log first.
pub(super) fn dump_stacks_when_aborted(py: Python<'_>, error_log: &Path) -> PyResult<()> {
    let arguments = PyDict::new(py);
    if error_log != Path::new("-") {
        let file = py
            .import("builtins")?
            .call_method1("open", (error_log.as_os_str(), "ab"))?;
        arguments.set_item("file", file)?;
    } else {
        arguments.set_item("file", STANDARD_ERROR)?;
    }
    py.import("faulthandler")?
        .call_method("enable", (), Some(&arguments))?;
    Ok(())
}

const STANDARD_ERROR: i32 = 2;
