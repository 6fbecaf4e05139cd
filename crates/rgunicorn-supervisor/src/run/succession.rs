//! How one master follows another (USR2, WINCH), and what a service manager is told of it.

use std::process;

use nix::unistd;
use nix::unistd::Pid;

use super::Master;
use crate::event::Ending;
use crate::event::Event;
use crate::host::Fork;
use crate::host::Host;
use crate::host::Others;
use crate::lineage::Lineage;
use crate::notify;
use crate::notify::Notice;
use crate::report;
use crate::signals;

impl Master {
    /// USR2: starts another master, which takes over the sockets while this one serves on.
    pub(super) fn upgrade(&mut self, host: &mut dyn Host) {
        let refusal = match self.pool.is_leaving() {
            true => Some("The server is stopping."),
            false => self.lineage.refusal(),
        };
        if let Some(reason) = refusal {
            tracing::warn!("USR2 signal ignored. {reason}");
            return;
        }
        // A signal to the child that still has these handlers would be taken for this process's.
        let forked = signals::block().and_then(|()| host.fork_master());
        match forked {
            Ok(Fork::Child) => {
                signals::reset();
                // It stays blocked where this fails, until the new master listens.
                let _ = signals::unblock();
                host.become_master()
            }
            Ok(Fork::Parent(pid)) => {
                let successor = Pid::from_raw(pid);
                self.lineage = Lineage::Before { successor };
                tracing::info!("Starting a new master with pid: {successor}");
            }
            Err(error) => tracing::error!("Cannot start a new master: {error}"),
        }
        if let Err(error) = signals::unblock() {
            tracing::error!("Cannot let signals through: {error}");
        }
    }

    /// WINCH. A terminal sends it whenever its window changes, so it counts only where none can,
    /// or where another master serves.
    pub(super) fn dismissal(&self) -> Event {
        if self.pool.is_daemon() || self.lineage.successor().is_some() {
            tracing::info!("graceful stop of workers");
            Event::Dismiss
        } else {
            tracing::debug!("SIGWINCH ignored. Not daemonized");
            Event::Tick
        }
    }

    /// A child that is no worker has ended.
    pub(super) fn lose(&mut self, child: Pid, ending: Ending) {
        if self.lineage.loses(child) {
            report::successor_end(child, ending);
        } else {
            tracing::debug!("Reaped process {child}, which is no worker.");
        }
    }

    /// Whether the master before this one has gone, so that all is this one's now.
    pub(super) fn look_for_predecessor(&mut self, host: &mut dyn Host) {
        if self.lineage.is_promoted(unistd::getppid()) {
            tracing::info!("Master has been promoted.");
            host.promoted();
            self.tell(Notice::Promoted { pid: process::id() });
        }
    }

    /// HUP: reads the settings anew.
    pub(super) fn reload(&mut self, host: &mut dyn Host) -> Event {
        tracing::info!("Hang up: {}", self.lineage.name());
        self.tell(notify::reloading());
        Event::Reload(host.reload())
    }

    /// A stop begins.
    pub(super) fn close(&mut self, host: &mut dyn Host) {
        let others = match self.lineage {
            Lineage::Alone => Others::None,
            Lineage::After { .. } | Lineage::Before { .. } => Others::Serve,
        };
        if others == Others::None {
            self.tell(Notice::Stopping);
        }
        host.stopping(others);
    }

    /// The last thing before the end. Said so late because the service manager takes the end of its main
    /// process for the end of the service, and asks that one for signs of life until then.
    pub(super) fn hand_over(&mut self) {
        if let Some(successor) = self.lineage.successor() {
            self.tell(Notice::Succeeded {
                by: successor.as_raw(),
            });
        }
    }

    /// Tells the service manager, which listens to one master only: the older.
    pub(super) fn tell(&self, notice: Notice) {
        if !matches!(self.lineage, Lineage::After { .. }) {
            self.notify.say(notice);
        }
    }
}
