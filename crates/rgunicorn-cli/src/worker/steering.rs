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
    end_by_stages(life, Stages::graceful(graceful));
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
    end_by_stages(life, Stages::FAST);
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

/// When what does not end by itself is made to, counted from the begin of a stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stages {
    /// Applications are told that their clients left, and may still answer.
    farewell: Duration,
    /// Tasks are cancelled.
    cancel: Duration,
    /// Connections are closed.
    abort: Duration,
}

impl Stages {
    const FAST: Self = Self {
        farewell: Duration::ZERO,
        cancel: FAST.checked_div(4).expect("four is not zero"),
        abort: FAST.checked_div(2).expect("two is not zero"),
    };

    /// Half of the time for answers that end by themselves; then those are made to end that end
    /// only with their client, and have nearly as long for it.
    fn graceful(within: Duration) -> Self {
        let reserve = RESERVE.min(within / 4);
        Self {
            farewell: within / 2,
            cancel: within - reserve,
            abort: within - reserve / 2,
        }
    }
}

/// Ends what does not end by itself, more firmly from stage to stage.
fn end_by_stages(life: &Bound<'_, Life>, stages: Stages) {
    let begin = tokio::time::Instant::now();
    let Some(server) = life.borrow().server() else {
        return give_up_starting_at(life, begin + stages.cancel);
    };
    life.borrow().runtime().spawn_local(async move {
        sleep_until(begin + stages.farewell).await;
        bid_farewell(&server);
        sleep_until(begin + stages.cancel).await;
        Python::attach(|py| report(cancel_tasks(py, &server)));
        sleep_until(begin + stages.abort).await;
        if server.connections() > 0 {
            tracing::warn!("Forcing close of {} connections", server.connections());
        }
        server.abort();
    });
}

fn bid_farewell(server: &Server<AsgiApp>) {
    let count = server.bid_farewell();
    if count > 0 {
        tracing::info!("Telling {count} unfinished request(s) to end (http.disconnect)");
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_of_a_stop_come_in_order_and_leave_time_for_the_lifespan() {
        let seconds = |farewell, cancel, abort| Stages {
            farewell: Duration::from_secs_f64(farewell),
            cancel: Duration::from_secs_f64(cancel),
            abort: Duration::from_secs_f64(abort),
        };
        let rows = [
            (30, seconds(15.0, 29.0, 29.5)),
            (4, seconds(2.0, 3.0, 3.5)),
            (1, seconds(0.5, 0.75, 0.875)),
            (0, seconds(0.0, 0.0, 0.0)),
        ];
        for (within, stages) in rows {
            assert_eq!(Stages::graceful(Duration::from_secs(within)), stages);
        }
        assert_eq!(Stages::FAST, seconds(0.0, 0.25, 0.5));
    }
}
