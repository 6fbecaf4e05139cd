//! Why an answer could not be taken from the application.
//!
//! Sorted by who must change something: the application ([`SendError::Misuse`],
//! [`InvalidHead`] and [`SendError::File`]) or nobody ([`SendError::Disconnected`]).

/// Why one step of a response was refused.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The client left, or the exchange was aborted: nobody can be answered.
    #[error("client disconnected")]
    Disconnected,
    /// The application broke the order of calls or its own content-length.
    #[error("{0}")]
    Misuse(#[from] Misuse),
    /// A field or the status of the head is not HTTP.
    #[error("{0}")]
    InvalidHead(#[from] InvalidHead),
    /// A file of the application's cannot be read.
    #[error("{0}")]
    File(#[from] std::io::Error),
}

/// How an application broke the contract of an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Misuse {
    /// A second head for one request.
    #[error("the response was already started")]
    AlreadyStarted,
    /// A body before the head.
    #[error("the response was not started")]
    NotStarted,
    /// Anything after the last part of the body.
    #[error("the response was already completed")]
    AlreadyComplete,
    /// Anything but trailers once the body of a response that promised some is complete.
    #[error("the response waits for its trailers")]
    TrailersDue,
    /// Trailers before the body is complete, or without a promise of them.
    #[error("the response has no trailers to come")]
    NoTrailers,
    /// A whole file after a part of the body.
    #[error("the response already has a part of its body")]
    BodyBegun,
    /// A tunnel for a request that asked for none, or that has a body.
    #[error("the request does not ask for another protocol, or has a body")]
    NoTunnel,
    /// More bytes than the `content-length` field promised (RFC 9110 section 8.6).
    #[error("Response content longer than Content-Length")]
    TooLong,
    /// Fewer bytes than the `content-length` field promised.
    #[error("Response content shorter than Content-Length")]
    TooShort,
}

/// Why a response head was refused, before any byte of it reached the wire.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidHead {
    /// A final status is a number from 200 to 999 (RFC 9110 section 15).
    #[error("invalid response status {0}: must be from 200 to 999")]
    Status(i64),
    /// A reason phrase holds no control character but a tab (RFC 9112 section 4).
    #[error("invalid reason phrase in the response status: it holds a control character")]
    Reason,
    /// A field name is a token (RFC 9110 section 5.1). Holds the name, escaped.
    #[error("invalid response header name \"{0}\"")]
    Name(String),
    /// A field value holds no control character but a tab (RFC 9110 section
    /// 5.5). Holds the field's name.
    #[error("invalid value of response header \"{0}\": it holds a control character")]
    Value(String),
    /// A field that a recipient needs before the body cannot follow it (RFC
    /// 9110 section 6.5.1). Holds the name, escaped.
    #[error("response header \"{0}\" may not be sent as a trailer")]
    Trailer(String),
    /// `content-length` is one decimal number (RFC 9110 section 8.6).
    #[error("invalid Content-Length in the response headers")]
    ContentLength,
}
