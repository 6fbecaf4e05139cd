//! What a worker is to do, until when, and how what does not end is made to.
//!
//! The same for every kind of worker. [`steering`](super::steering) tells it
//! what the master wants.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::process;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use pyo3::PyResult;
use pyo3::exceptions::PyRuntimeError;
use rgunicorn_core::app::App;
use rgunicorn_core::listen::Listener;
use rgunicorn_core::server::Server;
use rgunicorn_eventloop::ground::Ground;
use rgunicorn_supervisor::Beat;
use rgunicorn_supervisor::Seat;
use tokio::time::sleep_until;

use super::certificates::Certificates;
use super::memory::Memory;
use super::served::Calls;
use super::served::Served;
use crate::config::Config;
use crate::exit;
use crate::hooks::WorkerHooks;
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

/// The course of one worker's life.
pub(super) struct Course {
    pub(super) config: Config,
    pub(super) seat: Seat,
    pub(super) ground: Ground,
    plan: Cell<Plan>,
    server: RefCell<Option<Rc<dyn Served>>>,
    /// Ends a start that takes too long.
    give_up_starting: RefCell<Option<Box<dyn Fn()>>>,
    memory: Memory,
    certificates: Certificates,
    exit_code: Cell<u8>,
    pub(super) hooks: WorkerHooks,
    /// Whether a hook asked for this worker's end, and was heard.
    asked_to_leave: Cell<Asked>,
}

/// Whether something was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    No,
    Yes,
}

impl Course {
    pub(super) fn new(
        mut config: Config,
        seat: Seat,
        ground: Ground,
        hooks: WorkerHooks,
    ) -> Rc<Self> {
        let more = at_random(config.max_requests_jitter);
        let enough = config.http.enough_calls;
        config.http.enough_calls = enough.map(|enough| enough.saturating_add(more));
        Rc::new(Self {
            memory: Memory::new(config.process.max_rss, Instant::now()),
            certificates: Certificates::new(&config),
            config,
            seat,
            ground,
            plan: Cell::new(Plan::Serve),
            server: RefCell::default(),
            give_up_starting: RefCell::default(),
            exit_code: Cell::new(exit::OK),
            hooks,
            asked_to_leave: Cell::new(Asked::No),
        })
    }

    /// What the worker's process ends with. Lets hooks know how often the application was called.
    pub(super) fn exit_code(&self) -> u8 {
        let calls = self.server().map_or(0, |server| server.calls());
        self.hooks.tell("served", (calls,));
        self.exit_code.get()
    }

    pub(super) fn plan(&self) -> Plan {
        self.plan.get()
    }

    pub(super) fn server(&self) -> Option<Rc<dyn Served>> {
        self.server.borrow().clone()
    }

    /// Makes the server of `app` and steers it from now on. Asks for a successor
    /// once it was used enough (`max_requests`).
    ///
    /// # Errors
    /// When the access log cannot be opened, or a listener cannot be used.
    pub(super) fn make_server<A: App + Calls>(
        self: &Rc<Self>,
        app: A,
        listeners: Vec<Listener>,
    ) -> PyResult<Rc<Server<A>>> {
        let access_log = logging::open_access_log(&self.config)
            .map_err(|failure| PyRuntimeError::new_err(failure.to_string()))?;
        logging::tell_later(&self.ground);
        let context = self.ground.enter();
        let server = Server::new(app, listeners, self.config.http.clone(), access_log)?;
        drop(context);
        let served: Rc<dyn Served> = Rc::<Server<A>>::clone(&server);
        self.server.replace(Some(served));
        if let Some(enough) = self.config.http.enough_calls {
            self.hooks.tell("enough", (enough.get(),));
            let (this, server) = (Rc::clone(self), Rc::clone(&server));
            self.ground.spawn(async move {
                server.used_enough().await;
                tracing::info!("Autorestarting worker after current request.");
                this.seat.wants_replacement();
            });
        }
        Ok(server)
    }

    pub(super) fn set_give_up_starting(&self, give_up: Box<dyn Fn()>) {
        self.give_up_starting.replace(Some(give_up));
    }

    /// Says that the worker must not be replaced but given up.
    pub(super) fn fail(&self, reason: &str) {
        if !reason.is_empty() {
            tracing::error!("{reason}");
        }
        tracing::error!("Application startup failed. Exiting.");
        self.exit_code.set(exit::WORKER_BOOT);
    }

    /// A bug of ours ended the server's task: only a new worker can serve.
    pub(super) fn give_up_serving(&self) {
        tracing::error!(
            critical = true,
            "The server's task panicked: the worker ends."
        );
        self.exit_code.set(exit::INTERNAL);
        if let Some(server) = self.server() {
            server.abort();
        }
    }

    /// TERM: finishes what began, within the graceful timeout.
    pub(super) fn drain(self: &Rc<Self>) {
        if self.hooks.were_aborted() {
            self.exit_code.set(exit::ABORTED);
            return self.end_at_once();
        }
        self.hooks.tell("leave", ());
        let graceful = self.config.graceful_timeout;
        if !self.begin_stop(graceful) {
            return;
        }
        self.end_by_stages(Stages::graceful(graceful));
        if let Some(server) = self.server() {
            server.drain();
        }
    }

    /// INT and QUIT: cancels what runs. Overtakes a drain.
    pub(super) fn stop(self: &Rc<Self>) {
        self.hooks.tell("leave", ());
        self.hooks.tell("worker_int", ());
        self.end_at_once();
    }

    fn end_at_once(self: &Rc<Self>) {
        self.begin_stop(FAST);
        if let Some(server) = self.server() {
            server.stop();
        }
        self.end_by_stages(Stages::FAST);
    }

    /// Sets the deadline, unless there is an earlier one. Reports whether it did.
    fn begin_stop(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        match self.plan() {
            Plan::Stop { deadline: earlier } if earlier <= deadline => false,
            _ => {
                self.plan.set(Plan::Stop { deadline });
                true
            }
        }
    }

    /// Ends what does not end by itself, more firmly from stage to stage.
    fn end_by_stages(self: &Rc<Self>, stages: Stages) {
        let begin = tokio::time::Instant::now();
        let this = Rc::clone(self);
        let Some(server) = self.server() else {
            // Told to end before it served: its startup may take as long as requests may.
            self.ground.spawn(async move {
                sleep_until(begin + stages.cancel).await;
                if let Some(give_up) = &*this.give_up_starting.borrow() {
                    give_up();
                }
            });
            return;
        };
        self.ground.spawn(async move {
            sleep_until(begin + stages.farewell).await;
            bid_farewell(&*server);
            sleep_until(begin + stages.cancel).await;
            server.cancel();
            sleep_until(begin + stages.abort).await;
            if server.connections() > 0 {
                tracing::warn!("Forcing close of {} connections", server.connections());
            }
            server.abort();
        });
    }

    /// USR1: the log files were moved away.
    pub(super) fn reopen_logs(&self) {
        logging::reopen();
        let reopened = self.server().map_or(Ok(()), |it| it.reopen_access_log());
        if let Err(error) = reopened {
            tracing::error!("Cannot reopen the access log: {error}");
        }
    }

    /// Shows the master that this worker is alive, and looks after the worker.
    /// To be called where it proves both that the runtime takes turns and that
    /// Python runs. Returns when to do so again.
    pub(super) fn beat(self: &Rc<Self>) -> Duration {
        show_life(self.seat.beat());
        if self.seat.master_is_gone() && self.plan() == Plan::Serve {
            tracing::warn!("The master is gone: worker (pid: {}) ends.", process::id());
            self.drain();
        }
        if let Some(server) = self.server() {
            server.look_after(&self.config);
            self.certificates.look_after(&*server);
        }
        self.mind_memory();
        self.mind_hooks();
        self.beat_interval()
    }

    /// Asks for a successor if this worker uses too much memory.
    fn mind_memory(&self) {
        if let Some(bytes) = self.memory.excess(Instant::now()) {
            let mebibytes = bytes >> 20;
            tracing::info!("Autorestarting worker: it uses {mebibytes} MiB, more than max_rss.");
            self.seat.wants_replacement();
        }
    }

    /// Heeds a hook that wants this worker to leave.
    fn mind_hooks(&self) {
        if self.asked_to_leave.get() == Asked::No && self.hooks.want_to_leave() {
            self.asked_to_leave.set(Asked::Yes);
            if self.plan() == Plan::Serve {
                tracing::info!("Autorestarting worker after current request.");
                self.seat.wants_replacement();
            }
        }
    }

    /// How often the heartbeat is due.
    pub(super) fn beat_interval(&self) -> Duration {
        let timeout = self.config.timeout;
        if timeout.is_zero() {
            BEAT
        } else {
            BEAT.min(timeout / 3)
        }
    }
}

/// When what does not end by itself is made to, counted from the begin of a stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stages {
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
    pub(crate) fn graceful(within: Duration) -> Self {
        let reserve = RESERVE.min(within / 4);
        Self {
            farewell: within / 2,
            cancel: within - reserve,
            abort: within - reserve / 2,
        }
    }

    /// Farewell, cancellation and abortion.
    pub(crate) fn in_seconds(self) -> (f64, f64, f64) {
        (
            self.farewell.as_secs_f64(),
            self.cancel.as_secs_f64(),
            self.abort.as_secs_f64(),
        )
    }
}

/// Shows the master that the runtime and Python are both alive.
pub(super) fn show_life(beat: Beat) {
    let now = Instant::now();
    beat.runtime(now);
    beat.python(now);
}

/// A number from 0 to `most`. Different in each process.
fn at_random(most: u64) -> u64 {
    // Its keys come from the kernel's random numbers.
    let drawn = RandomState::new().hash_one(process::id());
    drawn % most.saturating_add(1)
}

fn bid_farewell(server: &dyn Served) {
    let count = server.bid_farewell();
    if count > 0 {
        tracing::info!("Telling {count} unfinished request(s) to end (http.disconnect)");
    }
}

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
