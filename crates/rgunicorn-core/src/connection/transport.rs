//! What an exchange asks of its connection.

use std::io;
use std::os::fd::OwnedFd;

use super::Connection;
use super::Turn;
use crate::error::Misuse;
use crate::exchange::Liveness;
use crate::exchange::Transport;
use crate::socket::Socket;
use crate::socket::Until;
use crate::state;
use crate::stream::Gate;

impl Transport for Connection {
    fn mark_ready(&self) {
        if self.turn.get() == Turn::Waiting {
            self.readiness.mark();
        }
    }

    fn mark_for_reading(&self) {
        // Even in the middle of a turn: its reading is over by now.
        self.readiness.mark();
    }

    fn flush_now(&self) -> usize {
        self.write();
        let exchange = self.exchange.borrow();
        exchange.as_ref().map_or(0, |_| self.output.borrow().len())
    }

    fn write_through(&self) {
        self.write_by(&mut Gate::Kernel);
    }

    fn begin_tunnel(&self) -> Result<(), Misuse> {
        self.tunnel()
    }

    fn is_draining(&self) -> bool {
        self.state.phase() != state::Phase::Serving
    }

    fn duplicate_socket(&self) -> io::Result<Socket> {
        let descriptor = self.stream.borrow().duplicate()?;
        Ok(Socket::new(descriptor, Until::Writable))
    }

    fn hand_over(&self) -> io::Result<OwnedFd> {
        if !self.input.borrow().unused().is_empty() {
            let problem = "the client has sent more than this request";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let socket = self.stream.borrow().hand_over()?;
        let exchange = self.exchange.borrow().clone();
        if let Some(exchange) = exchange {
            self.end_exchange(exchange, Liveness::Disconnected);
        }
        self.close();
        Ok(socket)
    }
}
