//! Close codes, and what fits a close frame (RFC 6455 section 7.4).

/// A code that may stand in a close frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CloseCode(u16);

impl CloseCode {
    /// Done.
    pub const NORMAL: Self = Self(1000);
    /// This side is going away.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke a rule of the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A payload is not what its type says.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// What the peer does is not accepted, whatever the protocol permits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message is too large.
    pub const TOO_LARGE: Self = Self(1009);
    /// This side failed.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// This side starts again, so the peer may try again.
    pub const SERVICE_RESTART: Self = Self(1012);

    /// The code `number`: 1000 to 1003 and 1007 to 1014, which are registered, or 3000 to 4999, for
    /// libraries and applications. Not 1005, 1006 and 1015, which stand for the lack of a close
    /// frame.
    #[must_use]
    pub fn new(number: u16) -> Option<Self> {
        matches!(number, 1000..=1003 | 1007..=1014 | 3000..=4999).then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

/// As much of `reason` as fits a close frame, without half a character at the end.
pub(crate) fn fitting(reason: &str) -> &str {
    let mut end = reason.len().min(LONGEST_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

/// A control frame's 125 bytes without the two of the code.
const LONGEST_REASON: usize = 123;
