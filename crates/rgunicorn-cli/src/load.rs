//! The application: from `MODULE[:NAME]` or a Paste file to a callable and how to call it, or to
//! the reason why not.

use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;

use crate::config::Config;
use crate::config::application::Maker;
use crate::exit;
use crate::failure;
use crate::interface::Interface;
use crate::objects::APP;

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
        /// What was raised.
        error: PyErr,
    },
    /// The worker cannot become who it is to run as.
    #[error("Cannot become the user and group of the workers: {0}")]
    Owner(String),
    /// A hook of the user's ended the process.
    #[error("a hook ended the worker with {0}")]
    Ended(u8),
}

/// An application, and how it is called.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) app: Py<PyAny>,
    pub(crate) interface: Interface,
    /// What is logged of how it is called.
    pub(crate) worker: String,
}

/// Imports the application that the configuration names.
pub(crate) fn load_app(py: Python<'_>, config: &Config) -> Result<Loaded, LoadError> {
    load(py, config).map_err(|error| LoadError::from_python(py, &error))
}

fn load(py: Python<'_>, config: &Config) -> PyResult<Loaded> {
    if config.app.spew {
        py.import("rgunicorn._spew")?.call_method0("begin")?;
    }
    let module = py.import("rgunicorn._import")?;
    let found = find(py, config)?;
    let target = &config.app.target;
    let interface = match config.interface {
        Some(interface) => interface,
        None if module.call_method1("speaks_asgi", (&found,))?.is_truthy()? => Interface::Asgi,
        None => Interface::wsgi(config.threads),
    };
    let app = match interface {
        Interface::Asgi => module.call_method1("as_asgi", (found, target))?,
        Interface::Wsgi => module.call_method1("as_wsgi", (found, target))?,
        Interface::PooledWsgi => {
            let app = module.call_method1("as_wsgi", (found, target))?;
            if config.app.spew {
                let spew = py.import("rgunicorn._spew")?;
                spew.call_method1("on_any_thread", (app,))?
            } else {
                app
            }
        }
    };
    // gunicorn would have taken `sync` too.
    let detected = config.interface.is_none() && interface != Interface::Wsgi;
    let how = if detected { " (detected)" } else { "" };
    Ok(Loaded {
        app: app.unbind(),
        interface,
        worker: format!("{}{how}", interface.name()),
    })
}

fn find<'py>(py: Python<'py>, config: &Config) -> PyResult<Bound<'py, PyAny>> {
    if let Some(load) = config.objects.get(py, APP) {
        return load.call0();
    }
    let target = &config.app.target;
    let module = || py.import("rgunicorn._import");
    match &config.app.made_by {
        Maker::Module => module()?.call_method1("load", (target,)),
        Maker::Factory => module()?.call_method1("load", (target, true)),
        Maker::Paste(variables) => {
            let paste = py.import("rgunicorn._paste")?;
            paste.call_method1("load", (target, variables.clone()))
        }
    }
}

impl LoadError {
    /// What keeps a worker from becoming who it is to run as.
    pub(crate) fn owner(error: impl std::error::Error) -> Self {
        Self::Owner(error.to_string())
    }

    /// What an exception means that left a hook before there was an application.
    pub(crate) fn of_hook(py: Python<'_>, error: &PyErr) -> Self {
        if error.is_instance_of::<PySystemExit>(py) {
            return Self::Ended(exit::of_system_exit(py, error));
        }
        Self::Raised {
            traceback: failure::traceback_of(py, error),
            error: error.clone_ref(py),
        }
    }

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
                error: error.clone_ref(py),
            }
        }
    }

    /// What the user's code raised, if it did.
    pub(crate) fn raised(&self) -> Option<&PyErr> {
        match self {
            Self::Raised { error, .. } => Some(error),
            Self::Missing(_) | Self::Unusable(_) | Self::Owner(_) | Self::Ended(_) => None,
        }
    }

    /// What the process should end with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Missing(_) | Self::Owner(_) | Self::Raised { .. } => exit::WORKER_BOOT,
            Self::Unusable(_) => exit::APP_LOAD,
            Self::Ended(code) => *code,
        }
    }

    /// Tells the operator, in the error log.
    pub(crate) fn report(&self) {
        tracing::error!("{self}");
    }
}
