//! What an operator may change about ASGI.

/// Settings of the ASGI bridge.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where the application is mounted; the scope's `root_path`.
    pub root_path: String,
    /// Whether `http.response.debug` is announced. Applications then tell what
    /// their answers were made from, which is work, and nobody else's business.
    pub debug: bool,
}
