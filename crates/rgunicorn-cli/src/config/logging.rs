//! The settings about logs, checked: who gets which lines and numbers.

use std::path::PathBuf;

use rgunicorn_core::access_log::AccessFormat;
use rgunicorn_core::access_log::Exclusions;

use super::Checked;
use crate::failure::Failure;

/// How there is to be logged, beyond the files of [`Config`](super::Config).
#[derive(Clone, Debug)]
pub(crate) struct Logging {
    pub(crate) access_lines: AccessLines,
    pub(crate) exclusions: Exclusions,
    /// Whether the error log's file takes the standard streams.
    pub(crate) captures_output: bool,
    pub(crate) way: Way,
    pub(crate) syslog: Option<SyslogSettings>,
    pub(crate) statsd: Option<StatsdSettings>,
}

/// The least severity that is logged.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum LogLevel {
    /// Everything, every ASGI message included.
    Trace,
    /// What helps to find a mistake.
    Debug,
    /// What an operator follows.
    Info,
    /// What an operator should look at.
    Warning,
    /// What failed.
    Error,
    /// What may take the server down.
    Critical,
}

/// What the access log's lines look like.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum AccessLines {
    /// As `access_log_format` says.
    Format(String),
    Json,
}

/// How lines get where they are to go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// They are written by us.
    Direct,
    /// Through Python's logging.
    Python {
        /// The dotted path of a class in place of ours.
        class: Option<String>,
    },
}

/// Where syslog is and what it is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SyslogSettings {
    pub(crate) target: SyslogTarget,
    /// As in RFC 5424 section 6.2.1.
    pub(crate) facility: u8,
    /// What the program is called.
    pub(crate) name: String,
    /// Whether the access log goes there too.
    pub(crate) takes_access_log: bool,
}

/// Where syslog listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum SyslogTarget {
    Udp(HostPort),
    Tcp(HostPort),
    UnixDatagram(PathBuf),
    UnixStream(PathBuf),
}

/// Where statsd is and what it is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StatsdSettings {
    pub(crate) target: StatsdTarget,
    /// Goes before every name; empty or with a dot at its end.
    pub(crate) prefix: String,
    /// dogstatsd's, as they were written.
    pub(crate) tags: String,
    /// Whether it is told how long the backlog is.
    pub(crate) counts_backlog: bool,
}

/// Where statsd listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum StatsdTarget {
    Udp(HostPort),
    Unix(PathBuf),
}

/// A name or address, and a port.
pub(crate) type HostPort = (String, u16);

impl Checked<'_> {
    pub(super) fn logging(&mut self) -> Result<Logging, Failure> {
        Ok(Logging {
            access_lines: self.access_lines()?,
            exclusions: self.exclusions()?,
            captures_output: self.settings.capture_output,
            way: self.way(),
            syslog: self.syslog()?,
            statsd: self.statsd()?,
        })
    }

    pub(super) fn log_level(&self) -> Result<LogLevel, Failure> {
        self.one_of("loglevel", &self.settings.loglevel, &LOG_LEVELS)
    }

    fn access_lines(&mut self) -> Result<AccessLines, Failure> {
        let text = &self.settings.access_log_format;
        // A class of the user's own may have atoms of its own.
        let is_ours = !matches!(self.way(), Way::Python { class: Some(_) });
        if let (true, Err(error)) = (is_ours, AccessFormat::parse(text)) {
            return Err(self.wrong("access_log_format", text, &error.to_string()));
        }
        if !self.settings.access_log_json {
            return Ok(AccessLines::Format(text.clone()));
        }
        if self.was_given("access_log_format") {
            let warning = "access_log_format has no effect: access_log_json is on";
            self.warnings.push(warning.to_owned());
        }
        Ok(AccessLines::Json)
    }

    fn exclusions(&self) -> Result<Exclusions, Failure> {
        let patterns = &self.settings.access_log_exclude;
        Exclusions::parse(patterns.iter().map(String::as_str)).map_err(|error| {
            self.wrong(
                "access_log_exclude",
                &patterns.join(","),
                &error.to_string(),
            )
        })
    }

    fn way(&self) -> Way {
        let settings = &self.settings;
        let class = &settings.logger_class;
        let class = (!OUR_CLASSES.contains(&class.as_str())).then(|| class.clone());
        let dict = settings.logconfig_dict.as_ref();
        let is_configured = dict.is_some_and(|dict| dict != EMPTY_DICT)
            || is_given(&settings.logconfig)
            || is_given(&settings.logconfig_json);
        if class.is_some() || is_configured {
            Way::Python { class }
        } else {
            Way::Direct
        }
    }

    fn syslog(&self) -> Result<Option<SyslogSettings>, Failure> {
        let settings = &self.settings;
        let address = &settings.syslog_addr;
        let target = syslog_target(address).ok_or_else(|| {
            let allowed = "must be udp://HOST:PORT, tcp://HOST:PORT or unix://PATH, \
                which #dgram or #stream may follow";
            self.wrong("syslog_addr", address, allowed)
        })?;
        let facility = self.one_of("syslog_facility", &settings.syslog_facility, &FACILITIES)?;
        let prefix = settings.syslog_prefix.clone();
        let name = prefix.unwrap_or_else(|| self.process_name().replace(':', "."));
        Ok(settings.syslog.then_some(SyslogSettings {
            target,
            facility,
            name,
            takes_access_log: !settings.disable_redirect_access_to_syslog,
        }))
    }

    fn statsd(&self) -> Result<Option<StatsdSettings>, Failure> {
        let settings = &self.settings;
        let Some(address) = settings.statsd_host.as_ref().filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        let target = statsd_target(address).ok_or_else(|| {
            self.wrong("statsd_host", address, "must be HOST:PORT or unix://PATH")
        })?;
        let prefix = settings.statsd_prefix.trim_end_matches('.');
        let prefix = match prefix {
            "" => String::new(),
            prefix => format!("{prefix}."),
        };
        let metrics = StatsdSettings {
            target,
            prefix,
            tags: settings.dogstatsd_tags.clone(),
            counts_backlog: settings.enable_backlog_metric,
        };
        // As in gunicorn: another class of loggers is in the place of the one that would send.
        Ok(match self.way() {
            Way::Python { class: Some(_) } => None,
            _ => Some(metrics),
        })
    }
}

fn is_given(text: &Option<String>) -> bool {
    text.as_ref().is_some_and(|text| !text.is_empty())
}

fn syslog_target(address: &str) -> Option<SyslogTarget> {
    if let Some(path) = address.strip_prefix("unix://") {
        return match path.rsplit_once('#') {
            Some((path, "dgram")) => Some(SyslogTarget::UnixDatagram(path.into())),
            Some((path, "stream")) => Some(SyslogTarget::UnixStream(path.into())),
            Some(_) => None,
            None => (!path.is_empty()).then(|| SyslogTarget::UnixDatagram(path.into())),
        };
    }
    if let Some(rest) = address.strip_prefix("tcp://") {
        return host_and_port(rest, SYSLOG_PORT).map(SyslogTarget::Tcp);
    }
    host_and_port(address.strip_prefix("udp://")?, SYSLOG_PORT).map(SyslogTarget::Udp)
}

fn statsd_target(address: &str) -> Option<StatsdTarget> {
    let is_path = |path: &&str| !path.is_empty() && !path.bytes().all(|it| it.is_ascii_digit());
    // gunicorn reads unix:8125 as a host of that name.
    if let Some(path) = address.strip_prefix("unix:").filter(is_path) {
        let path = path.strip_prefix("//").unwrap_or(path);
        return Some(StatsdTarget::Unix(path.into()));
    }
    host_and_port(address, STATSD_PORT).map(StatsdTarget::Udp)
}

/// `HOST`, `HOST:PORT` or `[IPV6]:PORT`.
fn host_and_port(text: &str, default: u16) -> Option<HostPort> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(number) => number.parse().ok()?,
        None if port.is_empty() => default,
        None => return None,
    };
    (!host.is_empty()).then(|| (host.to_ascii_lowercase(), port))
}

const SYSLOG_PORT: u16 = 514;
const STATSD_PORT: u16 = 8125;

/// An empty dict, as a text.
const EMPTY_DICT: &str = "{}";

/// What does what we do anyway. gunicorn's Statsd is what it puts in the place of its Logger once there
/// is a statsd_host.
const OUR_CLASSES: [&str; 5] = [
    "gunicorn.glogging.Logger",
    "gunicorn.instrument.statsd.Statsd",
    "rgunicorn.glogging.Logger",
    "egg:gunicorn#simple",
    "simple",
];

const LOG_LEVELS: [(&str, LogLevel); 6] = [
    ("trace", LogLevel::Trace),
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warning", LogLevel::Warning),
    ("error", LogLevel::Error),
    ("critical", LogLevel::Critical),
];

/// gunicorn's names of the facilities.
const FACILITIES: [(&str, u8); 21] = [
    ("auth", 4),
    ("authpriv", 10),
    ("cron", 9),
    ("daemon", 3),
    ("ftp", 11),
    ("kern", 0),
    ("lpr", 6),
    ("mail", 2),
    ("news", 7),
    ("security", 4),
    ("syslog", 5),
    ("user", 1),
    ("uucp", 8),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syslog_is_found_where_gunicorn_finds_it() {
        let at = |host: &str, port| (host.to_owned(), port);
        let table = [
            (
                "udp://localhost:514",
                Some(SyslogTarget::Udp(at("localhost", 514))),
            ),
            ("udp://LOGS", Some(SyslogTarget::Udp(at("logs", 514)))),
            ("udp://[::1]:99", Some(SyslogTarget::Udp(at("::1", 99)))),
            (
                "tcp://10.0.0.1:6514",
                Some(SyslogTarget::Tcp(at("10.0.0.1", 6514))),
            ),
            (
                "unix:///dev/log",
                Some(SyslogTarget::UnixDatagram("/dev/log".into())),
            ),
            (
                "unix:///a#dgram",
                Some(SyslogTarget::UnixDatagram("/a".into())),
            ),
            (
                "unix:///a#stream",
                Some(SyslogTarget::UnixStream("/a".into())),
            ),
            ("unix:///a#pipe", None),
            ("unix://", None),
            ("udp://", None),
            ("udp://host:port", None),
            ("udp://[::1", None),
            ("localhost:514", None),
        ];
        for (address, expected) in table {
            assert_eq!(syslog_target(address), expected, "{address}");
        }
    }

    #[test]
    fn statsd_is_a_host_or_a_path() {
        let at = |host: &str, port| Some(StatsdTarget::Udp((host.to_owned(), port)));
        let path = |path: &str| Some(StatsdTarget::Unix(path.into()));
        let table = [
            ("localhost:8125", at("localhost", 8125)),
            ("localhost", at("localhost", 8125)),
            ("[::1]", at("::1", 8125)),
            ("unix:///run/statsd", path("/run/statsd")),
            ("unix:/run/statsd", path("/run/statsd")),
            ("unix:9000", at("unix", 9000)),
            ("unix:", None),
            ("host:1:2", None),
            (":8125", None),
        ];
        for (address, expected) in table {
            assert_eq!(statsd_target(address), expected, "{address}");
        }
    }
}
