//! Takes new files of TLS into use, while a server goes on.

use std::cell::RefCell;
use std::io::ErrorKind;

use rgunicorn_core::tls::Problem;
use rgunicorn_core::tls::Tls;
use rgunicorn_core::tls::TlsError;
use rgunicorn_core::tls::TlsSettings;
use rgunicorn_core::tls::Watch;

use super::served::Served;
use crate::config::Config;

/// The files of one server.
pub(crate) struct Certificates(RefCell<Option<Watch>>);

impl Certificates {
    /// Those that the configuration was read from.
    pub(crate) fn new(config: &Config) -> Self {
        let watch = |(settings, tls): (&TlsSettings, &Tls)| Watch::new(settings.clone(), tls);
        let parts = config.tls.as_ref().zip(config.http.tls.as_ref());
        Self(RefCell::new(parts.map(watch)))
    }

    /// Whether there are any to look after.
    pub(crate) fn are_there(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Gives the server what is new since the last look. What cannot be used is logged once, and
    /// the old stays.
    pub(crate) fn look_after(&self, server: &dyn Served) {
        let mut watch = self.0.borrow_mut();
        let Some(watch) = &mut *watch else {
            return;
        };
        match watch.look() {
            Ok(None) => {}
            Ok(Some(tls)) => {
                tracing::info!("Took the new certificates into use.");
                server.replace_tls(tls);
            }
            Err(error) => {
                let hint = hint(&error);
                tracing::error!("The old certificates stay in use: {error}{hint}");
            }
        }
    }
}

/// Workers may have less rights than the master who read the files first.
fn hint(error: &TlsError) -> &'static str {
    match &error.problem {
        Problem::Unreadable(reason) if reason.kind() == ErrorKind::PermissionDenied => {
            ". HUP lets the master read them."
        }
        _ => "",
    }
}
