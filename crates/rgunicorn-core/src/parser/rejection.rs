//! Why a request is refused: one variant per rule, the status each is answered with, and where it
//! was broken.
//!
//! The texts name the rule and the field but never repeat what the client sent, so they are safe in
//! a log line and in an error page.

/// A rule of HTTP/1 that a client broke. After any of these nothing else on the connection can be
/// trusted to be a request, so it is answered with [`status`](Self::status) and closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// LF without CR before it (RFC 9112 §2.2 lets a server accept it; smugglers rely on those who
    /// do).
    #[error("line feed without a carriage return")]
    BareLineFeed,
    /// CR without LF after it (RFC 9112 §2.2).
    #[error("carriage return without a line feed")]
    BareCarriageReturn,
    /// A zero byte (RFC 9110 §5.5).
    #[error("zero byte in the request head")]
    ZeroByte,
    /// More than the one empty line RFC 9112 §2.2 asks servers to tolerate.
    #[error("more than one empty line before the request line")]
    EmptyLines,
    /// The head stops before its empty line, or goes on after it.
    #[error("request head is not complete")]
    IncompleteHead,
    /// The request line is longer than the limit.
    #[error("request line is too long")]
    RequestLineTooLong,
    /// More fields than the limit.
    #[error("too many header fields")]
    TooManyFields,
    /// A field line is longer than the limit.
    #[error("header field is too large")]
    FieldTooLarge,

    /// A TLS handshake, on a port that has no TLS.
    #[error("TLS handshake on a port that speaks plain HTTP")]
    Tls,
    /// Something else than a TLS handshake, on a port that has TLS.
    #[error("plain HTTP on a port that speaks TLS: the URL must begin with https://")]
    PlainText,
    /// Not three parts with single spaces between them (RFC 9112 §3).
    #[error("request line is not method, target and version with single spaces between them")]
    RequestLine,
    /// Not 3 to 20 token characters without lower case and `#`.
    #[error("invalid request method")]
    Method,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    #[error("unsupported HTTP version")]
    Version,
    /// A byte outside 0x21..=0x7E in the target, or no target.
    #[error("invalid character in the request target")]
    TargetByte,
    /// A target must not carry a fragment (RFC 9112 §3.2).
    #[error("fragment in the request target")]
    Fragment,
    /// Not one of the forms of RFC 9112 §3.2 that go with the method.
    #[error("request target has no form that is valid for the method")]
    TargetForm,
    /// The authority of an absolute target is not `host[:port]` (RFC 9110 §4.2).
    #[error("invalid authority in the request target")]
    TargetAuthority,
    /// This server is no proxy (RFC 9110 §9.3.6).
    #[error("method CONNECT is not supported")]
    Connect,
    /// An extended CONNECT for what no application here speaks (RFC 8441 §4).
    #[error("the protocol that CONNECT asks for is not supported")]
    Protocol,

    /// A field line that starts with a space or tab (RFC 9112 §5.2).
    #[error("folded header field")]
    FoldedField,
    /// A field line that starts with its colon.
    #[error("empty header field name")]
    EmptyFieldName,
    /// A field name with a byte that no token has (RFC 9110 §5.1).
    #[error("invalid character in a header field name")]
    FieldName,
    /// Space or tab between name and colon (RFC 9112 §5.1 demands a 400).
    #[error("whitespace before the colon of a header field")]
    SpaceBeforeColon,
    /// A field line without a colon.
    #[error("header field without a colon")]
    MissingColon,
    /// A control character in a field value (RFC 9110 §5.5).
    #[error("invalid character in a header field value")]
    FieldValue,
    /// A field that may come once came again.
    #[error("duplicate {0} header field")]
    DuplicateField(&'static str),
    /// HTTP/1.1 without Host (RFC 9112 §3.2 demands a 400).
    #[error("HTTP/1.1 request without a host header field")]
    MissingHost,
    /// Host is not `uri-host [":" port]` (RFC 9110 §7.2).
    #[error("invalid host header field")]
    Host,
    /// An HTTP/2 request names two different hosts (RFC 9113 §8.3.1).
    #[error(":authority and the host header field differ")]
    DifferentHosts,
    /// An HTTP/2 request without `:path`, or an extended CONNECT without `:authority`.
    #[error("a pseudo-header field is missing")]
    MissingPseudo,
    /// The fields of an HTTP/2 request, taken together.
    #[error("header fields are larger than http2_max_header_list_size")]
    HeaderList,
    /// Whatever the h2 crate calls so, of a request of HTTP/2 (RFC 9113 §8.1.1).
    #[error("malformed HTTP/2 request")]
    MalformedRequest,
    /// A pseudo-header field in the trailers of an HTTP/2 request (RFC 9113 §8.1).
    #[error("pseudo-header field among the trailers")]
    PseudoTrailer,
    /// HTTP/1 from a proxy that is expected to speak HTTP/2 (`http2_cleartext`).
    #[error("HTTP/1 on a port that expects HTTP/2 of trusted proxies (http2_cleartext)")]
    NotHttp2,
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    #[error("unsupported expectation in the expect header field")]
    Expectation,

    /// Content-Length is not a decimal number that fits 64 bits (RFC 9110 §8.6).
    #[error("invalid content-length header field")]
    ContentLength,
    /// Both framings at once: how requests are smuggled (RFC 9112 §6.3).
    #[error("both content-length and transfer-encoding header fields")]
    ConflictingFraming,
    /// Transfer-Encoding on HTTP/1.0 (RFC 9112 §6.1).
    #[error("transfer-encoding header field on HTTP/1.0")]
    TransferEncodingOnHttp10,
    /// A transfer coding this server does not know or does not undo (RFC 9112 §6.1).
    #[error("unsupported coding in the transfer-encoding header field")]
    TransferCoding,
    /// The last coding is not chunked, so the body has no end (RFC 9112 §6.3).
    #[error("chunked is not the last coding of the transfer-encoding header field")]
    ChunkedNotLast,
    /// Chunked applied twice (RFC 9112 §6.1).
    #[error("chunked more than once in the transfer-encoding header field")]
    ChunkedTwice,

    /// A chunk size is not 1 to 16 hexadecimal digits (RFC 9112 §7.1).
    #[error("invalid chunk size")]
    ChunkSize,
    /// A chunk extension breaks the grammar of RFC 9112 §7.1.1.
    #[error("invalid chunk extension")]
    ChunkExtension,
    /// The extensions of one body are larger than anyone needs (RFC 9112 §7.1.1 asks for a limit).
    #[error("chunk extensions are too large")]
    ChunkExtensionsTooLarge,
    /// A size line or the data of a chunk is not followed by exactly CRLF.
    #[error("chunk is not ended by CRLF")]
    ChunkEnd,
    /// A trailer field that would change framing, routing or authentication (RFC 9110 §6.5.1).
    #[error("{0} is not allowed as a trailer field")]
    ForbiddenTrailer(&'static str),

    /// Of the fields that tell the scheme, some say https and some do not (as in gunicorn).
    #[error("contradictory scheme header fields")]
    ContradictorySchemes,
    /// The forwarded field breaks the grammar of RFC 7239 §4.
    #[error("malformed forwarded header field")]
    ForwardedField,
    /// The forwarded host is not `uri-host [":" port]`, or empty.
    #[error("invalid host in a forwarded header field")]
    ForwardedHost,
    /// The forwarded port is not a number from 1 to 65535.
    #[error("invalid x-forwarded-port header field")]
    ForwardedPort,
    /// The forwarded prefix is no plain absolute path.
    #[error("invalid x-forwarded-prefix header field")]
    ForwardedPrefix,
    /// A PROXY protocol header that breaks its grammar or is too long.
    #[error("malformed PROXY protocol header")]
    ProxyHeader,
    /// A PROXY protocol header from a peer that may not send one.
    #[error("PROXY protocol header from an address that is not in proxy_allow_ips")]
    ProxyPeer,
}

/// A rule that the head of a request broke, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{rule}")]
pub struct Refusal {
    /// The rule.
    pub rule: Rejection,
    /// Where the offending line starts in the bytes that were read; the request line, if it is the
    /// head as a whole that will not do.
    pub line: usize,
}

impl Rejection {
    pub(crate) fn at(self, line: usize) -> Refusal {
        Refusal { rule: self, line }
    }

    /// Whether RFC 9113 calls a request of HTTP/2 that breaks this rule malformed (section 8.1.1):
    /// what nobody may send, rather than what this server does not take.
    pub(crate) fn is_malformed(self) -> bool {
        matches!(
            self,
            Self::TargetByte
                | Self::Fragment
                | Self::TargetForm
                | Self::TargetAuthority
                | Self::FieldName
                | Self::FieldValue
                | Self::DuplicateField("host" | "content-length")
                | Self::MissingHost
                | Self::Host
                | Self::DifferentHosts
                | Self::MissingPseudo
                | Self::MalformedRequest
                | Self::PseudoTrailer
                | Self::ContentLength
        )
    }

    /// The status code that answers the request.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::ProxyPeer => 403,
            Self::RequestLineTooLong => 414,
            Self::Expectation => 417,
            Self::FieldTooLarge | Self::TooManyFields | Self::HeaderList => 431,
            Self::Connect | Self::Protocol | Self::TransferCoding => 501,
            _ => 400,
        }
    }
}
