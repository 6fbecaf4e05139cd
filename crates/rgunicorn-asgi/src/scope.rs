//! A request as ASGI's `scope` dict.
//!
//! What does not change between requests is copied from a template: one for
//! the application, completed once for each connection.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::types::PyDict;
use pyo3::types::PyList;
use pyo3::types::PyString;
use pyo3::types::PyTuple;
use rgunicorn_core::parser::Head;
use rgunicorn_core::parser::Version;
use rgunicorn_core::parser::percent_decode;
use rgunicorn_core::proxy::Forwarded;
use rgunicorn_core::proxy::mount;
use rgunicorn_core::request::Peer;
use rgunicorn_core::request::Pushing;
use rgunicorn_core::request::Request;
use rgunicorn_core::request::Scheme;
use rgunicorn_core::request::ServerAddress;
use rgunicorn_websocket::Handshake;

use crate::extension;
use crate::names;
use crate::names::NameCache;
use crate::settings::Settings;
use crate::tls;

/// ASGI's version, and the version of its HTTP specification that is kept to.
/// 2.4 made `send()` raise once the client left.
const ASGI_VERSION: &str = "3.0";
const HTTP_SPEC_VERSION: &str = "2.5";

/// Makes scopes for one application.
pub(crate) struct Scopes {
    template: Py<PyDict>,
    asgi: Py<PyDict>,
    extensions: Py<PyDict>,
    state: Option<Py<PyDict>>,
    root_path: String,
    names: NameCache,
}

impl Scopes {
    /// `state` is what lifespan startup filled; each request gets its own
    /// shallow copy.
    ///
    /// # Errors
    /// `MemoryError`.
    pub(crate) fn new(
        py: Python<'_>,
        settings: &Settings,
        state: Option<Py<PyDict>>,
    ) -> PyResult<Self> {
        let asgi = PyDict::new(py);
        asgi.set_item("version", ASGI_VERSION)?;
        asgi.set_item("spec_version", HTTP_SPEC_VERSION)?;
        let template = PyDict::new(py);
        template.set_item(intern!(py, "type"), intern!(py, "http"))?;
        for key in [
            "asgi",
            "http_version",
            "server",
            "client",
            "scheme",
            "method",
        ] {
            template.set_item(PyString::intern(py, key), py.None())?;
        }
        template.set_item(intern!(py, "root_path"), &settings.root_path)?;
        for key in ["path", "raw_path", "query_string", "headers", "extensions"] {
            template.set_item(PyString::intern(py, key), py.None())?;
        }
        if state.is_some() {
            template.set_item(intern!(py, "state"), py.None())?;
        }
        let root_path = settings.root_path.clone();
        let (template, asgi) = (template.unbind(), asgi.unbind());
        Ok(Self {
            template,
            asgi,
            extensions: extension::announced(py, settings)?.unbind(),
            state,
            root_path,
            names: NameCache::default(),
        })
    }

    /// The scope of one request.
    ///
    /// # Errors
    /// `MemoryError`.
    pub(crate) fn build<'py>(
        &self,
        py: Python<'py>,
        request: &Request<'_>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let head = request.head;
        let template = self.of_connection(py, request.peer)?;
        let scope = template.copy()?;
        // Fresh for each request: applications change it.
        scope.set_item(intern!(py, "asgi"), self.asgi.bind(py).copy()?)?;
        scope.set_item(
            intern!(py, "http_version"),
            http_version(py, head.version()),
        )?;
        scope.set_item(intern!(py, "method"), names::method(py, head.method()))?;
        self.set_path(&scope, request)?;
        scope.set_item(
            intern!(py, "query_string"),
            PyBytes::new(py, head.query().as_bytes()),
        )?;
        scope.set_item(intern!(py, "headers"), self.headers(py, head)?)?;
        let extensions = self.extensions.bind(py).copy()?;
        if request.pushing == Pushing::Welcome {
            extensions.set_item(intern!(py, "http.response.push"), PyDict::new(py))?;
        }
        if request.peer.tls().is_some() {
            // Those of the connection are in its template.
            let of_connection = template.get_item(intern!(py, "extensions"))?;
            if let Some(of_connection) = of_connection {
                extensions.update(of_connection.cast::<PyDict>()?.as_mapping())?;
            }
        }
        scope.set_item(intern!(py, "extensions"), extensions)?;
        if let Some(forwarded) = request.forwarded {
            set_forwarded(&scope, forwarded)?;
        }
        if let Some(state) = &self.state {
            scope.set_item(intern!(py, "state"), state.bind(py).copy()?)?;
        }
        Ok(scope)
    }

    /// The scope of one WebSocket.
    ///
    /// # Errors
    /// `MemoryError`.
    pub(crate) fn build_websocket<'py>(
        &self,
        py: Python<'py>,
        request: &Request<'_>,
        handshake: &Handshake,
    ) -> PyResult<Bound<'py, PyDict>> {
        let scope = self.build(py, request)?;
        scope.set_item(intern!(py, "type"), intern!(py, "websocket"))?;
        scope.del_item(intern!(py, "method"))?;
        let said = request.forwarded.and_then(|forwarded| forwarded.scheme);
        let scheme = match said.unwrap_or(request.peer.scheme) {
            Scheme::Http => intern!(py, "ws"),
            Scheme::Https => intern!(py, "wss"),
        };
        scope.set_item(intern!(py, "scheme"), scheme)?;
        let offered = handshake
            .subprotocols()
            .map(|name| PyString::new(py, &latin1(name)));
        scope.set_item(intern!(py, "subprotocols"), PyList::new(py, offered)?)?;
        let of_http = scope.get_item(intern!(py, "extensions"))?;
        let extensions = PyDict::new(py);
        extensions.set_item(intern!(py, "websocket.http.response"), PyDict::new(py))?;
        // What is said of the connection holds for every protocol.
        if let Some(tls) = of_http
            && let Some(tls) = tls.cast::<PyDict>()?.get_item(intern!(py, "tls"))?
        {
            extensions.set_item(intern!(py, "tls"), tls)?;
        }
        scope.set_item(intern!(py, "extensions"), extensions)?;
        Ok(scope)
    }

    /// The template with both ends of the connection, made once for each.
    fn of_connection<'py>(&self, py: Python<'py>, peer: &Peer) -> PyResult<Bound<'py, PyDict>> {
        if let Some(cached) = peer
            .cache
            .get()
            .and_then(|cache| cache.downcast_ref::<Py<PyDict>>())
        {
            return Ok(cached.bind(py).clone());
        }
        let template = self.template.bind(py).copy()?;
        template.set_item(intern!(py, "scheme"), scheme(py, peer.scheme))?;
        template.set_item(intern!(py, "server"), server(py, peer.server())?)?;
        let client = peer
            .client()
            .map(|address| (peer.client_text(), address.port()));
        template.set_item(intern!(py, "client"), client)?;
        if let Some(facts) = peer.tls() {
            let extensions = PyDict::new(py);
            extensions.set_item(intern!(py, "tls"), tls::described(py, facts)?)?;
            template.set_item(intern!(py, "extensions"), extensions)?;
        }
        let _ = peer.cache.set(Box::new(template.clone().unbind()));
        Ok(template)
    }

    /// `path` and `raw_path` begin with `root_path`, which a proxy may or may
    /// not have stripped.
    fn set_path(&self, scope: &Bound<'_, PyDict>, request: &Request<'_>) -> PyResult<()> {
        let py = scope.py();
        let mounted = mount(request.head.path(), &self.root_path, request.forwarded);
        if request.forwarded.is_some() {
            scope.set_item(intern!(py, "root_path"), &*mounted.root)?;
        }
        let path = &*mounted.path;
        scope.set_item(intern!(py, "path"), decoded(py, path))?;
        scope.set_item(intern!(py, "raw_path"), PyBytes::new(py, path.as_bytes()))
    }

    fn headers<'py>(&self, py: Python<'py>, head: &Head) -> PyResult<Bound<'py, PyList>> {
        let pairs = head
            .fields()
            .map(|(name, value)| (self.names.get(py, name), PyBytes::new(py, value)));
        PyList::new(py, pairs)
    }
}

/// Bytes of a field, each as one character.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// What a trusted proxy said goes before what the connection says.
fn set_forwarded(scope: &Bound<'_, PyDict>, forwarded: &Forwarded) -> PyResult<()> {
    let py = scope.py();
    if let Some(client) = &forwarded.client {
        scope.set_item(intern!(py, "client"), (&client.host, client.port))?;
    }
    if let Some(said) = forwarded.scheme {
        scope.set_item(intern!(py, "scheme"), scheme(py, said))?;
    }
    if let Some(host) = &forwarded.host {
        scope.set_item(intern!(py, "server"), (&host.name, host.port))?;
        let headers = scope.get_item(intern!(py, "headers"))?;
        if let Some(headers) = headers {
            replace_host(headers.cast::<PyList>()?, &host.field)?;
        }
    }
    Ok(())
}

/// One `host` field, where it was, or first if there was none.
fn replace_host(headers: &Bound<'_, PyList>, host: &str) -> PyResult<()> {
    let py = headers.py();
    let name = PyBytes::new(py, b"host");
    let pair = (&name, PyBytes::new(py, host.as_bytes())).into_pyobject(py)?;
    for (index, field) in headers.iter().enumerate() {
        if field.get_item(0)?.eq(&name)? {
            return headers.set_item(index, pair);
        }
    }
    headers.insert(0, pair)
}

/// Percent- and UTF-8-decoded once; what is not UTF-8 becomes U+FFFD, as
/// `urllib.parse.unquote` does.
fn decoded<'py>(py: Python<'py>, path: &str) -> Bound<'py, PyString> {
    if !path.contains('%') {
        return PyString::new(py, path);
    }
    let mut bytes = Vec::with_capacity(path.len());
    percent_decode(path, &mut bytes);
    PyString::new(py, &String::from_utf8_lossy(&bytes))
}

fn http_version(py: Python<'_>, version: Version) -> &Bound<'_, PyString> {
    match version {
        Version::Http10 => intern!(py, "1.0"),
        Version::Http11 => intern!(py, "1.1"),
        Version::Http2 => intern!(py, "2"),
    }
}

fn scheme(py: Python<'_>, scheme: Scheme) -> &Bound<'_, PyString> {
    match scheme {
        Scheme::Http => intern!(py, "http"),
        Scheme::Https => intern!(py, "https"),
    }
}

/// `(host, port)`, or `(path, None)` for a unix socket.
fn server<'py>(py: Python<'py>, server: &ServerAddress) -> PyResult<Bound<'py, PyTuple>> {
    match server {
        ServerAddress::Tcp(address) => {
            (address.ip().to_canonical().to_string(), address.port()).into_pyobject(py)
        }
        ServerAddress::Unix(path) => (path.to_string_lossy(), py.None()).into_pyobject(py),
    }
}
