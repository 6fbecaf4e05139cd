//! The command line.

use std::time::Duration;

/// What the clients do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Each sends a message, waits for it to come back, and sends it again.
    Echo,
    /// One sends; all wait for it.
    Broadcast,
    /// They are there, and answer pings.
    Idle,
}

/// Text or bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Text,
    Binary,
}

/// What was asked for. The names of the options are those of the fields.
#[derive(Clone, Debug)]
pub struct Options {
    pub mode: Mode,
    pub port: u16,
    pub path: String,
    pub connections: usize,
    /// Bytes of a message.
    pub size: usize,
    pub kind: Kind,
    pub seconds: Duration,
    /// Messages of a broadcast that are on their way at once.
    pub window: usize,
    /// Whether compression is offered, and wanted.
    pub deflate: bool,
}

impl Options {
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mode = match words.next().as_deref() {
            Some("echo") => Mode::Echo,
            Some("broadcast") => Mode::Broadcast,
            Some("idle") => Mode::Idle,
            other => return Err(format!("echo, broadcast or idle, not {other:?}")),
        };
        let mut options = Self {
            mode,
            port: 8000,
            path: "/".to_owned(),
            connections: 100,
            size: 64,
            kind: Kind::Text,
            seconds: Duration::from_secs(4),
            window: 2,
            deflate: false,
        };
        while let Some(word) = words.next() {
            if word == "--deflate" {
                options.deflate = true;
                continue;
            }
            let value = words.next().ok_or(format!("{word} needs a value"))?;
            options
                .set(&word, &value)
                .ok_or(format!("{word} {value} is not understood"))?;
        }
        Ok(options)
    }

    fn set(&mut self, word: &str, value: &str) -> Option<()> {
        match word {
            "--port" => self.port = value.parse().ok()?,
            "--path" => self.path = value.to_owned(),
            "--connections" => self.connections = value.parse().ok().filter(|count| *count > 0)?,
            "--size" => self.size = value.parse().ok()?,
            "--kind" if value == "text" => self.kind = Kind::Text,
            "--kind" if value == "binary" => self.kind = Kind::Binary,
            "--seconds" => self.seconds = Duration::try_from_secs_f64(value.parse().ok()?).ok()?,
            "--window" => self.window = value.parse().ok().filter(|count| *count > 0)?,
            _ => return None,
        }
        Some(())
    }
}
