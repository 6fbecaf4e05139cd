//! Tracing events on their way to the error log: how severe they are, what they say, and who wants
//! to hear them.
//!
//! An event with the field `critical = true` is CRITICAL, which tracing has no level for. One with
//! `metric`, `value` and `mtype` is a number for statsd, under gunicorn's names for those.

use std::fmt;

use tracing::Event;
use tracing::Level;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing::subscriber::Interest;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::layer::Layer;

use crate::config::LogLevel;

/// The field that turns an ERROR into a CRITICAL.
const CRITICAL: &str = "critical";

/// The field that holds the name of a metric.
const METRIC: &str = "metric";

/// The end of tracing: hands every event to the log.
pub(super) struct ErrorLog;

impl<S: Subscriber> Layer<S> for ErrorLog {
    /// Asked once for each place in the code, and anew after a change of configuration. So what is
    /// not logged costs next to nothing.
    fn register_callsite(&self, event: &'static Metadata<'static>) -> Interest {
        match super::audience_of(event) {
            Audience::Nobody => Interest::never(),
            _ => Interest::always(),
        }
    }

    fn enabled(&self, event: &Metadata<'_>, _: Context<'_, S>) -> bool {
        super::audience_of(event) != Audience::Nobody
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        super::take(event.metadata(), said.finished());
    }
}

/// Who wants to hear an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Audience {
    /// The log.
    Everybody,
    /// Who asked for diagnostics (`RUST_LOG`).
    Developers,
    /// statsd, which counts or draws it.
    Statistics,
    Nobody,
}

/// What decides about the audience of an event.
pub(super) struct Interests<'a> {
    pub(super) level: LogLevel,
    pub(super) diagnostics: Option<&'a Targets>,
    pub(super) measures: Measures,
}

/// Whether there is a statsd.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Measures {
    No,
    Yes,
}

impl Interests<'_> {
    /// Libraries are heard from warnings on.
    pub(super) fn audience_of(&self, event: &Metadata<'_>) -> Audience {
        let target = event.target();
        let own = target.starts_with("rgunicorn") || target.starts_with("_rgunicorn");
        let level = severity(event);
        let diagnoses = |targets: &&Targets| targets.would_enable(target, event.level());
        let is_counted = own && level >= LogLevel::Warning;
        let is_metric = event.fields().field(METRIC).is_some();
        if level >= self.level && (own || level >= LogLevel::Warning) {
            Audience::Everybody
        } else if self.diagnostics.as_ref().is_some_and(diagnoses) {
            Audience::Developers
        } else if self.measures == Measures::Yes && (is_counted || is_metric) {
            Audience::Statistics
        } else {
            Audience::Nobody
        }
    }
}

pub(super) fn severity(event: &Metadata<'_>) -> LogLevel {
    match *event.level() {
        Level::ERROR if event.fields().field(CRITICAL).is_some() => LogLevel::Critical,
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warning,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// What an event says.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The message, and behind it the fields as ` name=value`.
    pub(super) text: String,
    /// Fields, until the message is complete.
    fields: String,
    pub(super) metric: Metric,
}

/// A number for statsd; without a name there is none.
#[derive(Debug, Default)]
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) kind: String,
}

impl Said {
    fn finished(mut self) -> Self {
        if self.metric.name.is_empty() && !self.metric.value.is_empty() {
            self.fields
                .push_str(&format!(" value={}", self.metric.value));
        }
        self.text.push_str(&std::mem::take(&mut self.fields));
        self
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            METRIC => self.metric.name = value.to_owned(),
            "mtype" => self.metric.kind = value.to_owned(),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.text = format!("{value:?}"),
            "value" => self.metric.value = format!("{value:?}"),
            CRITICAL => {}
            name => self.fields.push_str(&format!(" {name}={value:?}")),
        }
    }
}
