//! The checked configuration: every value of the type that its user needs, and allowed.
//!
//! Read next: [`layers`](crate::layers) for where the values come from.

use std::env;
use std::num::NonZeroU64;
use std::path::Path;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use figment::Figment;
use figment::value::Dict;
use pyo3::prelude::*;
use rgunicorn_core::listen::Bind;
use rgunicorn_core::parser::Limits;
use rgunicorn_core::parser::Tolerance;
use rgunicorn_core::proxy::Belief;
use rgunicorn_core::proxy::ProxySettings;
use rgunicorn_core::settings::Settings as HttpSettings;
use rgunicorn_core::tls::TlsSettings;
use rgunicorn_wsgi::settings::ForwarderHeaders;
use rgunicorn_wsgi::settings::HeaderMap;

use crate::failure::Failure;
use crate::interface::Interface;
use crate::layers::Layers;
use crate::listing;
use crate::objects::Objects;
use crate::settings::Settings;

pub(crate) mod application;
mod check;
mod event_loop;
mod hooks;
mod http2;
pub(crate) mod process;
pub(crate) mod logging;
mod proxy;
mod python;
mod reload;
mod ssl_context;
mod tls;
mod websocket;

pub(crate) use event_loop::EventLoop;
pub(crate) use logging::LogLevel;
use logging::Logging;
pub(crate) use reload::Engine;
pub(crate) use reload::Reload;
pub(crate) use websocket::WebSocket;

use application::Source;
use check::LONGEST;
use check::MOST_WORKERS;
use hooks::Hooks;

/// Everything the master and the workers are told.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) app: Source,
    pub(crate) bind: Vec<Bind>,
    pub(crate) backlog: u32,
    pub(crate) workers: usize,
    /// Zero is no limit, here and for [`Config::boot_timeout`].
    pub(crate) timeout: Duration,
    pub(crate) graceful_timeout: Duration,
    pub(crate) boot_timeout: Duration,
    /// How long to serve on after TERM.
    pub(crate) drain_delay: Duration,
    /// How long an application may go on answering a client that left.
    pub(crate) disconnect_grace: Duration,
    /// What a worker's HTTP side is told.
    pub(crate) http: HttpSettings,
    /// What connections are secured with, and the files to look after.
    pub(crate) tls: Option<TlsSettings>,
    /// `None`: that which the application has.
    pub(crate) interface: Option<Interface>,
    /// Requests that are added to `http.enough_calls`, at most.
    pub(crate) max_requests_jitter: u64,
    /// Threads of a worker on which the application is called.
    pub(crate) threads: usize,
    pub(crate) lifespan: Lifespan,
    /// How WebSockets of ASGI applications are served, if at all.
    pub(crate) websocket: Option<WebSocket>,
    pub(crate) event_loop: EventLoop,
    /// Whether files are handed to the kernel.
    pub(crate) sendfile: bool,
    pub(crate) header_map: HeaderMap,
    pub(crate) forwarder_headers: ForwarderHeaders,
    pub(crate) root_path: String,
    pub(crate) preload_app: bool,
    /// How to notice changed code, if that is wanted.
    pub(crate) reload: Option<Reload>,
    /// The current directory, once [`Config::enter_directory`] was called.
    pub(crate) directory: PathBuf,
    pub(crate) pidfile: Option<PathBuf>,
    /// What the system is to make of the processes.
    pub(crate) process: process::Process,
    /// Where the access log goes; `-` is standard output.
    pub(crate) access_log: Option<PathBuf>,
    /// Where the error log goes; `-` is standard error.
    pub(crate) error_log: PathBuf,
    pub(crate) log_level: LogLevel,
    pub(crate) logging: Logging,
    /// What the configuration file says that is no text.
    pub(crate) objects: Arc<Objects>,
    /// Every value as it was given, for Python code to look at.
    values: Dict,
    pub(crate) hooks: Hooks,
    /// To be logged as soon as there is a log.
    pub(crate) warnings: Vec<String>,
    pub(crate) asked_for: AskedFor,
}

/// What the command is to do.
#[derive(Clone, Debug)]
pub(crate) enum AskedFor {
    /// Serve.
    Service,
    /// Say whether it could.
    Check,
    /// Print this, every setting and where it comes from, and say whether it could.
    Listing(String),
}

/// Whether the application's lifespan is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lifespan {
    /// Run it, and go on without if the application raises.
    Auto,
    /// Run it, and do not serve without it.
    On,
    /// Do not run it.
    Off,
}

impl Config {
    /// Checks what all sources say. Relative paths mean the current directory.
    pub(crate) fn of(py: Python<'_>, layers: Layers) -> Result<Self, Failure> {
        let here = env::current_dir()
            .map_err(|error| Failure::Config(format!("no current directory: {error}")))?;
        let settings: Settings = layers
            .figment
            .extract()
            .map_err(|error| Failure::Config(error.to_string()))?;
        let mut config = Checked {
            settings,
            figment: &layers.figment,
            objects: layers.objects,
            warnings: layers.warnings,
        }
        .config(py, &here)?;
        config.secure(py, &layers.figment)?;
        Ok(config)
    }

    /// Goes where `chdir` says and makes that the first place to import modules from, after those
    /// of `pythonpath`.
    pub(crate) fn enter_directory(&self, py: Python<'_>) -> PyResult<()> {
        env::set_current_dir(&self.directory)?;
        import_from(py, &self.directory)?;
        let mut path = self.app.python_path.iter();
        path.try_for_each(|directory| import_from(py, directory))
    }

    /// The configuration for an application of this kind.
    pub(crate) fn serving(&self, interface: Interface) -> Self {
        let mut config = self.clone();
        config.interface = Some(interface);
        if interface == Interface::Asgi {
            config.http.proxy.client = Belief::Believed;
        }
        config
    }

    /// Where a WSGI application is mounted: as gunicorn, `$SCRIPT_NAME` says it where no setting does.
    /// None for ASGI, which knows no `SCRIPT_NAME`.
    pub(crate) fn mount_point(&self) -> Option<String> {
        if self.interface == Some(Interface::Asgi) {
            return None;
        }
        let from_environment = || env::var("SCRIPT_NAME").unwrap_or_default();
        let configured = Some(self.root_path.clone()).filter(|root| !root.is_empty());
        Some(configured.unwrap_or_else(from_environment))
    }
}

/// Makes `directory` the first place that modules are imported from.
pub(crate) fn import_from(py: Python<'_>, directory: &Path) -> PyResult<()> {
    py.import("rgunicorn._config")?
        .call_method1("enter", (directory.as_os_str(),))?;
    Ok(())
}

/// Settings on their way to a [`Config`].
struct Checked<'a> {
    settings: Settings,
    figment: &'a Figment,
    objects: Objects,
    warnings: Vec<String>,
}

impl Checked<'_> {
    fn config(mut self, py: Python<'_>, here: &Path) -> Result<Config, Failure> {
        self.refuse_what_is_missing()?;
        self.warn_of_no_effect();
        self.warn_of_unreachable_http2();
        let (interface, threads) = self.worker()?;
        // First: a --proxy-protocol without its word takes the application for it.
        let proxy = self.proxy()?;
        let logging = self.logging()?;
        let reload = self.reload()?;
        let event_loop = self.event_loop(py, interface)?;
        let directory = self.directory(here)?;
        let tls = self.tls(&directory)?;
        let settings = &self.settings;
        // Where the directory changes again later, these files must not.
        let file = |path: &str| {
            if path == "-" {
                path.into()
            } else {
                directory.join(path)
            }
        };
        let named =
            |path: &Option<String>| path.as_deref().filter(|path| !path.is_empty()).map(file);
        Ok(Config {
            app: self.source(&directory)?,
            bind: self.addresses()?,
            backlog: self.count("backlog", settings.backlog, 0..=MOST_BACKLOG)?,
            workers: self.count("workers", settings.workers, 1..=MOST_WORKERS)?,
            timeout: self.seconds("timeout", settings.timeout)?,
            graceful_timeout: self.seconds("graceful_timeout", settings.graceful_timeout)?,
            boot_timeout: self.seconds("boot_timeout", settings.boot_timeout)?,
            drain_delay: self.seconds("drain_delay", settings.drain_delay)?,
            disconnect_grace: self.seconds(
                "asgi_disconnect_grace_period",
                settings.asgi_disconnect_grace_period,
            )?,
            http: self.http(proxy)?,
            tls,
            interface,
            max_requests_jitter: settings.max_requests_jitter,
            threads,
            sendfile: settings.sendfile,
            header_map: self.one_of("header_map", &settings.header_map, &HEADER_MAPS)?,
            forwarder_headers: ForwarderHeaders::new(settings.forwarder_headers.clone()),
            lifespan: self.one_of("asgi_lifespan", &settings.asgi_lifespan, &LIFESPANS)?,
            websocket: self.websocket()?,
            event_loop,
            root_path: settings.root_path.clone(),
            // An import cannot be undone, and changed code has to be imported.
            preload_app: settings.preload_app && reload.is_none(),
            reload,
            directory: directory.clone(),
            pidfile: named(&settings.pidfile),
            process: self.process()?,
            access_log: named(&settings.accesslog),
            error_log: file(&settings.errorlog),
            log_level: self.log_level()?,
            logging,
            values: self.figment.extract().unwrap_or_default(),
            asked_for: self.asked_for(),
            hooks: self.hooks(py)?,
            objects: Arc::new(self.objects),
            warnings: self.warnings,
        })
    }

    fn http(&self, proxy: ProxySettings) -> Result<HttpSettings, Failure> {
        let settings = &self.settings;
        Ok(HttpSettings {
            limits: Limits {
                request_line: clamped(settings.limit_request_line, LONGEST_REQUEST_LINE),
                fields: clamped(settings.limit_request_fields, MOST_FIELDS),
                field_size: clamped(settings.limit_request_field_size, LONGEST_FIELD),
            },
            tolerance: tolerance(settings),
            proxy,
            http2: self.http2()?,
            keep_alive: self.seconds("keepalive", settings.keepalive)?,
            head_timeout: self.patience("header_timeout", settings.header_timeout)?,
            body_timeout: self.patience("body_timeout", settings.body_timeout)?,
            body_min_rate: self.count("body_min_rate", settings.body_min_rate, 0..=LONGEST)?,
            write_timeout: self.patience("write_timeout", settings.write_timeout)?,
            most_connections: self.most("worker_connections", settings.worker_connections)?,
            enough_calls: NonZeroU64::new(settings.max_requests),
            most_calls: self.most("limit_concurrency", settings.limit_concurrency)?,
            spool_directory: settings
                .tmp_upload_dir
                .as_ref()
                .map_or_else(env::temp_dir, PathBuf::from),
            ..HttpSettings::default()
        })
    }

    fn asked_for(&self) -> AskedFor {
        if self.settings.print_config {
            AskedFor::Listing(listing::listing(self.figment))
        } else if self.settings.check_config {
            AskedFor::Check
        } else {
            AskedFor::Service
        }
    }

    fn addresses(&self) -> Result<Vec<Bind>, Failure> {
        let parse = |text: &String| {
            Bind::from_str(text).map_err(|error| self.wrong("bind", text, &error.to_string()))
        };
        let addresses = self
            .settings
            .bind
            .iter()
            .map(parse)
            .collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(self.wrong("bind", "[]", "must be at least one address"));
        }
        Ok(addresses)
    }

    fn directory(&self, here: &Path) -> Result<PathBuf, Failure> {
        let Some(named) = &self.settings.chdir else {
            return Ok(here.to_owned());
        };
        let directory = here.join(named);
        if !directory.is_dir() {
            return Err(self.wrong("chdir", named, "must be a directory that exists"));
        }
        Ok(directory)
    }
}

fn tolerance(settings: &Settings) -> Tolerance {
    Tolerance {
        obsolete_folding: settings.permit_obsolete_folding,
        header_spaces: settings.strip_header_spaces,
        unconventional_method: settings.permit_unconventional_http_method,
        unconventional_version: settings.permit_unconventional_http_version,
        casefold_method: settings.casefold_http_method,
    }
}

/// A limit, brought into its range without a complaint, as gunicorn does.
fn clamped(value: u64, most: usize) -> usize {
    usize::try_from(value).map_or(most, |value| value.min(most))
}

const HEADER_MAPS: [(&str, HeaderMap); 3] = [
    ("drop", HeaderMap::Drop),
    ("refuse", HeaderMap::Refuse),
    ("dangerous", HeaderMap::Dangerous),
];
const LIFESPANS: [(&str, Lifespan); 3] = [
    ("auto", Lifespan::Auto),
    ("on", Lifespan::On),
    ("off", Lifespan::Off),
];

const LONGEST_REQUEST_LINE: usize = 8190;
const MOST_FIELDS: usize = 32_768;
const LONGEST_FIELD: usize = 1 << 20;
const MOST_BACKLOG: u64 = i32::MAX as u64;
