//! A worker of a WSGI application, called on the worker's own thread or on a
//! pool of threads.
//!
//! No asyncio: an application that runs a loop of its own must find none.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::signal::raise;
use pyo3::prelude::*;
use rgunicorn_core::app::App;
use rgunicorn_core::listen::Listener;
use rgunicorn_core::server::Server;
use rgunicorn_eventloop::drive;
use rgunicorn_eventloop::ground::Ground;
use rgunicorn_wsgi::app::Waiting;
use rgunicorn_wsgi::app::WsgiApp;
use rgunicorn_wsgi::pool::PooledApp;
use rgunicorn_wsgi::settings::Settings;
use tokio::runtime::LocalRuntime;
use tokio::task::JoinError;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Inherited;
use super::course::Course;
use super::course::Plan;
use super::course::show_life;
use super::leave;
use super::served::Calls;
use super::steering;
use crate::config::Config;
use crate::logging;

/// Serves until told to stop, one request at a time. Returns the worker's exit code.
pub(super) fn serve(
    py: Python<'_>,
    config: &Config,
    inherited: Inherited,
    app: &Bound<'_, PyAny>,
) -> PyResult<u8> {
    let (begun, listeners, settings) = begin(py, config, inherited)?;
    let course = &begun.course;
    let beat = course.seat.beat();
    let waiting = Waiting {
        // The worker does not hang while a call waits for its client.
        beat: Box::new(move || show_life(beat)),
        every: course.beat_interval(),
        patience: config.http.write_timeout,
    };
    let app = WsgiApp::new(app, &settings, waiting, Box::new(end_worker))?;
    let server = course.make_server(app, listeners)?;
    run(&begun, &server, |serving| {
        drive::run(py, &begun.runtime, serving)
    });
    Ok(course.exit_code())
}

/// The same on so many threads.
pub(super) fn serve_pooled(
    py: Python<'_>,
    config: &Config,
    inherited: Inherited,
    app: &Bound<'_, PyAny>,
) -> PyResult<u8> {
    let (begun, listeners, settings) = begin(py, config, inherited)?;
    let course = &begun.course;
    let app = PooledApp::new(app, &settings, config.threads, Arc::new(end_worker))?;
    let server = course.make_server(app, listeners)?;
    let delivered = Rc::clone(&server);
    let delivering = begun
        .runtime
        .spawn_local(async move { delivered.app().deliver().await });
    run(&begun, &server, |serving| {
        drive::run_detached(py, &begun.runtime, serving)
    });
    delivering.abort();
    server.app().close();
    let threads = server.app().threads();
    // Some may go on for clients that have left.
    let patience = match course.plan() {
        Plan::Serve => LAST_WORDS,
        Plan::Stop { deadline } => deadline.saturating_duration_since(Instant::now()),
    };
    let left = py.detach(|| threads.wait(patience.max(LAST_WORDS)));
    if left > 0 {
        // They would wake up in an interpreter that is being taken apart.
        tracing::warn!("{left} thread(s) still call the application: leaving without them.");
        leave(py, &course.hooks);
        py.import("os")?
            .call_method1("_exit", (course.exit_code(),))?;
    }
    Ok(course.exit_code())
}

/// A worker whose runtime has no event loop.
struct Begun {
    course: Rc<Course>,
    runtime: Rc<LocalRuntime>,
}

/// Such a worker, its listeners, and what its application is told.
fn begin(
    py: Python<'_>,
    config: &Config,
    inherited: Inherited,
) -> PyResult<(Begun, Vec<Listener>, Settings)> {
    let Inherited {
        listeners,
        seat,
        hooks,
    } = inherited;
    let runtime = Rc::new(drive::build()?);
    let ground = Ground::Runtime(Rc::clone(&runtime));
    let course = Course::new(config.clone(), seat, ground, hooks);
    steering::listen(&course)?;
    let settings = Settings {
        hooks: course.hooks.requests(py)?,
        ..settings(config)
    };
    Ok((Begun { course, runtime }, listeners, settings))
}

/// What a thread gets to come back from the application once its client was cut off.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Serves until the server has come to its end. `drive` runs the runtime until a task has.
fn run<A: App>(
    begun: &Begun,
    server: &Rc<Server<A>>,
    drive: impl FnOnce(JoinHandle<()>) -> Result<(), JoinError>,
) {
    let Begun { course, runtime } = begun;
    let served = Rc::clone(server);
    let serving = runtime.spawn_local(async move { served.run().await });
    let beating = runtime.spawn_local(beat(Rc::clone(course)));
    course.seat.ready();
    if drive(serving).is_err() {
        course.give_up_serving();
    }
    beating.abort();
}

/// The application wants its worker to end: as the master would say it.
fn end_worker() {
    // Fails only for a signal that does not exist.
    let _ = raise(Signal::SIGTERM);
}

/// What a WSGI application is told of its server.
pub(crate) fn settings(config: &Config) -> Settings {
    Settings {
        script_name: config.mount_point().unwrap_or_default(),
        multiprocess: config.workers > 1,
        multithread: config.threads > 1,
        sendfile: config.sendfile,
        header_map: config.header_map,
        forwarder_headers: config.forwarder_headers.clone(),
        trusted: config.http.proxy.trusted.clone(),
        errors: logging::write_raw,
        hooks: None,
    }
}

/// The heartbeat, between calls: one that takes longer than `timeout` ends its worker.
async fn beat(course: Rc<Course>) {
    loop {
        let next = course.beat();
        Python::attach(|py| {
            drive::tidy_up();
            if let Err(error) = py.check_signals() {
                tracing::error!("A signal handler of the application ended its worker: {error}");
                course.drain();
            }
        });
        sleep(next).await;
    }
}

impl Calls for WsgiApp {
    fn cancel(&self) {}

    fn look_after(&self, _config: &Config) {}
}

impl Calls for PooledApp {
    fn cancel(&self) {
        self.close();
    }

    fn look_after(&self, _config: &Config) {}
}
