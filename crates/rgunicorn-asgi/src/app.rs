//! The ASGI application as the core calls it.

use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::types::PyList;
use rgunicorn_core::app::App;
use rgunicorn_core::request::Request;
use rgunicorn_core::responder::Responder;
use rgunicorn_eventloop::awaitable::skip_stop_iteration;
use rgunicorn_eventloop::reactor::escape;
use rgunicorn_eventloop::task::Progress;
use rgunicorn_eventloop::task::TaskStarter;
use rgunicorn_eventloop::task::ends_process;
use rgunicorn_websocket::is_websocket;

use crate::call::Call;
use crate::call::CallContext;
use crate::call::Called;
use crate::callables::Http;
use crate::hooks::Hooks;
use crate::hooks::Record;
use crate::outcome;
use crate::outcome::Finished;
use crate::scope::Scopes;
use crate::settings::Settings;
use crate::settings::WebSocketSettings;
use crate::websocket;
use crate::websocket::Opening;
use crate::websocket::Rejected;
use crate::websocket::Socket;
use crate::websocket::WebSocket;

/// An ASGI 3 application on this worker's event loop.
pub struct AsgiApp {
    app: Py<PyAny>,
    scopes: Scopes,
    starter: TaskStarter,
    context: Rc<CallContext>,
    tasks: Py<PyDict>,
    hooks: Option<Hooks>,
    websocket: Option<Rc<WebSocketSettings>>,
}

impl AsgiApp {
    /// `context` is what every request's `contextvars` context is copied from;
    /// `state` is what the lifespan's startup left for requests.
    ///
    /// # Errors
    /// When asyncio cannot be imported.
    pub fn new(
        app: &Bound<'_, PyAny>,
        event_loop: &Bound<'_, PyAny>,
        context: &Bound<'_, PyAny>,
        settings: &Settings,
        state: Option<Py<PyDict>>,
    ) -> PyResult<Self> {
        let py = app.py();
        skip_stop_iteration(py);
        Ok(Self {
            app: py
                .import("rgunicorn._asyncio")?
                .call_method1("as_coroutine_function", (app,))?
                .unbind(),
            scopes: Scopes::new(py, settings, state)?,
            starter: TaskStarter::new(event_loop, context)?,
            context: Rc::new(CallContext::new(event_loop)?),
            websocket: settings.websocket.clone().map(Rc::new),
            tasks: PyDict::new(py).unbind(),
            hooks: settings
                .hooks
                .as_ref()
                .map(|hooks| Hooks::new(py, hooks))
                .transpose()?,
        })
    }

    /// The tasks that still run, those included whose response is complete.
    pub fn tasks<'py>(&self, py: Python<'py>) -> Bound<'py, PyList> {
        self.tasks.bind(py).keys()
    }

    /// Cancels applications that for as long as `grace` have been answering a
    /// client that is gone. To be called every now and then.
    ///
    /// # Errors
    /// When a task cannot be cancelled.
    pub fn cancel_abandoned(&self, py: Python<'_>, grace: Duration) -> PyResult<()> {
        let now = Instant::now();
        for task in self.tasks(py) {
            let finished = self.tasks.bind(py).get_item(&task)?;
            let Some(finished) = finished else { continue };
            if finished
                .cast::<Finished>()?
                .get()
                .call()?
                .becomes_abandoned(now, grace)
            {
                task.call_method0(intern!(py, "cancel"))?;
            }
        }
        Ok(())
    }

    fn call_for_response(&self, py: Python<'_>, request: &Request<'_>, responder: Responder) {
        let hooks = self.record(py, request);
        let call = Call::new(responder, Rc::clone(&self.context), hooks);
        let Err(error) = self.start_for_response(py, request, &call) else {
            return;
        };
        call.responder.end_connection();
        call.responder.abort();
        if ends_process(py, &error) {
            escape(py, error);
        } else {
            outcome::log_exception(py, &error);
        }
        call.end(py);
    }

    fn start_for_response(
        &self,
        py: Python<'_>,
        request: &Request<'_>,
        call: &Rc<Call>,
    ) -> PyResult<()> {
        let scope = self.scopes.build(py, request)?;
        call.begin(py)?;
        let callables = Bound::new(py, Http::new(Rc::clone(call)))?;
        let called: Rc<dyn Called> = Rc::<Call>::clone(call);
        self.start(scope, callables.as_any(), called)
    }

    /// Calls the application for a WebSocket, if this is a request for one. Gives the responder back
    /// if it is not.
    fn call_for_websocket(
        &self,
        py: Python<'_>,
        request: &Request<'_>,
        responder: Responder,
    ) -> Option<Responder> {
        let Some(settings) = &self.websocket else {
            return Some(responder);
        };
        let handshake = match Opening::of(request.head) {
            Opening::None => return Some(responder),
            Opening::Refused(rejected) => {
                rejected.answer(&responder);
                return None;
            }
            Opening::Asked(_) if responder.is_draining() => {
                Rejected::Draining.answer(&responder);
                return None;
            }
            Opening::Asked(handshake) => handshake,
        };
        let scope = self.scopes.build_websocket(py, request, &handshake);
        let (context, settings) = (Rc::clone(&self.context), Rc::clone(settings));
        let hooks = self.record(py, request);
        let socket = Socket::new(responder, context, settings, hooks, handshake);
        if let Err(error) = scope.and_then(|scope| self.start_websocket(scope, &socket)) {
            socket.break_off(py, error);
        }
        None
    }

    fn start_websocket(&self, scope: Bound<'_, PyDict>, socket: &Rc<Socket>) -> PyResult<()> {
        let py = scope.py();
        socket.begin(py)?;
        let callables = Bound::new(py, WebSocket::new(Rc::clone(socket)))?;
        self.start(scope, callables.as_any(), websocket::called(socket))
    }

    fn record(&self, py: Python<'_>, request: &Request<'_>) -> Option<Record> {
        // What Python has no memory for is not called.
        let hooks = self.hooks.as_ref();
        hooks.and_then(|hooks| hooks.record(py, request).ok())
    }

    /// Calls the application, and lets it run to its first wait.
    fn start(
        &self,
        scope: Bound<'_, PyDict>,
        callables: &Bound<'_, PyAny>,
        call: Rc<dyn Called>,
    ) -> PyResult<()> {
        let py = scope.py();
        let receive = callables.getattr(intern!(py, "receive"))?;
        let send = callables.getattr(intern!(py, "send"))?;
        let coroutine = self.app.bind(py).call1((scope, receive, send))?;
        let (task, progress) = self.starter.start(&coroutine)?;
        if progress == Progress::Ended {
            return call.settle(&task);
        }
        let finished = Finished::new(call, self.tasks.clone_ref(py));
        let finished = Bound::new(py, finished)?;
        self.tasks.bind(py).set_item(&task, &finished)?;
        task.call_method1(intern!(py, "add_done_callback"), (finished,))?;
        Ok(())
    }
}

impl App for AsgiApp {
    fn call(&self, request: Request<'_>, responder: Responder) {
        Python::attach(|py| {
            let responder = match request.head.protocol() {
                None => Some(responder),
                Some(_) => self.call_for_websocket(py, &request, responder),
            };
            if let Some(responder) = responder {
                self.call_for_response(py, &request, responder);
            }
        });
    }

    fn speaks(&self, protocol: &[u8]) -> bool {
        self.websocket.is_some() && is_websocket(protocol)
    }

    fn running(&self) -> usize {
        Python::attach(|py| self.tasks.bind(py).len())
    }
}
