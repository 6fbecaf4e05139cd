//! What an operator may change about serving HTTP, with the reason for each default.

use std::time::Duration;

use crate::parser::Limits;
use crate::parser::Tolerance;
use crate::proxy::ProxySettings;

/// Settings of one worker's HTTP side.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bounds on a request's head.
    pub limits: Limits,
    /// What a request's head may get wrong: nothing, since proxies in front
    /// read such heads in different ways.
    pub tolerance: Tolerance,
    /// How long a connection may be silent between two requests; zero closes
    /// after every response. gunicorn's `keepalive`.
    pub keep_alive: Duration,
    /// How long a client may take over one request's head, and over the first
    /// byte of a new connection. Slow heads are how a slowloris holds workers.
    pub head_timeout: Duration,
    /// How long, after a drain began, a silent connection is still answered
    /// when it asks again. Closing at once would lose a request that is
    /// already on its way.
    pub drain_idle: Duration,
    /// How long to read and drop what a client still sends after the last
    /// response, so that a reset does not destroy that response (RFC 9112
    /// section 9.6).
    pub linger: Duration,
    /// What proxies in front are believed.
    pub proxy: ProxySettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            tolerance: Tolerance::default(),
            keep_alive: Duration::from_secs(2),
            head_timeout: Duration::from_secs(30),
            drain_idle: Duration::from_secs(2),
            linger: Duration::from_secs(2),
            proxy: ProxySettings::default(),
        }
    }
}

/// Bytes of a request body held for an application that has not asked for
/// them; past this the socket is not read.
pub(crate) const BODY_HIGH_WATER: usize = 256 * 1024;

/// Bytes of a response held for a client that does not read; past this the
/// application is made to wait.
pub(crate) const WRITE_HIGH_WATER: usize = 64 * 1024;

/// Where a waiting application may go on.
pub(crate) const WRITE_LOW_WATER: usize = 16 * 1024;

/// Bytes read ahead of the request that is being answered (pipelining).
pub(crate) const PIPELINE_LIMIT: usize = 64 * 1024;

/// Bytes of an unread request body that are dropped to save the connection.
pub(crate) const DISCARD_LIMIT: u64 = 256 * 1024;

/// Bodies up to this size are copied behind the head: cheaper than a second
/// buffer in the system call.
pub(crate) const COPY_LIMIT: usize = 4 * 1024;

/// Files up to this size are read into memory: one write then takes head and
/// body.
pub(crate) const FILE_COPY_LIMIT: u64 = 16 * 1024;

/// Refused requests that one worker describes in its error log in a second.
pub(crate) const REFUSALS_LOGGED: u32 = 10;

/// Size of one read.
pub(crate) const READ_SIZE: usize = 64 * 1024;

/// Connections served in one turn before the event loop has its say.
pub(crate) const TURN_BUDGET: usize = 128;

/// How long the calls of one turn may take before what they answered is
/// written and the event loop has its say. One call may still take longer.
pub(crate) const CALLS_BUDGET: Duration = Duration::from_millis(1);

/// Calls between two looks at the clock.
pub(crate) const CALLS_BETWEEN: usize = 8;

/// Connections taken from one listener in one turn, so that workers share.
pub(crate) const ACCEPT_BUDGET: usize = 16;

/// How often deadlines are looked at. A timer for each request would cost more
/// than the precision is worth.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_millis(500);
