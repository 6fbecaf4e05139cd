//! What wakes the one who looks for changed files: the kernel's inotify, or the clock.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::EventKind;
use notify::RecommendedWatcher;
use notify::RecursiveMode;
use notify::Watcher;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio::time::timeout_at;

use crate::config::Engine;

/// Why the kernel cannot watch.
#[derive(Debug, thiserror::Error)]
#[error("reload_engine = 'inotify': {0}")]
pub(super) struct AlarmError(#[from] notify::Error);

/// Rings when it is time to look.
pub(super) struct Alarm {
    engine: Engine,
    kernel: Option<Kernel>,
}

/// The kernel's watches.
struct Kernel {
    watcher: RecommendedWatcher,
    bell: Arc<Notify>,
    /// The directories, each with the inode that it had.
    watched: BTreeMap<PathBuf, u64>,
}

impl Alarm {
    /// # Errors
    /// When only the kernel will do, and it has no more watches.
    pub(super) fn new(engine: Engine) -> Result<Self, AlarmError> {
        let kernel = match engine {
            Engine::Poll => None,
            Engine::Inotify => Some(Kernel::new()?),
            Engine::Auto => Kernel::new().inspect_err(fall_back).ok(),
        };
        Ok(Self { engine, kernel })
    }

    /// Rings for these directories, and for no other. Reports whether there is
    /// a new one among them.
    ///
    /// # Errors
    /// As [`Alarm::new`].
    pub(super) fn watch(
        &mut self,
        directories: BTreeMap<PathBuf, u64>,
    ) -> Result<bool, AlarmError> {
        let Some(kernel) = &mut self.kernel else {
            return Ok(false);
        };
        match kernel.watch(directories) {
            Ok(new) => Ok(new),
            Err(error) if self.engine == Engine::Auto => {
                fall_back(&error);
                self.kernel = None;
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until it rings, and then until nothing has happened for a moment:
    /// several changes at once are one. Gives up after `limit`.
    pub(super) async fn rings_within(&mut self, limit: Duration) -> bool {
        let Some(kernel) = &self.kernel else {
            sleep(POLL).await;
            return true;
        };
        if timeout(limit, kernel.bell.notified()).await.is_err() {
            return false;
        }
        let latest = Instant::now() + UNREST;
        loop {
            let quiet = latest.min(Instant::now() + QUIET);
            if timeout_at(quiet, kernel.bell.notified()).await.is_err() {
                return true;
            }
        }
    }
}

impl Kernel {
    fn new() -> notify::Result<Self> {
        let bell = Arc::new(Notify::new());
        let rope = Arc::clone(&bell);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Looking at files is an event too, which must not lead to another look.
            if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                rope.notify_one();
            }
        })?;
        Ok(Self {
            watcher,
            bell,
            watched: BTreeMap::new(),
        })
    }

    fn watch(&mut self, directories: BTreeMap<PathBuf, u64>) -> notify::Result<bool> {
        for (directory, inode) in &self.watched {
            if directories.get(directory) != Some(inode) {
                // Fails where the directory is gone, and the watch with it.
                let _ = self.watcher.unwatch(directory);
            }
        }
        let mut new = false;
        let mut watched = BTreeMap::new();
        for (directory, inode) in directories {
            if self.watched.get(&directory) != Some(&inode) {
                match self.watcher.watch(&directory, RecursiveMode::NonRecursive) {
                    Ok(()) => new = true,
                    Err(error) if is_gone(&error) => continue,
                    Err(error) => return Err(error),
                }
            }
            watched.insert(directory, inode);
        }
        self.watched = watched;
        Ok(new)
    }
}

/// Whether a directory cannot be watched because it is not there, or not for us.
fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => matches!(
            error.kind(),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied
        ),
        _ => false,
    }
}

fn fall_back(error: &notify::Error) {
    tracing::warn!("inotify cannot be used, so files are looked at every second: {error}");
}

/// How often files are looked at without the kernel's help.
const POLL: Duration = Duration::from_secs(1);
/// How long nothing must happen for a change to be over.
const QUIET: Duration = Duration::from_millis(100);
/// How long a change is waited for that does not come to an end.
const UNREST: Duration = Duration::from_secs(1);
