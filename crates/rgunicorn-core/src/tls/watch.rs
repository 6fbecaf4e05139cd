//! Notices that the files of TLS were replaced.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Tls;
use super::TlsError;
use super::TlsSettings;

/// Looks at the files every now and then.
#[derive(Debug)]
pub struct Watch {
    settings: TlsSettings,
    seen: Vec<Stamp>,
}

/// What changes when a file does; nothing where there is none.
pub(super) type Stamp = Option<(u64, u64, i64, i64)>;

impl Watch {
    /// Waits for other files than `tls` was read from.
    #[must_use]
    pub fn new(settings: TlsSettings, tls: &Tls) -> Self {
        Self {
            seen: tls.stamps.to_vec(),
            settings,
        }
    }

    /// What became of the files since the last look: nothing, or new ones.
    ///
    /// # Errors
    /// When the new ones cannot be used. Says so once for each change.
    pub fn look(&mut self) -> Result<Option<Tls>, TlsError> {
        let now = stamps(&self.settings);
        if now == self.seen {
            return Ok(None);
        }
        self.seen = now;
        let tls = Tls::load(&self.settings)?;
        self.seen = tls.stamps.to_vec();
        Ok(Some(tls))
    }
}

pub(super) fn stamps(settings: &TlsSettings) -> Vec<Stamp> {
    settings.files().map(|path| stamp(path)).collect()
}

/// Follows links: that is how certificates are replaced in containers.
fn stamp(path: &Path) -> Stamp {
    let about = fs::metadata(path).ok()?;
    Some((about.ino(), about.size(), about.mtime(), about.mtime_nsec()))
}
