//! What can go wrong for the master itself, sorted by who must change something.
//!
//! A worker that fails is no error here: it is an event, and the pool has rules for it.

use std::io;
use std::path::PathBuf;

/// Why the supervisor could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// Another master holds the pid file. Stop that one, or name another file.
    // gunicorn's text, capital letter included: people's monitoring matches it.
    #[error("Already running on PID {pid} (or pid file '{}' is stale)", path.display())]
    AlreadyRunning {
        /// The process the file names.
        pid: i32,
        /// The pid file.
        path: PathBuf,
    },
    /// The pid file cannot be read or written.
    #[error("cannot use the pid file '{}'", path.display())]
    Pidfile {
        /// The pid file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The environment says that this process inherits sockets, and says it wrongly.
    #[error("{variable} = '{value}' in the environment: {problem}")]
    Inheritance {
        /// The variable.
        variable: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        problem: &'static str,
    },
    /// The system refused something a master cannot work without.
    #[error("cannot {attempt}")]
    System {
        /// What was tried, as a verb phrase.
        attempt: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl SupervisorError {
    /// For `map_err`: names the attempt that failed.
    pub(crate) fn system<E: Into<io::Error>>(attempt: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::System {
            attempt,
            source: error.into(),
        }
    }
}
