//! What an operator may change about WSGI.

/// Settings of the WSGI bridge.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the application is mounted; `SCRIPT_NAME`.
    pub script_name: String,
    /// Whether other processes serve the same application.
    pub multiprocess: bool,
    /// Whether other threads of this process do.
    pub multithread: bool,
    /// Whether `wsgi.file_wrapper` may hand a file to the kernel.
    pub sendfile: bool,
    /// What becomes of fields whose names have an underscore.
    pub header_map: HeaderMap,
    /// Whether `REMOTE_ADDR` is the client that a trusted proxy names.
    pub believes_clients: bool,
    /// Writes what the application prints to `wsgi.errors`.
    pub errors: fn(&str),
}

/// What becomes of a request's field whose name has an underscore: in environ
/// it is not to be told from one with a hyphen. gunicorn's `header_map`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum HeaderMap {
    /// The application does not see it.
    #[default]
    Drop,
    /// The request is answered with 400.
    Refuse,
    /// The application sees it, and cannot trust either.
    Dangerous,
}
