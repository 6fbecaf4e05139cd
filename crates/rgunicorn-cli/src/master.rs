//! The master: opens the sockets, forks the workers and looks after them until it is told to stop.
//!
//! One thread and no runtime, because it forks. What is decided here is little: when to fork,
//! retire and kill is for the supervisor, to which this is the host.
//!
//! Read next: [`worker`](crate::worker), where every fork ends up.

mod daemon;
mod host;
mod metrics;
mod opening;
mod origin;
mod sockets;
mod title;

use std::env;
use std::path::Path;
use std::path::PathBuf;
use std::process;

use pyo3::prelude::*;
use rgunicorn_supervisor::Fork;
use rgunicorn_supervisor::Inheritance;
use rgunicorn_supervisor::Outcome;
use rgunicorn_supervisor::Pidfile;
use rgunicorn_supervisor::Seat;
use rgunicorn_supervisor::Settings;
use rgunicorn_supervisor::SupervisorError;
use rgunicorn_supervisor::VARIABLES;

use crate::config::Config;
use crate::config::process::Background;
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::hooks::MasterHooks;
use crate::interface::Interface;
use crate::load;
use crate::load::Loaded;
use crate::logging;
use crate::operator::Operator;
use crate::worker;
use crate::worker::Inherited;
use crate::worker::Start;
pub(crate) use daemon::Launch;
use metrics::Metrics;
pub(crate) use origin::Origin;
use sockets::Sockets;
use title::Role;

/// Serves until the server stops. Returns the exit code of this process, master or worker.
pub(crate) fn serve(
    py: Python<'_>,
    operator: Operator,
    origin: Origin,
    config: Config,
    launch: &Launch,
) -> Result<u8, Failure> {
    title::prepare(py);
    let inheritance = inherit(py)?;
    let predecessor = inheritance.predecessor();
    config.enter_directory(py)?;
    let environment = Environment::set(py, &config.app.environment)?;
    // The new master of an upgrade is in the background already.
    let is_launched = config.process.background != Background::No && predecessor.is_none();
    if is_launched {
        launch.detach(py, config.process.background)?;
    }
    logging::set_up(py, &config)?;
    // Better found out now than by every worker.
    logging::open_access_log(&config)?;
    give_logs(py, &config);
    warn(&config);
    if is_launched && origin.has_variable("NOTIFY_SOCKET") {
        tracing::warn!(
            "you shouldn't specify `daemon = True` when launching by systemd with `Type = notify`"
        );
    }
    let mut hooks = MasterHooks::default();
    hooks.configure(py, &config, None)?;
    hooks.resize(py, config.workers)?;
    let preloaded = config
        .preload_app
        .then(|| preload(py, &config))
        .transpose()?;
    if let Some(loaded) = &preloaded {
        hooks.call(py, "loaded", (&loaded.app,))?;
    }
    tracing::info!("Starting rgunicorn {}", env!("CARGO_PKG_VERSION"));
    let pidfile = own_pidfile(&config, predecessor);
    let pidfile = pidfile.map(Pidfile::create).transpose()?;
    hooks.call(py, "on_starting", ())?;
    let sockets = Sockets::open(py, &config, inheritance)?;
    hooks.show(py, sockets.listeners())?;
    rgunicorn_supervisor::hold_signals()?;
    tracing::info!("Listening at: {} ({})", sockets, process::id());
    let says_worker = !say_worker(&config, preloaded.as_ref());
    let mut master = Master {
        py,
        pid: process::id(),
        operator,
        origin,
        config,
        sockets,
        metrics: Metrics::default(),
        pidfile,
        environment,
        predecessor,
        preloaded,
        says_worker,
        hooks,
        launch,
        failure: None,
    };
    title::set(py, Role::Master, &master.name());
    match rgunicorn_supervisor::run(master.settings(), &mut master)? {
        Outcome::Child(seat) => Ok(master.become_worker(seat)?),
        Outcome::Stopped(code) => master.end(code),
    }
}

/// Loads the application for all workers. What fails is logged.
fn preload(py: Python<'_>, config: &Config) -> Result<Loaded, Failure> {
    load::load_app(py, config).map_err(|error| {
        error.report();
        Failure::Load {
            reason: error.to_string(),
            code: error.exit_code(),
        }
    })
}

/// Says how workers call the application, if that is known before one has loaded it. Returns whether it is.
fn say_worker(config: &Config, preloaded: Option<&Loaded>) -> bool {
    let known = match (preloaded, config.interface) {
        (Some(loaded), _) => Some(loaded.worker.as_str()),
        (None, interface) => interface.map(Interface::name),
    };
    if let Some(worker) = known {
        tracing::info!("Using worker: {worker}");
    }
    known.is_some()
}

/// Reads what another process left in the environment for this one, and for no other.
fn inherit(py: Python<'_>) -> Result<Inheritance, Failure> {
    let inheritance = Inheritance::read(|name| env::var(name).ok(), process::id())?;
    let environ = py.import("os")?.getattr("environ")?;
    for variable in VARIABLES {
        environ.call_method1("pop", (variable, py.None()))?;
    }
    Ok(inheritance)
}

/// Leaves the log files to the user of the workers, who open them too.
fn give_logs(py: Python<'_>, config: &Config) {
    let ours = [Some(&config.error_log), config.access_log.as_ref()];
    let is_file = |path: &&PathBuf| path.as_path() != Path::new("-");
    let ours = ours.into_iter().flatten().filter(is_file).cloned();
    for file in ours.chain(logging::files_of_handlers(py)) {
        // As in gunicorn: a file that is a device, for instance, need not be anybody's.
        if let Err(error) = config.process.owner.give(&file) {
            tracing::debug!("'{}' stays as it is: {error}", file.display());
        }
    }
}

/// Says what is odd about a configuration, now that there is a log to say it in.
fn warn(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}

/// Where this master's pid belongs: beside that of an older one, as long as that is there.
fn own_pidfile(config: &Config, predecessor: Option<i32>) -> Option<PathBuf> {
    let mut path = config.pidfile.clone()?.into_os_string();
    if predecessor.is_some() {
        path.push(".2");
    }
    Some(path.into())
}

/// What the master holds for its workers to be.
struct Master<'py> {
    py: Python<'py>,
    pid: u32,
    operator: Operator,
    origin: Origin,
    config: Config,
    sockets: Sockets,
    metrics: Metrics,
    pidfile: Option<Pidfile>,
    environment: Environment,
    /// The master that this one is to replace, as long as it is there.
    predecessor: Option<i32>,
    preloaded: Option<Loaded>,
    /// Whether the next worker says how it calls the application.
    says_worker: bool,
    hooks: MasterHooks,
    launch: &'py Launch,
    /// Why it must not serve at all.
    failure: Option<Failure>,
}

impl Master<'_> {
    fn settings(&self) -> Settings {
        Settings {
            workers: self.config.workers,
            timeout: self.config.timeout,
            graceful_timeout: self.config.graceful_timeout,
            boot_timeout: self.config.boot_timeout,
            drain_delay: self.config.drain_delay,
            daemon: self.config.process.background != Background::No,
        }
    }

    /// What process titles call the server.
    fn name(&self) -> String {
        let suffix = if self.predecessor.is_some() { ".2" } else { "" };
        format!("{}{suffix}", self.config.process.name)
    }

    fn fork_process(&self) -> PyResult<Fork> {
        let pid: i32 = self.py.import("os")?.call_method0("fork")?.extract()?;
        Ok(if pid == 0 {
            Fork::Child
        } else {
            Fork::Parent(pid)
        })
    }

    /// Becomes the next master. Returns only if that fails.
    fn start_successor(&self) -> PyResult<()> {
        let mut variables = self.sockets.hand_over(self.py)?;
        variables.push(("GUNICORN_PID", self.pid.to_string()));
        if self.origin.has_variable("WATCHDOG_PID") {
            variables.push(("WATCHDOG_PID", process::id().to_string()));
        }
        self.origin.start_again(self.py, &variables)
    }

    /// After the fork, in the child: gives up what is the master's and lives as a worker.
    fn become_worker(self, seat: Seat) -> PyResult<u8> {
        let name = self.name();
        let listeners = match self.sockets.into_listeners(self.config.backlog) {
            Ok(listeners) => listeners,
            Err(error) => {
                tracing::error!("Cannot listen: {error}");
                return Ok(exit::WORKER_BOOT);
            }
        };
        title::set(self.py, Role::Worker, &name);
        let start = match self.preloaded {
            Some(loaded) => Start::With(loaded),
            None if self.says_worker => Start::First,
            None => Start::Empty,
        };
        let inherited = Inherited {
            listeners,
            seat,
            hooks: self.hooks.in_worker(self.py)?,
        };
        Ok(worker::run(self.py, &self.config, inherited, start))
    }

    /// Restores what the present configuration asks of the process.
    fn go_back(&mut self) -> PyResult<()> {
        self.environment.put_back(self.py)?;
        self.environment = Environment::set(self.py, &self.config.app.environment)?;
        self.config.enter_directory(self.py)
    }

    /// Calls the hooks of a reload, those of the configuration that is now in use.
    fn tell_of_reload(&mut self) {
        let app = self.preloaded.as_ref().map(|loaded| &loaded.app);
        let configured = self.hooks.configure(self.py, &self.config, app);
        let shown = configured.and_then(|()| self.hooks.show(self.py, self.sockets.listeners()));
        if let Err(failure) = shown {
            tracing::error!("Cannot set up the hooks\n{}", failure.in_full(self.py));
        }
        self.hooks.tell_of_resize(self.py, self.config.workers);
        self.hooks.tell(self.py, "on_reload", ());
    }

    /// All workers are gone: the last words.
    fn end(self, code: u8) -> Result<u8, Failure> {
        drop(self.pidfile);
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.hooks.tell(self.py, "on_exit", ());
        Ok(code)
    }

    /// Takes a configuration into use, as far as a running master can. What is preloaded stays
    /// loaded, as in gunicorn: an import cannot be undone.
    fn adopt(&mut self, config: Config) -> Result<(), Failure> {
        config.enter_directory(self.py)?;
        self.environment = Environment::set(self.py, &config.app.environment)?;
        logging::open_access_log(&config)?;
        let set_up = logging::set_up(self.py, &config);
        if let Err(failure) = set_up.and_then(|()| self.sockets.rebind(self.py, &config)) {
            // The files of the old configuration are named from where it is at home.
            self.go_back()?;
            if let Err(failure) = logging::set_up(self.py, &self.config) {
                tracing::error!("{}", failure.in_full(self.py));
            }
            return Err(failure);
        }
        give_logs(self.py, &config);
        self.move_pidfile(own_pidfile(&config, self.predecessor));
        if !config.preload_app {
            self.preloaded = None;
        }
        self.says_worker = self.preloaded.is_none() && config.interface.is_none();
        if config.process.reuse_port != self.config.process.reuse_port {
            tracing::warn!("A change of reuse_port takes effect at the next start.");
        }
        warn(&config);
        self.config = config;
        title::set(self.py, Role::Master, &self.name());
        Ok(())
    }

    /// The file that is there stays, where no other is wanted or to be had.
    fn move_pidfile(&mut self, wanted: Option<PathBuf>) {
        match (self.pidfile.take(), wanted) {
            (Some(pidfile), Some(path)) if pidfile.path() == path => {
                let renewed = pidfile.renew();
                self.pidfile = Some(pidfile);
                if let Err(error) = renewed {
                    tracing::error!("{}", Failure::from(error).in_full(self.py));
                }
            }
            (before, wanted) => {
                self.pidfile = before;
                self.replace_pidfile(wanted.map(Pidfile::create).transpose());
            }
        }
    }

    fn replace_pidfile(&mut self, pidfile: Result<Option<Pidfile>, SupervisorError>) {
        match pidfile {
            Ok(pidfile) => self.pidfile = pidfile,
            Err(error) => tracing::error!("{}", Failure::from(error).in_full(self.py)),
        }
    }
}
