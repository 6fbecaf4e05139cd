//! The error log: tracing events, printed in gunicorn's line format. And who opens the access log.
//!
//! One write(2) a line, no thread and no buffer, so that it can be used on both sides of a fork
//! and processes that share a file do not mix their lines. An event with the field
//! `critical = true` is printed as CRITICAL, which tracing has no level for.

use std::fmt;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use jiff::Zoned;
use rgunicorn_core::access_log::AccessFormat;
use rgunicorn_core::access_log::AccessLog;
use tracing::Event;
use tracing::Level;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::FormatEvent;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use crate::config::Config;
use crate::config::LogLevel;
use crate::failure::Failure;

/// The field that turns an ERROR into a CRITICAL.
const CRITICAL: &str = "critical";

/// What `errorlog` and `accesslog` call the standard streams.
const STANDARD: &str = "-";

static LOG: Mutex<Log> = Mutex::new(Log {
    level: LogLevel::Info,
    file: None,
});

/// Where this process logs to. One for the process, because tracing's subscriber is.
struct Log {
    level: LogLevel,
    /// Where the file is, and the file; none is standard error.
    file: Option<(PathBuf, File)>,
}

/// Starts to log as `config` says, or changes to that.
pub(crate) fn set_up(config: &Config) -> Result<(), Failure> {
    let file = match config.error_log.as_path() {
        path if path == Path::new(STANDARD) => None,
        path => Some((
            path.to_owned(),
            open(path).map_err(cannot_open("errorlog", path))?,
        )),
    };
    *log() = Log {
        level: config.log_level,
        file,
    };
    let lines = tracing_subscriber::fmt::layer()
        .event_format(LineFormat)
        .with_writer(|| Line)
        .log_internal_errors(false);
    let subscriber = tracing_subscriber::registry()
        .with(lines.with_filter(dynamic_filter_fn(|event, _| is_wanted(event))));
    // Set once; a change of configuration only changes `LOG`.
    let _ = tracing::subscriber::set_global_default(subscriber);
    tracing::callsite::rebuild_interest_cache();
    Ok(())
}

/// Opens the error log's file anew, after it was moved away. Goes on with the old one if that fails.
pub(crate) fn reopen() {
    let mut log = log();
    let Some((path, file)) = &mut log.file else {
        return;
    };
    match open(path) {
        Ok(new) => *file = new,
        Err(error) => {
            let failure = cannot_open("errorlog", path)(error);
            drop(log);
            tracing::error!("{failure}");
        }
    }
}

/// Writes text of the application's to the error log, as it is.
pub(crate) fn write_raw(text: &str) {
    // Nobody is left to be told where the log cannot be written.
    let _ = Line.write_all(text.as_bytes());
}

/// Opens the access log, if there is to be one. Every worker has its own.
pub(crate) fn open_access_log(config: &Config) -> Result<Option<AccessLog>, Failure> {
    let Some(path) = &config.access_log else {
        return Ok(None);
    };
    let format = AccessFormat::parse(&config.access_log_format)
        .map_err(|error| Failure::Config(error.to_string()))?;
    AccessLog::open(path, format)
        .map(Some)
        .map_err(cannot_open("accesslog", path))
}

fn cannot_open(setting: &str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    move |error| {
        Failure::Config(format!(
            "{setting} = '{}': cannot open the file: {error}",
            path.display()
        ))
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn log() -> MutexGuard<'static, Log> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an event is logged. Libraries are heard from warnings on.
fn is_wanted(event: &Metadata<'_>) -> bool {
    let own = event.target().starts_with("rgunicorn") || event.target().starts_with("_rgunicorn");
    let severity = severity(event);
    severity as u8 >= log().level as u8 && (own || severity as u8 >= LogLevel::Warning as u8)
}

fn severity(event: &Metadata<'_>) -> LogLevel {
    match *event.level() {
        Level::ERROR if event.fields().field(CRITICAL).is_some() => LogLevel::Critical,
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warning,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// The writer of one whole line.
struct Line;

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &log().file {
            Some((_, file)) => (&mut &*file).write(line),
            None => io::stderr().write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `[2026-11-22 23:08:11 +0000] [PID] [LEVEL] message`
struct LineFormat;

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = Text::default();
        event.record(&mut text);
        let level = match severity(event.metadata()) {
            LogLevel::Critical => "CRITICAL",
            LogLevel::Error => "ERROR",
            LogLevel::Warning => "WARNING",
            LogLevel::Info => "INFO",
            LogLevel::Debug => "DEBUG",
            LogLevel::Trace => "TRACE",
        };
        let now = Zoned::now();
        let time = now.strftime("%Y-%m-%d %H:%M:%S %z");
        writeln!(
            line,
            "[{time}] [{}] [{level}] {}{}",
            process::id(),
            text.message,
            text.fields
        )
    }
}

/// An event's message, and its fields as ` name=value`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            CRITICAL => {}
            name => self.fields.push_str(&format!(" {name}={value:?}")),
        }
    }
}
