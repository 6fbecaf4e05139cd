//! How workers call the application, by the name of a worker class: ours,
//! gunicorn's, uvicorn's.

/// How workers call the application.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Interface {
    /// With scope, receive and send, on an event loop.
    Asgi,
    /// With environ and start_response, one request at a time.
    Wsgi,
    /// The same, on a pool of threads.
    PooledWsgi,
}

/// What a worker class stands for.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Kind {
    pub(crate) interface: Interface,
    /// Threads that call the application; more than were asked for where
    /// something else than threads did so many at once.
    pub(crate) threads: usize,
    /// What the operator should know.
    pub(crate) warning: Option<String>,
}

impl Kind {
    /// The kind of a worker class with so many threads.
    ///
    /// # Errors
    /// What is wrong with a class that nobody knows.
    pub(crate) fn of(class: &str, threads: usize) -> Result<Self, &'static str> {
        let kind = |interface| Self {
            interface,
            threads,
            warning: None,
        };
        let name = class.strip_prefix("egg:gunicorn#").unwrap_or(class);
        if ASGI_WORKERS.contains(&name) {
            Ok(kind(Interface::Asgi))
        } else if SYNC_WORKERS.contains(&name) {
            Ok(kind(Interface::wsgi(threads)))
        } else if GTHREAD_WORKERS.contains(&name) {
            Ok(kind(Interface::PooledWsgi))
        } else if UVICORN_WORKERS.contains(&name) {
            Ok(Self {
                warning: Some(instead(class, "rgunicorn's own asgi worker")),
                ..kind(Interface::Asgi)
            })
        } else if GREEN_WORKERS.contains(&name) {
            let threads = threads.max(GREEN_THREADS);
            let worker = format!("a gthread worker with {threads} threads (--threads)");
            Ok(Self {
                interface: Interface::PooledWsgi,
                threads,
                warning: Some(instead(class, &worker)),
            })
        } else {
            Err(
                "there is no such worker class; there are `sync` and `gthread` for WSGI \
                 applications, `asgi`, and `auto`, which looks at the application",
            )
        }
    }
}

fn instead(class: &str, worker: &str) -> String {
    format!("worker class {class}: served by {worker} instead")
}

impl Interface {
    /// That of a WSGI application which so many threads call.
    pub(crate) fn wsgi(threads: usize) -> Self {
        if threads > 1 {
            Self::PooledWsgi
        } else {
            Self::Wsgi
        }
    }

    /// What the log calls a worker of that kind.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Asgi => "asgi",
            Self::Wsgi => "sync",
            Self::PooledWsgi => "gthread",
        }
    }
}

/// Threads in the place of any number of greenlets.
const GREEN_THREADS: usize = 64;

const ASGI_WORKERS: [&str; 2] = ["asgi", "gunicorn.workers.gasgi.ASGIWorker"];
const SYNC_WORKERS: [&str; 2] = ["sync", "gunicorn.workers.sync.SyncWorker"];
const GTHREAD_WORKERS: [&str; 3] = [
    "gthread",
    "threadpool",
    "gunicorn.workers.gthread.ThreadWorker",
];
const GREEN_WORKERS: [&str; 12] = [
    "gevent",
    "gevent_wsgi",
    "gevent_pywsgi",
    "eventlet",
    "tornado",
    "meinheld",
    "gunicorn.workers.ggevent.GeventWorker",
    "gunicorn.workers.ggevent.GeventPyWSGIWorker",
    "gunicorn.workers.geventlet.EventletWorker",
    "gunicorn.workers.gtornado.TornadoWorker",
    "egg:meinheld#gunicorn_worker",
    "meinheld.gmeinheld.MeinheldWorker",
];
const UVICORN_WORKERS: [&str; 5] = [
    "uvicorn",
    "uvicorn.workers.UvicornWorker",
    "uvicorn.workers.UvicornH11Worker",
    "uvicorn_worker.UvicornWorker",
    "uvicorn_worker.UvicornH11Worker",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(class: &str, threads: usize, expected: (Interface, usize, bool)) {
        let kind = Kind::of(class, threads).unwrap();
        let found = (kind.interface, kind.threads, kind.warning.is_some());
        assert_eq!(found, expected, "{class}");
    }

    #[test]
    fn classes_are_known_by_all_their_names() {
        check("asgi", 1, (Interface::Asgi, 1, false));
        check("sync", 1, (Interface::Wsgi, 1, false));
        check("egg:gunicorn#sync", 1, (Interface::Wsgi, 1, false));
        check("sync", 2, (Interface::PooledWsgi, 2, false));
        check("gthread", 1, (Interface::PooledWsgi, 1, false));
        check(
            "uvicorn_worker.UvicornWorker",
            1,
            (Interface::Asgi, 1, true),
        );
        check("gevent", 1, (Interface::PooledWsgi, 64, true));
        check("eventlet", 100, (Interface::PooledWsgi, 100, true));
    }

    #[test]
    fn an_unknown_class_is_an_error() {
        assert!(Kind::of("sinc", 1).unwrap_err().contains("no such"));
    }
}
