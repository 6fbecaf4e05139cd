//! Why the server could not start, and how the user is told: one line, or their own traceback.

use std::error::Error;
use std::io;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;
use rgunicorn_supervisor::SupervisorError;

use crate::exit;
use crate::settings::Spec;

/// What keeps the command from serving.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line cannot be read, or asks for nothing but the help or the version.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The command line in the environment cannot be read.
    #[error("in GUNICORN_CMD_ARGS: {0}")]
    UsageInVariable(clap::Error),
    /// The configuration cannot be used.
    #[error("{0}")]
    Config(String),
    /// One setting has a value that it cannot have.
    #[error(transparent)]
    Value(#[from] WrongValue),
    /// The user's configuration file raised an error.
    #[error("failed to run the configuration file {file}")]
    UserCode {
        /// The file, as the user named it.
        file: String,
        /// The traceback, without our frames.
        traceback: String,
    },
    /// A hook of the user's raised an error.
    #[error("the hook {hook} failed")]
    Hook {
        /// The setting.
        hook: &'static str,
        /// The traceback, without our frames.
        traceback: String,
    },
    /// A hook of the user's ended the program with this exit code.
    #[error("a hook ended the program with {0}")]
    Ended(u8),
    /// An address cannot be bound, and the log says why.
    #[error("cannot listen")]
    Bind,
    /// The application cannot be loaded before the workers, and the log says why.
    #[error("cannot load the application: {reason}")]
    Load {
        /// In one line, or with the traceback.
        reason: String,
        /// What the process is to end with.
        code: u8,
    },
    /// The supervisor cannot work.
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
    /// The system refused something that never fails.
    #[error(transparent)]
    System(#[from] io::Error),
    /// Python failed where it has no reason to, or Ctrl-C was pressed.
    #[error("{0}")]
    Python(#[from] PyErr),
}

/// What the log is to say of a failure.
pub(crate) enum InLog {
    /// This.
    Yet(String),
    /// Nothing more: it was told.
    Already,
    /// Nothing: it is no trouble of the server's.
    Never,
}

/// A setting whose value is not allowed.
#[derive(Debug, thiserror::Error)]
#[error("{setting} = {value} (from {origin}): {problem}")]
pub(crate) struct WrongValue {
    pub(crate) setting: &'static str,
    /// As the user may have written it.
    pub(crate) value: String,
    pub(crate) origin: String,
    pub(crate) problem: String,
}

impl WrongValue {
    /// The same of a value that was given as a text.
    pub(crate) fn of_text(spec: &Spec, value: &str, origin: &str, problem: &str) -> Self {
        Self {
            setting: spec.name,
            value: format!("'{value}'"),
            origin: origin.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

impl Failure {
    /// What an exception that left a hook means.
    pub(crate) fn of_hook(py: Python<'_>, hook: &'static str, error: PyErr) -> Self {
        if is_interrupt(py, &error) {
            Self::Python(error)
        } else if error.is_instance_of::<PySystemExit>(py) {
            Self::Ended(exit::of_system_exit(py, &error))
        } else {
            let traceback = traceback_of(py, &error);
            Self::Hook { hook, traceback }
        }
    }

    /// Tells the user on standard error; returns the exit code.
    #[expect(
        clippy::print_stderr,
        reason = "the log may not exist yet, or be a file that nobody looks at"
    )]
    pub(crate) fn report(&self, py: Python<'_>) -> u8 {
        match self {
            Self::Usage(error) => say_usage(error),
            Self::UsageInVariable(error) => {
                eprintln!("in GUNICORN_CMD_ARGS:");
                say_usage(error);
            }
            Self::Ended(_) => {}
            Self::Python(error) if is_interrupt(py, error) => {}
            Self::Python(error) => error.print(py),
            Self::Hook { traceback, .. } | Self::UserCode { traceback, .. } => {
                eprintln!("{traceback}\n\nError: {self}");
            }
            failure => eprintln!("\nError: {}", with_causes(failure)),
        }
        self.exit_code(py)
    }

    /// What the process is to end with.
    pub(crate) fn exit_code(&self, py: Python<'_>) -> u8 {
        match self {
            Self::Usage(error) | Self::UsageInVariable(error) if error.use_stderr() => exit::USAGE,
            Self::Usage(_) | Self::UsageInVariable(_) => exit::OK,
            Self::Ended(code) | Self::Load { code, .. } => *code,
            Self::Python(error) if is_interrupt(py, error) => exit::INTERRUPTED,
            Self::Python(_) => exit::INTERNAL,
            _ => exit::CONFIG,
        }
    }

    /// What the log should say of it.
    pub(crate) fn in_log(&self, py: Python<'_>) -> InLog {
        match self {
            Self::Bind | Self::Load { .. } => InLog::Already,
            Self::Usage(_) | Self::UsageInVariable(_) | Self::Ended(_) => InLog::Never,
            Self::Python(error) if is_interrupt(py, error) => InLog::Never,
            _ => InLog::Yet(self.in_full(py)),
        }
    }

    /// All that is known, for the log.
    pub(crate) fn in_full(&self, py: Python<'_>) -> String {
        match self {
            Self::Hook { traceback, .. } => traceback.clone(),
            Self::UserCode { traceback, .. } => format!("{self}\n{traceback}"),
            Self::Python(error) => traceback_of(py, error),
            failure => with_causes(failure),
        }
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// clap words these itself: the help and the version on standard output, errors on standard error.
fn say_usage(error: &clap::Error) {
    // Nobody is left to be told when standard output or error is closed.
    let _ = error.print();
}

fn is_interrupt(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyKeyboardInterrupt>(py)
}

/// The traceback of an error in the user's code, without the frames of ours that led there.
pub(crate) fn traceback_of(py: Python<'_>, error: &PyErr) -> String {
    let rendered = py
        .import("rgunicorn._traceback")
        .and_then(|module| module.call_method1("render", (error.clone_ref(py).into_value(py),)))
        .and_then(|text| text.extract::<String>());
    rendered.unwrap_or_else(|_| error.to_string())
}
