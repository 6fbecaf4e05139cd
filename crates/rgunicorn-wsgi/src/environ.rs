//! A request as PEP 3333's `environ`, with the keys that gunicorn adds.
//!
//! What does not change between requests is copied from a template: one for
//! the application, completed once for each connection.

use std::any::Any;
use std::net::SocketAddr;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::types::PyString;
use rgunicorn_core::parser::Version;
use rgunicorn_core::parser::percent_decode;
use rgunicorn_core::proxy::Forwarded;
use rgunicorn_core::proxy::mount;
use rgunicorn_core::request::Scheme;
use rgunicorn_core::request::ServerAddress;

use crate::asked::Asked;
use crate::client_socket::ClientSockets;
use crate::early_hints::SendEarlyHints;
use crate::errors::ErrorStream;
use crate::field_name::FieldNames;
use crate::field_name::Key;
use crate::file_wrapper::FileWrapper;
use crate::present::Present;
use crate::settings::ForwarderHeaders;
use crate::settings::HeaderMap;
use crate::settings::Settings;
use crate::text::native;
use crate::tls;

/// Makes environs for one application.
pub(crate) struct Environs {
    template: Py<PyDict>,
    sockets: ClientSockets,
    names: FieldNames,
    script_name: String,
    header_map: HeaderMap,
    forwarders: ForwarderHeaders,
}

/// Why a request has no environ.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// A field's name has an underscore (`header_map = refuse`).
    Underscore(String),
    /// An object could not be made.
    Python(PyErr),
}

impl From<PyErr> for Unusable {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl Environs {
    /// # Errors
    /// `MemoryError`.
    pub(crate) fn new(py: Python<'_>, settings: &Settings, present: &Present) -> PyResult<Self> {
        let template = PyDict::new(py);
        template.set_item("wsgi.version", (1, 0))?;
        template.set_item(
            "wsgi.errors",
            Bound::new(py, ErrorStream::new(settings.errors))?,
        )?;
        template.set_item("wsgi.multithread", settings.multithread)?;
        template.set_item("wsgi.multiprocess", settings.multiprocess)?;
        template.set_item("wsgi.run_once", false)?;
        template.set_item("wsgi.file_wrapper", py.get_type::<FileWrapper>())?;
        template.set_item("wsgi.input_terminated", true)?;
        let early_hints = Bound::new(py, SendEarlyHints::new(present.clone()))?;
        template.set_item("wsgi.early_hints", early_hints)?;
        let sockets = ClientSockets::new(py, present.clone())?;
        sockets.begin(&template)?;
        template.set_item("SERVER_SOFTWARE", SOFTWARE)?;
        template.set_item("SCRIPT_NAME", &settings.script_name)?;
        make_room(&template)?;
        Ok(Self {
            template: template.unbind(),
            sockets,
            names: FieldNames::default(),
            script_name: settings.script_name.clone(),
            header_map: settings.header_map,
            forwarders: settings.forwarder_headers.clone(),
        })
    }

    /// The environ of one request, but for what belongs to its call.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub(crate) fn build<'py>(
        &self,
        py: Python<'py>,
        asked: &Asked<'_>,
    ) -> Result<Bound<'py, PyDict>, Unusable> {
        let head = asked.head;
        let environ = self.of_connection(py, asked)?;
        self.sockets.renew(&environ)?;
        environ.set_item(intern!(py, "REQUEST_METHOD"), method(py, head.method()))?;
        environ.set_item(intern!(py, "RAW_URI"), PyString::new(py, head.target()))?;
        environ.set_item(intern!(py, "QUERY_STRING"), PyString::new(py, head.query()))?;
        environ.set_item(intern!(py, "SERVER_PROTOCOL"), protocol(py, head.version()))?;
        self.set_path(&environ, asked)?;
        self.set_fields(&environ, asked)?;
        if let Some(forwarded) = asked.forwarded {
            self.set_forwarded(&environ, forwarded)?;
        }
        if matches!(asked.server, ServerAddress::Unix(_)) {
            set_server_from_host(&environ, asked)?;
        }
        Ok(environ)
    }

    /// The template with both ends of the connection, made once for each where
    /// there is a place to keep it.
    fn of_connection<'py>(
        &self,
        py: Python<'py>,
        asked: &Asked<'_>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let known = |kept: &'_ Box<dyn Any>| {
            kept.downcast_ref::<Py<PyDict>>()
                .map(|it| it.bind(py).clone())
        };
        let Some(cache) = asked.cache else {
            return self.made_for(py, asked);
        };
        match cache.get().and_then(known) {
            Some(template) => template.copy(),
            None => {
                let template = self.made_for(py, asked)?;
                let copy = template.copy();
                let _ = cache.set(Box::new(template.unbind()));
                copy
            }
        }
    }

    fn made_for<'py>(&self, py: Python<'py>, asked: &Asked<'_>) -> PyResult<Bound<'py, PyDict>> {
        let template = self.template.bind(py).copy()?;
        template.set_item(intern!(py, "wsgi.url_scheme"), asked.scheme.as_str())?;
        if let ServerAddress::Tcp(server) = asked.server {
            let name = server.ip().to_canonical().to_string();
            template.set_item(intern!(py, "SERVER_NAME"), name)?;
            template.set_item(intern!(py, "SERVER_PORT"), server.port().to_string())?;
            if asked.proxied {
                set_proxied(&template, *server)?;
            }
        }
        template.set_item(intern!(py, "REMOTE_ADDR"), asked.client_text)?;
        match asked.client {
            Some(client) => {
                template.set_item(intern!(py, "REMOTE_PORT"), client.port().to_string())?;
            }
            None => template.del_item(intern!(py, "REMOTE_PORT"))?,
        }
        if let Some(facts) = asked.tls {
            tls::describe(&template, facts)?;
        }
        Ok(template)
    }

    /// `SCRIPT_NAME` and `PATH_INFO`: the mount point, which a proxy may or may
    /// not have taken off, and the rest.
    fn set_path(&self, environ: &Bound<'_, PyDict>, asked: &Asked<'_>) -> PyResult<()> {
        let py = environ.py();
        let mounted = mount(asked.head.path(), &self.script_name, asked.forwarded);
        if asked.forwarded.is_some() {
            environ.set_item(intern!(py, "SCRIPT_NAME"), decoded(py, &mounted.root))?;
        }
        let rest = mounted
            .path
            .strip_prefix(&*mounted.root)
            .unwrap_or(&mounted.path);
        environ.set_item(intern!(py, "PATH_INFO"), decoded(py, rest))
    }

    /// What a trusted proxy said goes before what the connection says.
    fn set_forwarded(&self, environ: &Bound<'_, PyDict>, forwarded: &Forwarded) -> PyResult<()> {
        let py = environ.py();
        if let Some(client) = &forwarded.client {
            environ.set_item(intern!(py, "REMOTE_ADDR"), &client.host)?;
            if client.port > 0 {
                environ.set_item(intern!(py, "REMOTE_PORT"), client.port.to_string())?;
            } else if environ.contains(intern!(py, "REMOTE_PORT"))? {
                environ.del_item(intern!(py, "REMOTE_PORT"))?;
            }
        }
        if let Some(said) = forwarded.scheme {
            environ.set_item(intern!(py, "wsgi.url_scheme"), said.as_str())?;
            if said == Scheme::Http && environ.contains(intern!(py, "HTTPS"))? {
                environ.del_item(intern!(py, "HTTPS"))?; // it speaks of the client too
            }
        }
        if let Some(host) = &forwarded.host {
            environ.set_item(intern!(py, "SERVER_NAME"), &host.name)?;
            environ.set_item(intern!(py, "SERVER_PORT"), host.port.to_string())?;
            environ.set_item(intern!(py, "HTTP_HOST"), &host.field)?;
        }
        Ok(())
    }

    /// `HTTP_*`; repeated fields are joined, as RFC 9110 section 5.3 allows. Only
    /// cookies have another separator (RFC 9113 section 8.2.3).
    fn set_fields(&self, environ: &Bound<'_, PyDict>, asked: &Asked<'_>) -> Result<(), Unusable> {
        let py = environ.py();
        let (before, mut count) = (environ.len(), 0);
        for (name, value) in asked.head.fields() {
            if let Some((key, _)) = self.key(py, name, asked)? {
                environ.set_item(key, native(py, value))?;
                count += 1;
            }
        }
        if environ.len() < before + count {
            self.join_repeated(environ, asked)?;
        }
        Ok(())
    }

    /// Gives each name that came more than once all of its values. Where a
    /// trusted proxy wrote the name with an underscore, only those.
    fn join_repeated(
        &self,
        environ: &Bound<'_, PyDict>,
        asked: &Asked<'_>,
    ) -> Result<(), Unusable> {
        let py = environ.py();
        for wanted in [Spelling::Usual, Spelling::Vouched] {
            let joined = PyDict::new(py);
            for (name, value) in asked.head.fields() {
                let Some((key, _)) = self
                    .key(py, name, asked)?
                    .filter(|(_, spelling)| *spelling == wanted)
                else {
                    continue;
                };
                let value = native(py, value);
                match joined.get_item(&key)? {
                    None => joined.set_item(key, value)?,
                    Some(before) => {
                        let separator = if name == b"cookie" { "; " } else { "," };
                        joined.set_item(key, format!("{before}{separator}{value}"))?;
                    }
                }
            }
            environ.update(joined.as_mapping())?;
        }
        Ok(())
    }

    /// The key of a field, if the application may see it.
    fn key<'py>(
        &self,
        py: Python<'py>,
        name: &[u8],
        asked: &Asked<'_>,
    ) -> Result<Option<(Bound<'py, PyString>, Spelling)>, Unusable> {
        match self.names.key(py, name) {
            Key::Of(key) => Ok(Some((key, Spelling::Usual))),
            Key::Never => Ok(None),
            Key::Ambiguous(key) if self.forwarders.vouch_for(name, asked.is_trusted) => {
                Ok(Some((key, Spelling::Vouched)))
            }
            Key::Ambiguous(key) => match self.header_map {
                HeaderMap::Dangerous => Ok(Some((key, Spelling::Usual))),
                HeaderMap::Drop => Ok(None),
                HeaderMap::Refuse => Err(Unusable::Underscore(name.escape_ascii().to_string())),
            },
        }
    }
}

/// Who stands behind a field's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Spelling {
    /// Whoever sent it.
    Usual,
    /// A trusted proxy: it has an underscore, and the operator named it.
    Vouched,
}

/// Puts in the keys that every request sets, and lets the dict grow now, so that
/// no copy has to while a request fills it: a copy has its original's room.
fn make_room(template: &Bound<'_, PyDict>) -> PyResult<()> {
    for key in OF_EVERY_REQUEST {
        template.set_item(key, template.py().None())?;
    }
    Ok(())
}

/// With them there are 22, one more than fits, and a dict grows to hold 42. `REMOTE_PORT` goes
/// again for a unix socket, which does not have one.
const OF_EVERY_REQUEST: [&str; 11] = [
    "PATH_INFO",
    "QUERY_STRING",
    "RAW_URI",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "REQUEST_METHOD",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "wsgi.input",
    "wsgi.url_scheme",
];

/// gunicorn's keys of a connection that began with a PROXY header: to whom the
/// client had connected.
fn set_proxied(environ: &Bound<'_, PyDict>, server: SocketAddr) -> PyResult<()> {
    let protocol = if server.is_ipv4() { "TCP4" } else { "TCP6" };
    environ.set_item("PROXY_PROTOCOL", protocol)?;
    environ.set_item("PROXY_ADDR", server.ip().to_string())?;
    environ.set_item("PROXY_PORT", server.port().to_string())
}

/// A unix socket has no name that a URL could hold: the client's word counts.
fn set_server_from_host(environ: &Bound<'_, PyDict>, asked: &Asked<'_>) -> PyResult<()> {
    let said = asked.forwarded.and_then(|forwarded| forwarded.scheme);
    let default = said.unwrap_or(asked.scheme).default_port();
    let host = asked.head.field(b"host").unwrap_or_default();
    let host = String::from_utf8_lossy(host);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.to_owned()),
        _ => (&*host, String::new()),
    };
    let name = if name.is_empty() { "localhost" } else { name };
    let port = if port.is_empty() {
        default.to_string()
    } else {
        port
    };
    if asked
        .forwarded
        .is_none_or(|forwarded| forwarded.host.is_none())
    {
        environ.set_item("SERVER_NAME", name)?;
        environ.set_item("SERVER_PORT", port)?;
    }
    Ok(())
}

/// Percent-decoded once; each byte is one character.
fn decoded<'py>(py: Python<'py>, path: &str) -> Bound<'py, PyString> {
    if !path.contains('%') {
        return native(py, path.as_bytes());
    }
    let mut bytes = Vec::with_capacity(path.len());
    percent_decode(path, &mut bytes);
    native(py, &bytes)
}

fn method<'py>(py: Python<'py>, method: &str) -> Bound<'py, PyString> {
    match method {
        "GET" => intern!(py, "GET").clone(),
        "POST" => intern!(py, "POST").clone(),
        other => PyString::new(py, other),
    }
}

fn protocol(py: Python<'_>, version: Version) -> &Bound<'_, PyString> {
    match version {
        Version::Http10 => intern!(py, "HTTP/1.0"),
        Version::Http11 => intern!(py, "HTTP/1.1"),
        Version::Http2 => intern!(py, "HTTP/2"),
    }
}

const SOFTWARE: &str = concat!("rgunicorn/", env!("CARGO_PKG_VERSION"));
