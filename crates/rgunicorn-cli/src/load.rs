//! The application: from `MODULE[:NAME]` to a callable, or to the reason why not.

use pyo3::prelude::*;

use crate::config::Config;
use crate::exit;
use crate::failure;
use crate::interface::Interface;

/// Why there is no application to serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The module does not exist.
    #[error("{0}")]
    Missing(String),
    /// The module holds no application under that name.
    #[error("{0}")]
    Unusable(String),
    /// The user's module or factory raised an error.
    #[error("Exception in worker process\n{traceback}")]
    Raised {
        /// The traceback, without our frames.
        traceback: String,
    },
}

/// Imports the application that the configuration names.
pub(crate) fn load_app(py: Python<'_>, config: &Config) -> Result<Py<PyAny>, LoadError> {
    let load = || {
        let module = py.import("rgunicorn._import")?;
        let found = module.call_method1("load", (&config.app,))?;
        match config.interface {
            Interface::Asgi => module.call_method1("as_asgi", (found, &config.app)),
            Interface::Wsgi | Interface::PooledWsgi => {
                module.call_method1("as_wsgi", (found, &config.app))
            }
        }
    };
    load()
        .map(Bound::unbind)
        .map_err(|error| LoadError::from_python(py, &error))
}

impl LoadError {
    fn from_python(py: Python<'_>, error: &PyErr) -> Self {
        let is = |name: &str| -> PyResult<bool> {
            let class = py.import("rgunicorn._import")?.getattr(name)?;
            error.value(py).is_instance(&class)
        };
        let message = || error.value(py).to_string();
        if is("TargetMissing").unwrap_or(false) {
            Self::Missing(message())
        } else if is("TargetUnusable").unwrap_or(false) {
            Self::Unusable(message())
        } else {
            Self::Raised {
                traceback: failure::traceback_of(py, error),
            }
        }
    }

    /// What the process should end with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Missing(_) | Self::Raised { .. } => exit::WORKER_BOOT,
            Self::Unusable(_) => exit::APP_LOAD,
        }
    }

    /// Tells the operator, in the error log.
    pub(crate) fn report(&self) {
        tracing::error!("{self}");
    }
}
