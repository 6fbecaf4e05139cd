//! What the supervisor asks of the master: forks, reloads, hooks, sockets, another master.

use std::io;
use std::ops::ControlFlow;
use std::process;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyList;
use rgunicorn_supervisor::Fork;
use rgunicorn_supervisor::Host;
use rgunicorn_supervisor::Others;
use rgunicorn_supervisor::Pidfile;
use rgunicorn_supervisor::Settings;
use rgunicorn_supervisor::WorkerNumber;

use super::Master;
use super::give_logs;
use super::title;
use super::title::Role;
use crate::exit;
use crate::logging;

impl Host for Master<'_> {
    fn starting(&mut self) -> ControlFlow<()> {
        let called = self.hooks.call(self.py, "when_ready", ());
        match called.and_then(|()| Ok(self.launch.succeed()?)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                self.failure = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn before_fork(&mut self, worker: WorkerNumber) -> io::Result<()> {
        let called = self.hooks.before_fork(self.py, worker.value());
        called.map_err(|failure| {
            tracing::error!("Exception in pre_fork hook\n{}", failure.in_full(self.py));
            io::Error::other("the hook pre_fork failed")
        })
    }

    fn fork(&mut self, _: WorkerNumber) -> io::Result<Fork> {
        if self.preloaded.is_some() {
            // What is loaded now is shared until written to; a collection in a worker would write.
            self.py.import("gc")?.call_method0("freeze")?;
        }
        let side = self.fork_process()?;
        self.says_worker &= side == Fork::Child;
        if let Fork::Parent(pid) = side {
            self.hooks.forked(self.py, pid);
        }
        Ok(side)
    }

    fn ended(&mut self, worker: WorkerNumber) {
        self.hooks.ended(self.py, worker.value());
    }

    fn resized(&mut self, workers: usize) {
        self.hooks.tell_of_resize(self.py, workers);
    }

    fn reload(&mut self) -> Option<Settings> {
        let mut read = || {
            self.origin.enter()?;
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
        self.tell_of_reload();
        Some(self.settings())
    }

    fn reopen_logs(&mut self) {
        logging::reopen();
        // A worker's user may not be allowed to create it.
        if let Err(failure) = logging::open_access_log(&self.config) {
            tracing::error!("{}", failure.in_full(self.py));
        }
        give_logs(self.py, &self.config);
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

    fn stopping(&mut self, others: Others) {
        self.sockets.close(others);
        let none = PyList::empty(self.py);
        self.hooks.tell(self.py, "listening", (none,));
    }

    fn predecessor(&self) -> Option<i32> {
        self.predecessor
    }

    fn fork_master(&mut self) -> io::Result<Fork> {
        Ok(self.fork_process()?)
    }

    fn become_master(&mut self) -> ! {
        let called = self.hooks.call(self.py, "pre_exec", ());
        let started = called.and_then(|()| Ok(self.start_successor()?));
        if let Err(failure) = started {
            let reason = failure.in_full(self.py);
            tracing::error!("Cannot start a new master: {reason}");
        }
        // Python's own exit would do what is registered for the end of the server.
        let os = self.py.import("os");
        let _ = os.and_then(|os| os.call_method1("_exit", (exit::CONFIG,)));
        process::abort()
    }

    fn promoted(&mut self) {
        if let (Some(path), Some(pid)) = (&self.config.pidfile, self.predecessor.take()) {
            let pidfile = Pidfile::take_over(path, pid);
            self.replace_pidfile(pidfile.map(Some));
        }
        title::set(self.py, Role::Master, &self.name());
    }
}
