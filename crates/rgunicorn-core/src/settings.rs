//! What an operator may change about serving HTTP, with the reason for each default.

use std::env;
use std::num::NonZeroU64;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::parser::Limits;
use crate::parser::Tolerance;
use crate::proxy::ProxySettings;
use crate::tls::Tls;

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
    /// byte of a new connection; `None` waits for ever. Slow heads are how a
    /// slowloris holds workers.
    pub head_timeout: Option<Duration>,
    /// How long the application may wait in vain for the next byte of a
    /// request's body; `None` waits for ever. Also the time over which
    /// [`Self::body_min_rate`] is averaged. Only an application that waits for
    /// the body is held up by its client, so nothing else is counted.
    pub body_timeout: Option<Duration>,
    /// Bytes a second that a body of announced length must come at, on
    /// average; 0 asks for none. A body in chunks may be a live stream, whose
    /// client has no more to send than it sends.
    pub body_min_rate: u32,
    /// How long bytes of an answer may wait without one of them being taken;
    /// `None` waits for ever.
    pub write_timeout: Option<Duration>,
    /// Clients connected at once; beyond that new ones are left in the backlog.
    pub most_connections: Option<NonZeroUsize>,
    /// Calls of the application that run at once; beyond that requests are
    /// answered with 503.
    pub most_calls: Option<NonZeroUsize>,
    /// Calls of the application after which the server says that it was used
    /// enough; it serves on.
    pub enough_calls: Option<NonZeroU64>,
    /// Where the bodies of requests are kept that are too large for memory, for
    /// applications that are called with all of it.
    pub spool_directory: PathBuf,
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
    /// What connections are secured with, if they are.
    pub tls: Option<Tls>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            tolerance: Tolerance::default(),
            keep_alive: Duration::from_secs(2),
            head_timeout: Some(Duration::from_secs(30)),
            body_timeout: Some(Duration::from_secs(60)),
            body_min_rate: 500,
            write_timeout: Some(Duration::from_secs(60)),
            most_connections: None,
            most_calls: None,
            enough_calls: None,
            spool_directory: env::temp_dir(),
            drain_idle: Duration::from_secs(2),
            linger: Duration::from_secs(2),
            proxy: ProxySettings::default(),
            tls: None,
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

/// A connection idle for less than this does not make room for another: its
/// client may be about to ask again.
pub(crate) const LEAST_IDLE: Duration = Duration::from_secs(1);

/// How often one and the same warning about too much load is logged, at most.
pub(crate) const WARNING_INTERVAL: Duration = Duration::from_secs(60);
