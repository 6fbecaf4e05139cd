//! The master: opens the sockets, forks the workers and looks after them until it is told to stop.
//!
//! One thread and no runtime, because it forks. What is decided here is little: when to fork,
//! retire and kill is for the supervisor, to which this is the host.
//!
//! Read next: [`worker`](crate::worker), where every fork ends up.

mod metrics;
mod sockets;

use std::env;
use std::io;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use pyo3::prelude::*;
use rgunicorn_supervisor::Fork;
use rgunicorn_supervisor::Host;
use rgunicorn_supervisor::Outcome;
use rgunicorn_supervisor::Pidfile;
use rgunicorn_supervisor::Seat;
use rgunicorn_supervisor::Settings;
use rgunicorn_supervisor::WorkerNumber;

use crate::config::Config;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::interface::Interface;
use crate::load;
use crate::load::Loaded;
use crate::logging;
use crate::operator::Operator;
use crate::worker;
use crate::worker::Start;
use metrics::Metrics;
use sockets::Sockets;

/// Serves until the server stops. Returns the exit code of this process, master or worker.
pub(crate) fn serve(py: Python<'_>, operator: Operator, config: Config) -> Result<u8, Failure> {
    let started_in = env::current_dir()?;
    config.enter_directory(py)?;
    let environment = Environment::set(py, &config.app.environment)?;
    logging::set_up(py, &config)?;
    // Better found out now than by every worker.
    logging::open_access_log(&config)?;
    warn(&config);
    let preloaded = match config
        .preload_app
        .then(|| load::load_app(py, &config))
        .transpose()
    {
        Ok(app) => app,
        Err(error) => {
            error.report();
            return Ok(error.exit_code());
        }
    };
    tracing::info!("Starting rgunicorn {}", env!("CARGO_PKG_VERSION"));
    let pidfile = config.pidfile.as_ref().map(Pidfile::create).transpose()?;
    let sockets = Sockets::bind(py, &config)?;
    rgunicorn_supervisor::hold_signals()?;
    tracing::info!("Listening at: {} ({})", sockets, process::id());
    let known = match (&preloaded, config.interface) {
        (Some(loaded), _) => Some(loaded.worker.as_str()),
        (None, interface) => interface.map(Interface::name),
    };
    if let Some(worker) = known {
        tracing::info!("Using worker: {worker}");
    }
    let says_worker = known.is_none();
    let mut master = Master {
        py,
        operator,
        started_in,
        config,
        sockets,
        metrics: Metrics::default(),
        pidfile,
        environment,
        preloaded,
        says_worker,
    };
    match rgunicorn_supervisor::run(master.settings(), &mut master)? {
        Outcome::Child(seat) => Ok(master.become_worker(seat)),
        Outcome::Stopped(code) => Ok(code),
    }
}

/// Says what is odd about a configuration, now that there is a log to say it in.
fn warn(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}

/// What the master holds for its workers to be.
struct Master<'py> {
    py: Python<'py>,
    operator: Operator,
    /// Relative paths on the command line mean this directory, also when it is read again.
    started_in: PathBuf,
    config: Config,
    sockets: Sockets,
    metrics: Metrics,
    pidfile: Option<Pidfile>,
    environment: Environment,
    preloaded: Option<Loaded>,
    /// Whether the next worker says how it calls the application.
    says_worker: bool,
}

impl Master<'_> {
    fn settings(&self) -> Settings {
        Settings {
            workers: self.config.workers,
            timeout: self.config.timeout,
            graceful_timeout: self.config.graceful_timeout,
            boot_timeout: self.config.boot_timeout,
            drain_delay: self.config.drain_delay,
        }
    }

    /// After the fork, in the child: gives up what is the master's and lives as a worker.
    fn become_worker(self, seat: Seat) -> u8 {
        let start = match self.preloaded {
            Some(loaded) => Start::With(loaded),
            None if self.says_worker => Start::First,
            None => Start::Empty,
        };
        let listeners = self.sockets.into_listeners();
        worker::run(self.py, &self.config, listeners, seat, start)
    }

    /// Restores what the present configuration asks of the process.
    fn go_back(&mut self) -> PyResult<()> {
        self.environment.put_back(self.py)?;
        self.environment = Environment::set(self.py, &self.config.app.environment)?;
        self.config.enter_directory(self.py)
    }

    /// Takes a configuration into use, as far as a running master can. What is preloaded stays
    /// loaded, as in gunicorn: an import cannot be undone.
    fn adopt(&mut self, config: Config) -> Result<(), Failure> {
        config.enter_directory(self.py)?;
        self.environment = Environment::set(self.py, &config.app.environment)?;
        logging::open_access_log(&config)?;
        let set_up = logging::set_up(self.py, &config);
        if let Err(failure) = set_up.and_then(|()| self.sockets.rebind(self.py, &config)) {
            logging::set_up(self.py, &self.config)?;
            return Err(failure);
        }
        if config.pidfile != self.config.pidfile {
            let create = config.pidfile.as_ref().map(Pidfile::create);
            match create.transpose() {
                Ok(pidfile) => self.pidfile = pidfile,
                Err(error) => tracing::error!("{}", Failure::from(error).in_full(self.py)),
            }
        }
        if !config.preload_app {
            self.preloaded = None;
        }
        self.says_worker = self.preloaded.is_none() && config.interface.is_none();
        warn(&config);
        self.config = config;
        Ok(())
    }
}

impl Host for Master<'_> {
    fn fork(&mut self, _: WorkerNumber) -> io::Result<Fork> {
        if self.preloaded.is_some() {
            // What is loaded now is shared until written to; a collection in a worker would write.
            self.py.import("gc")?.call_method0("freeze")?;
        }
        let pid: i32 = self.py.import("os")?.call_method0("fork")?.extract()?;
        if pid == 0 {
            return Ok(Fork::Child);
        }
        self.says_worker = false;
        Ok(Fork::Parent(pid))
    }

    fn reload(&mut self) -> Option<Settings> {
        let mut read = || {
            env::set_current_dir(&self.started_in)?;
            self.environment.put_back(self.py)?;
            self.operator.read(self.py)
        };
        let adopted = read().and_then(|config| self.adopt(config));
        if let Err(failure) = adopted {
            tracing::error!(
                "Reload with the old configuration: {}",
                failure.in_full(self.py)
            );
            if let Err(error) = self.go_back() {
                tracing::error!(
                    "Cannot go back to '{}': {error}",
                    self.config.directory.display()
                );
            }
        }
        Some(self.settings())
    }

    fn reopen_logs(&mut self) {
        logging::reopen();
    }

    fn resting(&mut self, workers: usize) -> Option<Duration> {
        let Self {
            py,
            config,
            sockets,
            ..
        } = self;
        self.metrics.tell_workers(workers);
        self.metrics.tell_backlog(*py, config, sockets)
    }

    fn stopping(&mut self) {
        self.sockets.close();
    }
}
