//! What an operator may change about ASGI.

/// Settings of the ASGI bridge.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where the application is mounted; the scope's `root_path`.
    pub root_path: String,
}
