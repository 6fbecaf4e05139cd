//! Serving: listeners and an application in, answered requests out.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;

use crate::accept::Acceptor;
use crate::access_log::AccessLog;
use crate::app::App;
use crate::listen::Listener;
use crate::settings::Settings;
use crate::state::State;
use crate::tls::Tls;
use crate::turn::SharedTurns;
use crate::turn::Turns;

/// One worker's HTTP server.
pub struct Server<A> {
    app: A,
    state: Rc<State>,
    turns: SharedTurns,
}

impl<A: App> Server<A> {
    /// A server that has not begun to accept.
    ///
    /// # Errors
    /// When a listener cannot be registered with the runtime.
    ///
    /// # Panics
    /// Outside the context of a tokio runtime.
    pub fn new(
        app: A,
        listeners: Vec<Listener>,
        settings: Settings,
        access_log: Option<AccessLog>,
    ) -> io::Result<Rc<Self>> {
        let state = Rc::new(State::new(settings, access_log));
        let acceptors = listeners
            .into_iter()
            .map(|listener| Acceptor::new(listener, state.tls.clone()))
            .collect::<io::Result<_>>()?;
        let turns = RefCell::new(Turns::new(Rc::clone(&state), acceptors));
        Ok(Rc::new(Self { app, state, turns }))
    }

    /// Serves until a drain has come to its end.
    pub async fn run(&self) {
        // The turn has budgets of its own; tokio's would make a poll return
        // without having registered, and a deadline never fire.
        let turns = poll_fn(|context| self.turns.borrow_mut().poll(&self.app, context));
        tokio::task::unconstrained(turns).await;
    }

    /// Waits until the application was called as often as
    /// [`Settings::enough_calls`] says.
    pub async fn used_enough(&self) {
        poll_fn(|context| self.state.usage.poll_enough(context)).await;
    }

    /// Stops accepting, after one last look at the backlog, and lets what
    /// began finish. Answers from now on end their connection.
    pub fn drain(&self) {
        self.state.begin_drain();
        self.turns.borrow().say_goodbye();
        self.state.ready.wake_turn();
    }

    /// Tells applications that their clients left, those from now on included,
    /// once they had the request's body: endless answers end, and may still
    /// say so. Returns how many exchanges there are; a second call does nothing.
    pub fn bid_farewell(&self) -> usize {
        if self.state.farewell.replace(true) {
            return 0;
        }
        self.turns.borrow().bid_farewell()
    }

    /// Drains without waiting for clients that ask nothing.
    pub fn stop(&self) {
        self.drain();
        self.turns.borrow_mut().close_idle();
    }

    /// Closes everything now.
    pub fn abort(&self) {
        self.drain();
        self.turns.borrow_mut().close_all();
    }

    /// How often the application was called.
    pub fn calls(&self) -> u64 {
        self.state.usage.calls()
    }

    /// How many clients are connected.
    pub fn connections(&self) -> usize {
        self.turns.borrow().connections()
    }

    /// Opens the access log anew, after its file was moved away.
    ///
    /// # Errors
    /// When the file cannot be opened; the old one stays in use.
    pub fn reopen_access_log(&self) -> io::Result<()> {
        self.state
            .access_log
            .borrow_mut()
            .as_mut()
            .map_or(Ok(()), AccessLog::reopen)
    }

    /// Secures new connections with `tls` from now on. Those that are there keep what they have.
    ///
    /// Does nothing where connections are not secured.
    pub fn replace_tls(&self, tls: Tls) {
        if let Some(endpoint) = &self.state.tls {
            endpoint.replace(tls);
        }
    }

    /// The application.
    pub fn app(&self) -> &A {
        &self.app
    }
}
