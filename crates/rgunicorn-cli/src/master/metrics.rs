//! What the master tells statsd: how many workers there are, and how many clients wait.

use std::os::fd::AsRawFd;
use std::time::Duration;
use std::time::Instant;

use pyo3::prelude::*;
use rgunicorn_core::listen::Socket;

use super::sockets::Sockets;
use crate::config::Config;

/// How often the backlog is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// What was told, and when the next is due.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    workers: Option<usize>,
    backlog_due: Option<Instant>,
}

impl Metrics {
    /// Tells the number of workers, if it is another than before.
    pub(super) fn tell_workers(&mut self, workers: usize) {
        if self.workers.replace(workers) != Some(workers) {
            tracing::debug!(
                metric = "gunicorn.workers",
                value = workers,
                mtype = "gauge",
                "{workers} workers"
            );
        }
    }

    /// Tells how many clients wait to be accepted, once in a while. Returns when to do so again.
    pub(super) fn tell_backlog(
        &mut self,
        py: Python<'_>,
        config: &Config,
        sockets: &Sockets,
    ) -> Option<Duration> {
        let statsd = config.logging.statsd.as_ref();
        statsd.filter(|statsd| statsd.counts_backlog)?;
        let now = Instant::now();
        match self.backlog_due {
            Some(due) if now < due => return Some(due - now),
            _ => self.backlog_due = Some(now + INTERVAL),
        }
        match backlog(py, sockets) {
            Ok(backlog) => tracing::debug!(
                metric = "gunicorn.backlog",
                value = backlog,
                mtype = "histogram",
                "socket backlog: {backlog}"
            ),
            Err(error) => tracing::debug!("The length of the backlog is not known: {error}"),
        }
        Some(INTERVAL)
    }
}

/// Clients that wait at all TCP sockets together; Linux does not tell for others.
fn backlog(py: Python<'_>, sockets: &Sockets) -> PyResult<u64> {
    let descriptors: Vec<_> = sockets
        .listeners()
        .filter_map(|listener| match listener.socket() {
            Socket::Tcp(socket) => Some(socket.as_raw_fd()),
            Socket::Unix(_) => None,
        })
        .collect();
    py.import("rgunicorn._backlog")?
        .call_method1("waiting", (descriptors,))?
        .extract()
}
