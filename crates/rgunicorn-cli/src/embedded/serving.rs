//! An embedded server, by what its application is.

use std::rc::Rc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyList;
use rgunicorn_asgi::app::AsgiApp;
use rgunicorn_core::app::App;
use rgunicorn_core::server::Server;
use rgunicorn_wsgi::pool::PooledApp;

use crate::worker::Certificates;
use crate::worker::Served;

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// The server of one kind of application or the other.
#[derive(Clone)]
pub(super) enum Serving {
    Asgi(Rc<Server<AsgiApp>>),
    Wsgi(Rc<Server<PooledApp>>),
}

impl Serving {
    pub(super) fn server(&self) -> &dyn Served {
        match self {
            Self::Asgi(server) => &**server,
            Self::Wsgi(server) => &**server,
        }
    }

    /// Serves until a drain has come to its end.
    pub(super) async fn run(&self) {
        match self {
            Self::Asgi(server) => server.run().await,
            Self::Wsgi(server) => server.run().await,
        }
    }

    /// Looks for new files of TLS, for as long as the loop goes round.
    pub(super) async fn watch_certificates(self, certificates: Certificates) {
        while certificates.are_there() {
            tokio::time::sleep(INTERVAL).await;
            certificates.look_after(self.server());
        }
    }

    /// Whether any call runs.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Asgi(server) => server.app().running() > 0,
            Self::Wsgi(server) => server.app().running() > 0,
        }
    }

    /// The requests' tasks that still run, where there are tasks.
    pub(super) fn tasks<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyList>> {
        match self {
            Self::Asgi(server) => Some(server.app().tasks(py)),
            Self::Wsgi(_) => None,
        }
    }

    /// Lets the threads of a WSGI application go. Returns how many have not.
    pub(super) fn threads_left(&self) -> usize {
        match self {
            Self::Asgi(_) => 0,
            Self::Wsgi(server) => {
                server.app().close();
                server.app().threads().wait(Duration::ZERO)
            }
        }
    }
}
