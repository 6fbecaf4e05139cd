//! The access log of a worker: a file or standard output, and who else is told of exchanges.

use std::io;
use std::path::Path;

use rgunicorn_core::access_log::AccessFormat;
use rgunicorn_core::access_log::AccessFormatError;
use rgunicorn_core::access_log::AccessLog;
use rgunicorn_core::access_log::AccessRecord;
use rgunicorn_core::access_log::Observer;

use super::exchange::Noting;
use super::python;
use super::statsd::Statsd;
use super::syslog::Kind;
use super::syslog::Syslog;
use crate::config::Config;
use crate::config::LogLevel;
use crate::config::logging::AccessLines;
use crate::config::logging::Way;
use crate::failure::Failure;

/// Opens the access log, if there is anybody to read it.
pub(super) fn open(config: &Config, statsd: Option<Statsd>) -> Result<Option<AccessLog>, Failure> {
    let logging = &config.logging;
    let mut log = match (&config.access_log, &logging.way) {
        (Some(path), Way::Direct) => {
            AccessLog::open(path, format(config)?).map_err(cannot_open(path))?
        }
        _ => AccessLog::default(),
    };
    log.exclude(logging.exclusions.clone());
    if let Some(statsd) = statsd {
        log.add_meter(Box::new(statsd));
    }
    match logging.way {
        Way::Direct => {
            let syslog = logging.syslog.clone().filter(|it| it.takes_access_log);
            if let Some(settings) = syslog {
                log.add_reader(Box::new(SyslogLines {
                    format: format(config)?,
                    line: Vec::new(),
                    syslog: Syslog::new(settings),
                }));
            }
        }
        Way::Python { .. } if python::reads_exchanges() => {
            let noting = Noting::new(config.mount_point()).map_err(unusable)?;
            log.add_reader(Box::new(noting));
        }
        Way::Python { .. } => {}
    }
    Ok(log.is_of_use().then_some(log))
}

fn format(config: &Config) -> Result<AccessFormat, Failure> {
    match &config.logging.access_lines {
        AccessLines::Format(text) => parsed(config, text),
        AccessLines::Json => Ok(AccessFormat::json()),
    }
}

fn parsed(config: &Config, text: &str) -> Result<AccessFormat, Failure> {
    let format = AccessFormat::parse(text).map_err(unusable)?;
    Ok(match config.mount_point() {
        Some(root) => format.mounted_at(&root),
        None => format,
    })
}

fn unusable(error: AccessFormatError) -> Failure {
    Failure::Config(error.to_string())
}

fn cannot_open(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    super::cannot_open("accesslog", path)
}

/// Access lines for syslog.
struct SyslogLines {
    format: AccessFormat,
    line: Vec<u8>,
    syslog: Syslog,
}

impl Observer for SyslogLines {
    fn observe(&mut self, record: &AccessRecord<'_>) {
        self.line.clear();
        self.format.write(&mut self.line, record);
        let line = String::from_utf8_lossy(&self.line);
        self.syslog
            .send(Kind::Access, LogLevel::Info, line.trim_end_matches('\n'));
    }
}
