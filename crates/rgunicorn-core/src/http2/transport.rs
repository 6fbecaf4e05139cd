//! What an exchange asks of its lane.

use std::io;
use std::os::fd::OwnedFd;
use std::task::Context;

use super::Http2;
use super::Turn;
use super::lane::Lane;
use super::write::ROUNDS;
use crate::error::Misuse;
use crate::exchange::Transport;
use crate::socket::Socket;
use crate::socket::Until;
use crate::state;
use crate::stream::Gate;

impl Transport for Lane {
    fn mark_ready(&self) {
        self.readiness.mark();
        if let Some(connection) = self.connection.upgrade() {
            connection.wake();
        }
    }

    fn mark_for_reading(&self) {
        self.mark_ready();
    }

    fn flush_now(&self) -> usize {
        let Some(connection) = self.connection.upgrade() else {
            return 0;
        };
        connection.flush_lane(self)
    }

    fn write_through(&self) {
        self.readiness.mark();
        if let Some(connection) = self.connection.upgrade() {
            connection.write_through();
        }
    }

    fn begin_tunnel(&self) -> Result<(), Misuse> {
        self.tunnel()
    }

    fn is_draining(&self) -> bool {
        let connection = self.connection.upgrade();
        connection.is_none_or(|it| it.state.phase() != state::Phase::Serving)
    }

    fn duplicate_socket(&self) -> io::Result<Socket> {
        let connection = self.connection.upgrade();
        let connection = connection.ok_or(io::ErrorKind::NotConnected)?;
        let descriptor = connection.pipe.stream().borrow().duplicate()?;
        let until = if connection.pipe.is_blocked() {
            Until::Writable
        } else {
            Until::Readable // its window is shut
        };
        Ok(Socket::new(descriptor, until))
    }

    /// Others have their streams on the same connection.
    fn hand_over(&self) -> io::Result<OwnedFd> {
        let problem = "an HTTP/2 connection is not one request's alone";
        Err(io::Error::new(io::ErrorKind::Unsupported, problem))
    }
}

impl Http2 {
    /// Something happened to a lane outside of the connection's turn.
    pub(super) fn wake(&self) {
        if self.turn.get() == Turn::Waiting {
            self.readiness.mark();
        }
    }

    /// Takes what the client said while the runtime stands still, that it has room again or that it
    /// left, and writes what the kernel takes. Of all lanes: those that had room would keep it.
    fn write_through(&self) {
        self.pipe
            .fill_now(&self.state, &mut self.frames.borrow_mut());
        self.write_by(&mut Gate::Kernel);
        self.wake();
    }

    /// Writes what it can of one lane's answer. Returns how much is left.
    fn flush_lane(&self, lane: &Lane) -> usize {
        let mut context = Context::from_waker(self.readiness.waker());
        let gate = &mut Gate::Runtime(&mut context);
        for _ in 0..ROUNDS {
            if !self.pipe.is_blocked() {
                lane.readiness.begin();
                self.write_lane(lane);
            }
            self.push_out(gate);
            // Only if h2 has room again, which is not so where the client's window is shut.
            if self.pipe.is_blocked() || !lane.readiness.is_marked() {
                break;
            }
        }
        let Some(exchange) = lane.exchange() else {
            return 0;
        };
        let waiting = exchange.outbound.borrow().body.len();
        if !self.pipe.is_blocked() {
            return waiting;
        }
        lane.readiness.mark(); // goes on once the socket takes more
        waiting + self.pipe.backlog()
    }
}
