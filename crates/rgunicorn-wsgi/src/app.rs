//! The WSGI application as the core calls it, on the worker's own thread: one
//! request at a time.

use std::rc::Rc;

use pyo3::prelude::*;
use rgunicorn_core::app::App;
use rgunicorn_core::app::Bodies;
use rgunicorn_core::proxy::Trusted;
use rgunicorn_core::request::Request;
use rgunicorn_core::responder::Responder;

use crate::application::Application;
use crate::application::Outcome;
use crate::asked::Asked;
use crate::inline::Inline;
use crate::port::Port;
use crate::settings::Settings;

pub use crate::inline::Waiting;

/// A WSGI application that is called with one request at a time.
pub struct WsgiApp {
    application: Application,
    trusted: Trusted,
    on_exit: Box<dyn Fn()>,
    waiting: Rc<Waiting>,
}

impl WsgiApp {
    /// `on_exit` is called when the application raises `SystemExit` or
    /// `KeyboardInterrupt`, which end its worker.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn new(
        app: &Bound<'_, PyAny>,
        settings: &Settings,
        waiting: Waiting,
        on_exit: Box<dyn Fn()>,
    ) -> PyResult<Self> {
        Ok(Self {
            application: Application::new(app, settings)?,
            trusted: settings.trusted.clone(),
            waiting: Rc::new(waiting),
            on_exit,
        })
    }
}

impl App for WsgiApp {
    fn call(&self, request: Request<'_>, responder: Responder) {
        let outcome = Python::attach(|py| {
            let body = responder.take_body();
            let port = Port::Inline(Inline::new(responder, Rc::clone(&self.waiting)));
            self.application
                .call(py, &Asked::here(&request, &self.trusted), body, port)
        });
        if outcome == Outcome::Exit {
            (self.on_exit)();
        }
    }

    fn bodies(&self) -> Bodies {
        Bodies::Whole
    }

    fn running(&self) -> usize {
        0 // a call has returned before the next one is thought of
    }
}
