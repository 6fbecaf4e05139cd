//! One call of the application, from the request to the end of its answer, on
//! whatever thread it runs.

use std::rc::Rc;

use pyo3::exceptions::PyBrokenPipeError;
use pyo3::exceptions::PyStopIteration;
use pyo3::intern;
use pyo3::prelude::*;
use rgunicorn_core::spool::Spooled;
use rgunicorn_eventloop::task::ends_process;
use rgunicorn_eventloop::traceback::traceback;

use crate::asked::Asked;
use crate::environ::Environs;
use crate::environ::Unusable;
use crate::hooks::Hooks;
use crate::input::Input;
use crate::misdirected;
use crate::port::Port;
use crate::present::Present;
use crate::promptness::Promptness;
use crate::reply::Question;
use crate::reply::Reply;
use crate::respond::Files;
use crate::respond::close;
use crate::respond::respond;
use crate::settings::Settings;
use crate::source::Source;
use crate::starter::Starter;

/// A WSGI application, as one thread calls it.
pub(crate) struct Application {
    app: Py<PyAny>,
    environs: Environs,
    files: Files,
    /// What every request without a body reads.
    nothing: Py<Input>,
    present: Present,
    starter: Starter,
    promptness: Promptness,
    hooks: Option<Hooks>,
}

/// What a call means for its worker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub(crate) enum Outcome {
    /// It serves on.
    Served,
    /// The application wants it to end (`SystemExit`, `KeyboardInterrupt`).
    Exit,
}

impl Application {
    /// # Errors
    /// `MemoryError`.
    pub(crate) fn new(app: &Bound<'_, PyAny>, settings: &Settings) -> PyResult<Self> {
        let py = app.py();
        let present = Present::default();
        Ok(Self {
            app: app.clone().unbind(),
            environs: Environs::new(py, settings, &present)?,
            present,
            starter: Starter::default(),
            promptness: Promptness::default(),
            files: if settings.sendfile {
                Files::Sent
            } else {
                Files::Read
            },
            nothing: Py::new(py, Input::new(Source::Memory(None)))?,
            hooks: settings
                .hooks
                .as_ref()
                .map(|hooks| Hooks::new(py, hooks, settings))
                .transpose()?,
        })
    }

    /// Calls the application and sends what it returns.
    pub(crate) fn call(
        &self,
        py: Python<'_>,
        asked: &Asked<'_>,
        body: Option<Spooled>,
        port: Port,
    ) -> Outcome {
        let question = if asked.head.method() == "HEAD" {
            Question::Head
        } else {
            Question::Whole
        };
        let record = self.hooks.as_ref().map(|_| Box::default());
        let reply = Reply::new(port, question, record);
        let served = self.run(py, asked, &reply, body);
        let outcome = settle(py, asked, &reply, served);
        if let Some(hooks) = &self.hooks
            && let Err(error) = hooks.after(py, &reply)
        {
            tracing::error!("The hook post_request ended its worker: {error}");
            return Outcome::Exit;
        }
        outcome
    }

    fn run(
        &self,
        py: Python<'_>,
        asked: &Asked<'_>,
        reply: &Rc<Reply>,
        body: Option<Spooled>,
    ) -> Result<(), Unusable> {
        let environ = self.environs.build(py, asked)?;
        let input = match body {
            None => self.nothing.bind(py).clone(),
            Some(body) => Bound::new(py, Input::new(Source::new(body)))?,
        };
        environ.set_item(intern!(py, "wsgi.input"), input)?;
        if let (Some(hooks), Some(record)) = (&self.hooks, &reply.record) {
            hooks.before(asked, &environ, record)?;
        }
        let _entered = self.present.enter(reply);
        let starting = self.starter.begin(py, reply)?;
        let arguments = (environ, starting.start_response(py));
        let result = self.app.bind(py).call1(arguments)?;
        let responded = if reply.was_taken_over() {
            close(&result)
        } else {
            respond(reply, &result, self.files, &self.promptness)
        };
        drop(result);
        self.starter.end(py, starting)?;
        Ok(responded?)
    }
}

/// Ends a call whose application has spoken to its client itself. Libraries made
/// for gunicorn end it with `StopIteration`.
fn part(py: Python<'_>, served: Result<(), Unusable>, reply: &Reply, asked: &Asked<'_>) -> Outcome {
    let closed = reply.close_client_socket(py);
    let error = match served {
        Err(Unusable::Python(error)) if !error.is_instance_of::<PyStopIteration>(py) => error,
        _ => match closed {
            Ok(()) => return Outcome::Served,
            Err(error) => error,
        },
    };
    fail(py, &error, reply, asked)
}

/// Sees to it that the answer has an end.
fn settle(
    py: Python<'_>,
    asked: &Asked<'_>,
    reply: &Reply,
    served: Result<(), Unusable>,
) -> Outcome {
    if reply.was_taken_over() {
        return part(py, served, reply, asked);
    }
    if asked.head.protocol().is_some() {
        misdirected::report(asked.head);
    }
    match served {
        Ok(()) => Outcome::Served,
        Err(Unusable::Underscore(name)) => {
            refuse(py, asked, reply, &name);
            Outcome::Served
        }
        Err(Unusable::Python(error)) => fail(py, &error, reply, asked),
    }
}

fn refuse(py: Python<'_>, asked: &Asked<'_>, reply: &Reply, name: &str) {
    tracing::warn!(
        "Invalid request from ip={}: header name with an underscore: \"{name}\" (header_map)",
        asked.client_text
    );
    if reply
        .refuse(py, 400, b"header names with an underscore are refused\n")
        .is_err()
    {
        reply.port().abort();
    }
}

/// What an error means for the answer, the log and the worker.
fn fail(py: Python<'_>, error: &PyErr, reply: &Reply, asked: &Asked<'_>) -> Outcome {
    if reply.is_satisfied() {
        reply.finish(); // what was promised was kept
    } else {
        reply.port().abort();
    }
    if ends_process(py, error) {
        tracing::error!("The application ended its worker: {error}");
        return Outcome::Exit;
    }
    if reply.port().is_disconnected() && error.is_instance_of::<PyBrokenPipeError>(py) {
        tracing::debug!("Client disconnected before its response was complete.");
    } else {
        let head = asked.head;
        tracing::error!(
            "Error handling request {} {}\n{}",
            head.method(),
            head.target(),
            traceback(py, error)
        );
    }
    Outcome::Served
}
