//! The server hooks: functions of the operator's, called when something happens to the server or
//! to a worker.
//!
//! Owns when a hook is asked for and what its error means. What hooks are given is made by
//! `rgunicorn._hooks`, whose methods are called like the hooks. A configuration without hooks
//! has none of that.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use rgunicorn_core::listen::Listener;
use rgunicorn_core::listen::Socket;
use rgunicorn_eventloop::task::ends_process;

use crate::config::Config;
use crate::failure::Failure;

/// The hooks of the master.
#[derive(Default)]
pub(crate) struct MasterHooks {
    /// `rgunicorn._hooks.Master`, once a configuration had a hook.
    master: Option<Py<PyAny>>,
    /// The pids of the workers, by their numbers: hooks that come with a reload know them too.
    pids: BTreeMap<u64, i32>,
    /// How many workers are to be kept, once that was said.
    workers: Option<usize>,
    /// The worker that is about to be forked.
    born: u64,
}

impl MasterHooks {
    /// Takes a configuration into use. `app` is the application, if it is loaded before the workers.
    pub(crate) fn configure(
        &mut self,
        py: Python<'_>,
        config: &Config,
        app: Option<&Py<PyAny>>,
    ) -> Result<(), Failure> {
        match &self.master {
            Some(_) => self.call(py, "configure", (config.as_python(py)?,)),
            None if config.hooks.is_empty() => Ok(()),
            None => {
                let class = py.import("rgunicorn._hooks")?.getattr("Master")?;
                let before = (self.pids.clone(), self.workers, app);
                let master = class.call1((config.as_python(py)?, before))?;
                self.master = Some(master.unbind());
                Ok(())
            }
        }
    }

    /// Calls a hook.
    ///
    /// # Errors
    /// [`Failure::Hook`], or what else the hook wants to end the server with.
    pub(crate) fn call<'py>(
        &self,
        py: Python<'py>,
        hook: &'static str,
        arguments: impl PyCallArgs<'py>,
    ) -> Result<(), Failure> {
        let Some(master) = &self.master else {
            return Ok(());
        };
        let called = master.bind(py).call_method1(hook, arguments);
        called
            .map(drop)
            .map_err(|error| Failure::of_hook(py, hook, error))
    }

    /// Calls a hook that must not end the server. Its error is logged.
    pub(crate) fn tell<'py>(
        &self,
        py: Python<'py>,
        hook: &'static str,
        arguments: impl PyCallArgs<'py>,
    ) {
        if let Err(failure) = self.call(py, hook, arguments) {
            tracing::error!("Exception in {hook} hook\n{}", failure.in_full(py));
        }
    }

    /// So many workers are to be kept from now on.
    pub(crate) fn resize(&mut self, py: Python<'_>, workers: usize) -> Result<(), Failure> {
        self.workers = Some(workers);
        self.call(py, "nworkers_changed", (workers,))
    }

    /// The same, where the hook must not end the server. Its error is logged.
    pub(crate) fn tell_of_resize(&mut self, py: Python<'_>, workers: usize) {
        self.workers = Some(workers);
        self.tell(py, "nworkers_changed", (workers,));
    }

    /// Shows hooks the open sockets.
    pub(crate) fn show<'a>(
        &self,
        py: Python<'_>,
        listeners: impl Iterator<Item = &'a Listener>,
    ) -> Result<(), Failure> {
        let listeners: Vec<_> = listeners
            .map(|listener| (listener.address(), descriptor(listener)))
            .collect();
        self.call(py, "listening", (listeners,))
    }

    /// A worker is about to be forked.
    pub(crate) fn before_fork(&mut self, py: Python<'_>, number: u64) -> Result<(), Failure> {
        self.born = number;
        self.call(py, "pre_fork", (number,))
    }

    /// In the master: it was.
    pub(crate) fn forked(&mut self, py: Python<'_>, pid: i32) {
        self.pids.insert(self.born, pid);
        self.tell(py, "forked", (pid,));
    }

    /// A worker's process is gone.
    pub(crate) fn ended(&mut self, py: Python<'_>, number: u64) {
        self.pids.remove(&number);
        self.tell(py, "child_exit", (number,));
    }

    /// In the new worker: its own hooks.
    pub(crate) fn in_worker(&self, py: Python<'_>) -> PyResult<WorkerHooks> {
        let crew = self.master.as_ref().map(|master| {
            let crew = master.bind(py).call_method0("in_worker")?;
            Ok::<_, PyErr>(Arc::new(crew.unbind()))
        });
        Ok(WorkerHooks(crew.transpose()?))
    }
}

fn descriptor(listener: &Listener) -> i32 {
    match listener.socket() {
        Socket::Tcp(socket) => socket.as_raw_fd(),
        Socket::Unix(socket) => socket.as_raw_fd(),
    }
}

/// The hooks of one worker: `rgunicorn._hooks.Crew`, if there are any.
#[derive(Clone, Default)]
pub(crate) struct WorkerHooks(Option<Arc<Py<PyAny>>>);

impl WorkerHooks {
    /// Calls a hook.
    ///
    /// # Errors
    /// What the hook raises.
    pub(crate) fn call<'py>(
        &self,
        py: Python<'py>,
        hook: &str,
        arguments: impl PyCallArgs<'py>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let call = |crew: &Arc<Py<PyAny>>| crew.bind(py).call_method1(hook, arguments);
        self.0.as_ref().map(call).transpose()
    }

    /// Calls a hook that changes nothing about what the worker does next.
    pub(crate) fn tell(
        &self,
        hook: &'static str,
        arguments: impl for<'py> PyCallArgs<'py> + 'static,
    ) {
        if self.0.is_none() {
            return;
        }
        Python::attach(|py| match self.call(py, hook, arguments) {
            Ok(_) => {}
            Err(error) if ends_process(py, &error) => {} // it is about to end anyway
            Err(error) => {
                let failure = Failure::of_hook(py, hook, error);
                tracing::error!("Exception in {hook} hook\n{}", failure.in_full(py));
            }
        });
    }

    /// What is to be called around each request, if anything is.
    pub(crate) fn requests(&self, py: Python<'_>) -> PyResult<Option<Arc<Py<PyAny>>>> {
        let hooks = self.call(py, "requests", ())?;
        Ok(hooks
            .filter(|hooks| !hooks.is_none())
            .map(|hooks| Arc::new(hooks.unbind())))
    }

    /// Whether a hook wants its worker to leave (`worker.alive = False`).
    pub(crate) fn want_to_leave(&self) -> bool {
        self.0.is_some() && Python::attach(|py| self.says(py, "is_leaving"))
    }

    /// Whether the master gave this worker up and `worker_abort` was called.
    pub(crate) fn were_aborted(&self) -> bool {
        self.0.is_some() && Python::attach(|py| self.says(py, "is_aborted"))
    }

    fn says(&self, py: Python<'_>, question: &str) -> bool {
        let answer = self.call(py, question, ());
        answer.is_ok_and(|answer| answer.is_some_and(|it| it.is_truthy().unwrap_or(false)))
    }
}
