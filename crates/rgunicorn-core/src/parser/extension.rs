//! Chunk extensions, byte by byte: checked so that nobody can read them differently, then dropped.

use super::octet::is_token;
use super::octet::is_value;
use super::octet::is_whitespace;
use super::rejection::Rejection;

/// Where in `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )` the decoder is (RFC
/// 9112 §7.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Extension {
    /// After whitespace that only a semicolon may follow.
    AwaitingSemicolon,
    AwaitingName,
    Name,
    /// After whitespace behind a name.
    AwaitingEquals,
    AwaitingValue,
    Token,
    Quoted,
    /// After a backslash in quotes.
    Escaped,
    /// After the closing quote.
    Closed,
}

impl Extension {
    /// The state that the first byte behind a chunk size leads to.
    pub(super) fn start(byte: u8) -> Option<Self> {
        match byte {
            b';' => Some(Self::AwaitingName),
            byte if is_whitespace(byte) => Some(Self::AwaitingSemicolon),
            _ => None,
        }
    }

    /// Whether the size line may end here.
    pub(super) fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Token | Self::Closed)
    }

    /// The state after `byte`.
    pub(super) fn step(self, byte: u8) -> Result<Self, Rejection> {
        Ok(match (self, byte) {
            (Self::Quoted, b'"') => Self::Closed,
            (Self::Quoted, b'\\') => Self::Escaped,
            // RFC 9110 §5.6.4: what may be quoted is what a field value may hold.
            (Self::Quoted | Self::Escaped, byte) if is_value(byte) => Self::Quoted,
            (
                Self::AwaitingSemicolon
                | Self::Name
                | Self::AwaitingEquals
                | Self::Token
                | Self::Closed,
                b';',
            ) => Self::AwaitingName,
            (Self::Name | Self::AwaitingEquals, b'=') => Self::AwaitingValue,
            (Self::AwaitingValue, b'"') => Self::Quoted,
            (Self::AwaitingName | Self::Name, byte) if is_token(byte) => Self::Name,
            (Self::AwaitingValue | Self::Token, byte) if is_token(byte) => Self::Token,
            (state, byte) if is_whitespace(byte) => match state {
                Self::Name | Self::AwaitingEquals => Self::AwaitingEquals,
                Self::Token | Self::Closed | Self::AwaitingSemicolon => Self::AwaitingSemicolon,
                waiting => waiting,
            },
            _ => return Err(Rejection::ChunkExtension),
        })
    }
}
