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
    /// All about HTTP/2.
    pub http2: Http2Settings,
    /// What connections are secured with, if they are.
    pub tls: Option<Tls>,
}

/// What an operator may change about HTTP/2.
#[derive(Clone, Debug)]
pub struct Http2Settings {
    /// What is offered to clients over TLS, the best first.
    pub protocols: Vec<Protocol>,
    /// Who may begin with HTTP/2 in clear text (RFC 9113 section 3.3).
    pub prior_knowledge: Clients,
    /// Who may change to it by `Upgrade: h2c` (RFC 7540 section 3.2).
    pub upgrade: Clients,
    /// Streams that one client may have open at once.
    pub most_streams: u32,
    /// Bytes of one request body that may come before its application took any.
    pub window: u32,
    /// Whether the window becomes larger for clients that are fast and far away.
    pub growth: Growth,
    /// Bytes that one frame of a client may have.
    pub frame_size: u32,
    /// Bytes of all fields of a request, 32 more for each.
    pub header_list_size: u32,
    /// How long a client may be silent before it is asked whether it is still
    /// there; `None` never asks.
    pub ping_interval: Option<Duration>,
    /// How long it may take over the answer to that.
    pub ping_timeout: Duration,
}

/// A version of HTTP, as it is offered over TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Protocol {
    /// Its name in a TLS handshake (RFC 7301 section 6, RFC 9113 section 3.2).
    #[must_use]
    pub fn name(self) -> Vec<u8> {
        match self {
            Self::Http1 => b"http/1.1".to_vec(),
            Self::Http2 => b"h2".to_vec(),
        }
    }
}

/// For which clients something is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Clients {
    /// For nobody.
    None,
    /// For trusted proxies.
    Trusted,
    /// For trusted proxies, who must not do anything else.
    OnlyTrusted,
    /// For everybody.
    All,
}

/// Whether flow-control windows grow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Growth {
    /// They stay as they are.
    None,
    /// They grow with what the network carries (the bandwidth-delay product).
    Adaptive,
}

impl Default for Http2Settings {
    /// gunicorn's numbers; in clear text nothing is spoken but HTTP/1.
    fn default() -> Self {
        Self {
            protocols: vec![Protocol::Http1],
            prior_knowledge: Clients::None,
            upgrade: Clients::None,
            most_streams: 100,
            window: 65_535,
            growth: Growth::None,
            frame_size: 16_384,
            header_list_size: 65_536,
            ping_interval: None,
            ping_timeout: Duration::from_secs(20),
        }
    }
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
            http2: Http2Settings::default(),
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

/// Bytes read in one turn before they are used. More would be out of the processor's cache again when the
/// application sees them, and its answers when they are written.
pub(crate) const TURN_READ_BUDGET: usize = 256 * 1024;

/// How long the calls of one turn may take before what they answered is
/// written and the event loop has its say. One call may still take longer.
pub(crate) const CALLS_BUDGET: Duration = Duration::from_millis(1);

/// Calls between two looks at the clock.
pub(crate) const CALLS_BETWEEN: usize = 8;

/// Calls for the streams of one client before others have their turn. Fewer
/// would make the writes too small.
pub(crate) const CALLS_OF_A_CLIENT: usize = 32;

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
