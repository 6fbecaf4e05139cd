//! The server of a worker as its course steers it, whatever the applications are.

use rgunicorn_core::app::App;
use rgunicorn_core::server::Server;
use rgunicorn_core::tls::Tls;

use crate::config::Config;

/// The server of a worker, whatever its applications are.
pub(crate) trait Served {
    fn drain(&self);
    fn stop(&self);
    fn abort(&self);
    fn connections(&self) -> usize;
    fn calls(&self) -> u64;
    fn bid_farewell(&self) -> usize;
    fn reopen_access_log(&self) -> std::io::Result<()>;
    fn replace_tls(&self, tls: Tls);
    /// Cancels the calls that run.
    fn cancel(&self);
    /// What is to be done every now and then.
    fn look_after(&self, config: &Config);
}

/// What an application adds to how its server is steered.
pub(crate) trait Calls {
    /// Cancels the calls that run.
    fn cancel(&self);
    /// What is to be done every now and then.
    fn look_after(&self, config: &Config);
}

impl<A: App + Calls> Served for Server<A> {
    fn drain(&self) {
        self.drain();
    }

    fn stop(&self) {
        self.stop();
    }

    fn abort(&self) {
        self.abort();
    }

    fn connections(&self) -> usize {
        self.connections()
    }

    fn calls(&self) -> u64 {
        self.calls()
    }

    fn bid_farewell(&self) -> usize {
        self.bid_farewell()
    }

    fn reopen_access_log(&self) -> std::io::Result<()> {
        self.reopen_access_log()
    }

    fn replace_tls(&self, tls: Tls) {
        self.replace_tls(tls);
    }

    fn cancel(&self) {
        self.app().cancel();
    }

    fn look_after(&self, config: &Config) {
        self.app().look_after(config);
    }
}
