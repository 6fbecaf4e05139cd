//! What the encrypted connections of one worker share.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::tls::Tls;

/// What the encrypted connections of one worker share.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(super) tls: RefCell<Tls>,
    pub(super) first: First,
    pub(super) workspace: RefCell<Workspace>,
}

/// What a connection begins with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum First {
    /// What a proxy says in the clear, perhaps.
    Preamble,
    /// The handshake.
    Hello,
}

/// Buffers for what goes on at the moment. Nothing is left in them.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    pub(super) received: Vec<u8>,
    pub(super) sealed: Vec<u8>,
}

impl Endpoint {
    pub(crate) fn new(tls: Tls, first: First) -> Rc<Self> {
        Rc::new(Self {
            tls: RefCell::new(tls),
            first,
            workspace: RefCell::default(),
        })
    }

    /// Secures new connections with `tls` from now on.
    pub(crate) fn replace(&self, tls: Tls) {
        self.tls.replace(tls);
    }

    /// How long a handshake may take.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.tls.borrow().handshake_timeout
    }
}
