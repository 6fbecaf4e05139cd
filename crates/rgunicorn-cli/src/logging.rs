//! Both logs of a process: the error log, which is where tracing events go, and the access log.
//!
//! One write(2) a line, no thread and no buffer for the error log, so that it can be used on both
//! sides of a fork and processes that share a file do not mix their lines. Syslog and statsd
//! hear of it by the way. Where Python's logging is asked for, lines go there instead
//! ([`python`]).

mod access;
mod event;
mod exchange;
mod line;
mod output;
mod python;
mod statsd;
mod syslog;

use std::env;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use pyo3::prelude::*;
use rgunicorn_core::access_log::AccessLog;
use rgunicorn_eventloop::ground::Ground;
use tracing::Metadata;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

use crate::config::Config;
use crate::config::LogLevel;
use crate::config::logging::Way;
use crate::failure::Failure;
use event::Audience;
use event::ErrorLog;
use event::Interests;
use event::Measures;
use event::Metric;
use event::Said;
use output::Output;
use statsd::Statsd;
use syslog::Kind;
use syslog::Syslog;

static LOG: Mutex<Log> = Mutex::new(Log {
    level: LogLevel::Info,
    output: Output::STANDARD_ERROR,
    way: Way::Direct,
    diagnostics: None,
    syslog: None,
    statsd: None,
});

/// Where this process logs to. One for the process, because tracing's subscriber is.
///
/// Never held while Python runs or is waited for.
struct Log {
    level: LogLevel,
    output: Output,
    way: Way,
    /// What `RUST_LOG` asks for on top of `level`.
    diagnostics: Option<Targets>,
    syslog: Option<Syslog>,
    statsd: Option<Statsd>,
}

/// Starts to log as `config` says, or changes to that. Changes nothing of ours if it fails; Python's
/// logging may be half configured then, so go back to what was before by another call.
pub(crate) fn set_up(py: Python<'_>, config: &Config) -> Result<(), Failure> {
    let path = config.error_log.as_path();
    let mut output = Output::open(path).map_err(cannot_open("errorlog", path))?;
    let mut warnings = Vec::new();
    let statsd = find_statsd(config, &mut warnings);
    let diagnostics = diagnostics(&mut warnings);
    let level = python::make(py, config)?;
    if config.logging.captures_output {
        flush_standard_streams(py);
        output.capture()?;
    }
    let way = config.logging.way.clone();
    // Python's logging has a handler of its own for syslog.
    let syslog = config.logging.syslog.clone().filter(|_| way == Way::Direct);
    *log() = Log {
        level,
        output,
        way,
        diagnostics,
        syslog: syslog.map(Syslog::new),
        statsd,
    };
    // Set once; a change of configuration only changes `LOG`, and who hears what.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(ErrorLog));
    tracing::callsite::rebuild_interest_cache();
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// Starts to log, unless this process does already: there is one error log for a process.
pub(crate) fn set_up_once(py: Python<'_>, config: &Config) -> Result<(), Failure> {
    if tracing::dispatcher::has_been_set() {
        return Ok(());
    }
    set_up(py, config)
}

/// A statsd that cannot be found is no reason not to serve.
fn find_statsd(config: &Config, warnings: &mut Vec<String>) -> Option<Statsd> {
    let settings = config.logging.statsd.clone()?;
    match Statsd::new(settings) {
        Ok(statsd) => Some(statsd),
        Err(error) => {
            warnings.push(format!(
                "statsd_host cannot be used, there are no metrics: {error}"
            ));
            None
        }
    }
}

/// Reads `RUST_LOG`, which adds to the log and takes nothing from it: it may be meant for another
/// program.
fn diagnostics(warnings: &mut Vec<String>) -> Option<Targets> {
    let text = env::var("RUST_LOG").ok().filter(|text| !text.is_empty())?;
    match text.parse() {
        Ok(targets) => Some(targets),
        Err(error) => {
            warnings.push(format!("RUST_LOG = '{text}' has no effect: {error}"));
            None
        }
    }
}

/// What Python holds back belongs before what comes next, and to where it was written.
fn flush_standard_streams(py: Python<'_>) {
    for stream in ["stdout", "stderr"] {
        let flush = || py.import("sys")?.getattr(stream)?.call_method0("flush");
        // A stream may be closed, or replaced by anything.
        let _ = flush();
    }
}

/// Opens log files anew, after they were moved away. Goes on with the old ones if that fails.
pub(crate) fn reopen() {
    python::reopen();
    let mut log = log();
    let Err(error) = log.output.reopen() else {
        return;
    };
    let path = log.output.path().map(Path::to_owned).unwrap_or_default();
    drop(log);
    let failure = cannot_open("errorlog", &path)(error);
    tracing::error!("{failure}");
}

/// The files that handlers of Python's `logging` have open.
pub(crate) fn files_of_handlers(py: Python<'_>) -> Vec<PathBuf> {
    python::files(py).unwrap_or_else(|error| {
        tracing::error!("Cannot tell which files Python's logging has open: {error}");
        Vec::new()
    })
}

/// Writes text of the application's to the error log, as it is.
pub(crate) fn write_raw(text: &str) {
    log().output.write(text.as_bytes());
}

/// Writes a line that Python code wants in the error log, at a level of Python's `logging`.
pub(crate) fn write_line(level: i32, message: &str) {
    write(python::of_python(level), message);
}

/// Writes an error to every log there is, but not to standard error, which was told already.
pub(crate) fn write_beside_standard_error(text: &str) {
    let mut log = log();
    if log.way != Way::Direct {
        drop(log);
        return python::say(LogLevel::Error, text.to_owned());
    }
    if !log.output.is_standard_error() {
        return log.write(LogLevel::Error, text);
    }
    if let Some(syslog) = &mut log.syslog {
        syslog.send(Kind::Error, LogLevel::Error, text);
    }
}

/// Whether whoever looks at standard error sees all that is logged.
pub(crate) fn is_standard_error() -> bool {
    let log = log();
    log.way == Way::Direct && log.output.is_standard_error()
}

/// Whether the log has taken the place of the standard streams (`capture_output`).
pub(crate) fn captures_output() -> bool {
    log().output.captures()
}

/// Gives standard error back, to what it was before the log took its place.
pub(crate) fn release_output(stderr: &OwnedFd) -> io::Result<()> {
    log().output.release(stderr)
}

/// Counts a line that Python code logs, for statsd, by the method that it called.
pub(crate) fn count_line(method: &str) {
    if let Some(statsd) = &mut log().statsd {
        statsd.count_line(method);
    }
}

/// Sends a number of Python code's to statsd.
pub(crate) fn send_metric(name: String, value: String, kind: String) {
    if let Some(statsd) = &mut log().statsd {
        statsd.send_metric(&Metric { name, value, kind });
    }
}

/// Opens the access log, if there is to be one. Every worker has its own.
pub(crate) fn open_access_log(config: &Config) -> Result<Option<AccessLog>, Failure> {
    let statsd = log().statsd.clone();
    access::open(config, statsd)
}

/// A worker begins to serve on `runtime`: from now on no code of others runs where something is
/// logged.
pub(crate) fn tell_later(ground: &Ground) {
    if !is_direct() {
        python::close_on_exec();
        python::tell_later(ground);
    }
}

/// A worker does not serve any more: what waits is logged, and the rest as it comes.
pub(crate) fn tell_at_once() {
    if !is_direct() {
        python::tell_at_once();
    }
}

fn is_direct() -> bool {
    log().way == Way::Direct
}

fn audience_of(event: &Metadata<'_>) -> Audience {
    log().interests().audience_of(event)
}

/// Takes in one event.
fn take(event: &Metadata<'_>, said: Said) {
    let level = event::severity(event);
    let mut log = log();
    if let Some(statsd) = &mut log.statsd {
        statsd.take(level, &said);
    }
    match log.interests().audience_of(event) {
        Audience::Everybody if log.way == Way::Direct => log.write(level, &said.text),
        Audience::Everybody => {
            drop(log);
            python::say(level, said.text);
        }
        Audience::Developers => log.write_diagnosis(level, event.target(), &said.text),
        Audience::Statistics | Audience::Nobody => {}
    }
}

/// Writes a line to the error log, whoever wants to read it.
fn write(level: LogLevel, text: &str) {
    log().write(level, text);
}

impl Log {
    fn interests(&self) -> Interests<'_> {
        Interests {
            level: self.level,
            diagnostics: self.diagnostics.as_ref(),
            measures: if self.statsd.is_some() {
                Measures::Yes
            } else {
                Measures::No
            },
        }
    }

    fn write(&mut self, level: LogLevel, text: &str) {
        self.output
            .write(line::line(level, text, self.output.ink).as_bytes());
        if let Some(syslog) = &mut self.syslog {
            syslog.send(Kind::Error, level, text);
        }
    }

    /// Says where in our code it comes from; that is of use to nobody else.
    fn write_diagnosis(&self, level: LogLevel, target: &str, text: &str) {
        let text = format!("{target}: {text}");
        self.output
            .write(line::line(level, &text, self.output.ink).as_bytes());
    }
}

fn cannot_open(setting: &str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    move |error| {
        Failure::Config(format!(
            "{setting} = '{}': cannot open the file: {error}",
            path.display()
        ))
    }
}

fn log() -> MutexGuard<'static, Log> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}
