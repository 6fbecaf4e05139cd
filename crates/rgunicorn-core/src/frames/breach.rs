//! What no client may send, as far as frames show it without being decoded, and the word for each (RFC 9113 section 7).

use h2::Reason;

/// Why a client is not listened to any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Offence {
    /// It sent what nobody may send.
    #[error(transparent)]
    Breach(#[from] Breach),
    /// Streams that are opened to be closed.
    #[error("flood of HTTP/2 RST_STREAM frames")]
    Resets,
    /// PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA or unknown frames.
    #[error("flood of HTTP/2 frames that ask for nothing")]
    Idle,
}

impl Offence {
    /// What the client is told.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::Breach(breach) => breach.reason(),
            Self::Resets | Self::Idle => Reason::ENHANCE_YOUR_CALM,
        }
    }
}

/// A rule of RFC 9113 that a client broke. Each ends the connection (section 5.4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Breach {
    /// Section 3.4.
    #[error("HTTP/2 preface without a SETTINGS frame")]
    Preface,
    /// Sections 4.2 and 6.
    #[error("HTTP/2 frame of a wrong length")]
    Length,
    /// Section 6: frames of the connection and frames of a stream.
    #[error("HTTP/2 frame on the wrong kind of stream")]
    Stream,
    /// Section 6.10: nothing comes between the parts of a field block.
    #[error("HTTP/2 field block that is not continued")]
    Continuation,
    /// Section 5.1.
    #[error("HTTP/2 frame on an idle stream")]
    Idle,
    /// Section 5.1.1.
    #[error("HTTP/2 stream with an identifier that is not new")]
    Identifier,
    /// Section 5.1.
    #[error("HTTP/2 frame on a stream that the client has ended")]
    Closed,
    /// Sections 6.1 and 6.2.
    #[error("HTTP/2 padding that is longer than its frame")]
    Padding,
    /// Section 8.1.
    #[error("HTTP/2 trailers with a pseudo-header field")]
    Trailers,
    /// Section 8.4.
    #[error("HTTP/2 push by a client")]
    Push,
    /// Section 6.5.2.
    #[error("HTTP/2 setting out of range")]
    Setting,
    /// Section 6.5.2.
    #[error("HTTP/2 initial window that is too large")]
    InitialWindow,
    /// Section 6.5.3.
    #[error("HTTP/2 acknowledgement of settings that were not sent")]
    Acknowledgement,
    /// Section 6.9.
    #[error("HTTP/2 window update of zero")]
    Increment,
}

impl Breach {
    /// What the client is told.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::Length => Reason::FRAME_SIZE_ERROR,
            Self::InitialWindow => Reason::FLOW_CONTROL_ERROR,
            Self::Closed => Reason::STREAM_CLOSED,
            _ => Reason::PROTOCOL_ERROR,
        }
    }
}
