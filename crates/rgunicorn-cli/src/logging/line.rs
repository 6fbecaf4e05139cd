//! How a line of the error log looks: as in gunicorn, and on a terminal with a coloured level.

use std::process;

use jiff::Zoned;

use crate::config::LogLevel;

/// Whether the level has a colour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ink {
    Coloured,
    Plain,
}

/// `[2026-11-22 23:08:11 +0000] [PID] [LEVEL] message`
pub(super) fn line(level: LogLevel, message: &str, ink: Ink) -> String {
    let now = Zoned::now();
    let time = now.strftime("%Y-%m-%d %H:%M:%S %z");
    let (before, after) = match ink {
        Ink::Plain => ("", ""),
        Ink::Coloured => (colour(level), "\x1b[0m"),
    };
    let name = name(level);
    let pid = process::id();
    format!("[{time}] [{pid}] [{before}{name}{after}] {message}\n")
}

fn name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Critical => "CRITICAL",
        LogLevel::Error => "ERROR",
        LogLevel::Warning => "WARNING",
        LogLevel::Info => "INFO",
        LogLevel::Debug => "DEBUG",
        LogLevel::Trace => "TRACE",
    }
}

/// The sequence that switches a colour on (ECMA-48 section 8.3.117).
fn colour(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Critical => "\x1b[1;31m",
        LogLevel::Error => "\x1b[31m",
        LogLevel::Warning => "\x1b[33m",
        LogLevel::Info => "\x1b[32m",
        LogLevel::Debug => "\x1b[36m",
        LogLevel::Trace => "\x1b[2m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_level_is_coloured_and_only_in_colour() {
        let plain = line(LogLevel::Error, "a b", Ink::Plain);
        let end = format!(" [{}] [ERROR] a b\n", process::id());
        assert!(plain.starts_with("[2") && plain.ends_with(&end), "{plain}");
        let coloured = line(LogLevel::Error, "a b", Ink::Coloured);
        assert!(
            coloured.ends_with("] [\x1b[31mERROR\x1b[0m] a b\n"),
            "{coloured:?}"
        );
    }
}
