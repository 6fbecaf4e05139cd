//! What two sides agree on about permessage-deflate (RFC 7692 section 7.1).
//!
//! The names of the parameters say `server` and `client`; an agreement says what this side does
//! with what it sends and with what it receives.

use std::fmt;

use crate::extension;
use crate::extension::Extension;

/// The base-2 logarithm of a window: how far back a compressor may look.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct WindowBits(u8);

impl WindowBits {
    /// 512 bytes, the least that zlib compresses with.
    pub const LEAST: Self = Self(9);
    /// 32 KiB, the most there is, and what an unsaid parameter means.
    pub const MOST: Self = Self(15);

    /// 9 to 15.
    #[must_use]
    pub fn new(bits: u8) -> Option<Self> {
        (9..=15).contains(&bits).then_some(Self(bits))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

/// How hard the compressor tries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Level(u8);

impl Level {
    /// 0, which stores, to 9.
    #[must_use]
    pub fn new(level: u8) -> Option<Self> {
        (level <= 9).then_some(Self(level))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

/// How much memory the compressor takes beside its window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MemoryLevel(u8);

impl MemoryLevel {
    /// 1 to 9.
    #[must_use]
    pub fn new(level: u8) -> Option<Self> {
        (1..=9).contains(&level).then_some(Self(level))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Whether a message may refer to those before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Takeover {
    /// It may: better compression, for memory that is held between messages.
    Allowed,
    /// It may not: no memory is held.
    Forbidden,
}

/// What this side wants of compression.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DeflateSettings {
    /// The largest window for what the server sends.
    pub server_window: WindowBits,
    /// The largest window for what the client sends, where the client lets itself be told.
    pub client_window: WindowBits,
    /// Whether the server's messages may refer to earlier ones.
    pub server_takeover: Takeover,
    /// Whether the client's messages may refer to earlier ones.
    pub client_takeover: Takeover,
    /// How hard this side compresses.
    pub level: Level,
    /// How much memory that takes.
    pub memory: MemoryLevel,
    /// Messages of fewer bytes are sent as they are.
    pub threshold: usize,
}

impl Default for DeflateSettings {
    /// Windows of 4 KiB and a memory level of 5: about a tenth worse than zlib's most, for a
    /// fraction of the memory.
    fn default() -> Self {
        Self {
            server_window: WindowBits(12),
            client_window: WindowBits(12),
            server_takeover: Takeover::Allowed,
            client_takeover: Takeover::Allowed,
            level: Level(6),
            memory: MemoryLevel(5),
            threshold: 128,
        }
    }
}

/// What both sides agreed on, as seen from this one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deflate {
    pub(crate) outgoing: Outgoing,
    pub(crate) incoming: Takeover,
}

/// How this side compresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Outgoing {
    pub(crate) window: WindowBits,
    pub(crate) takeover: Takeover,
    pub(crate) level: Level,
    pub(crate) memory: MemoryLevel,
    pub(crate) threshold: usize,
}

/// The first of a client's offers that a server can accept, and the answer to it.
pub(crate) fn negotiate(
    offers: &[Extension<'_>],
    settings: &DeflateSettings,
) -> Option<(Deflate, String)> {
    offers
        .iter()
        .filter_map(|offer| Parameters::of(offer, Side::Client))
        .find_map(|offer| offer.accepted(settings))
        .map(|agreed| (agreed.deflate(Side::Server, settings), agreed.to_string()))
}

impl Deflate {
    /// What a client offers that wants `settings`.
    #[must_use]
    pub fn offer(settings: &DeflateSettings) -> String {
        let below_most = |window: WindowBits| (window < WindowBits::MOST).then_some(window.0);
        let offer = Parameters {
            server_takeover: settings.server_takeover,
            client_takeover: settings.client_takeover,
            server_window: below_most(settings.server_window),
            client_window: Some(below_most(settings.client_window)),
        };
        offer.to_string()
    }

    /// What a server's answer to [`offer`](Self::offer) means for the client; none where the server
    /// declined, or answered something that was not offered.
    #[must_use]
    pub fn accepted(answer: &[u8], settings: &DeflateSettings) -> Option<Self> {
        let extensions = extension::list(answer)?;
        let [only] = extensions.as_slice() else {
            return None;
        };
        let agreed = Parameters::of(only, Side::Server)?;
        let is_too_large = agreed.server_window.unwrap_or(15) > settings.server_window.0;
        let keeps = settings.server_takeover == Takeover::Forbidden
            && agreed.server_takeover == Takeover::Allowed;
        (!is_too_large && !keeps).then(|| agreed.deflate(Side::Client, settings))
    }
}

/// Whose words they are, or whose view.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    Client,
    Server,
}

/// The four parameters, as offered or answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Parameters {
    server_takeover: Takeover,
    client_takeover: Takeover,
    server_window: Option<u8>,
    /// Said at all, and with what number: a client may offer to be told (RFC 7692 section 7.1.2.2).
    client_window: Option<Option<u8>>,
}

impl Parameters {
    /// None where it is another extension, or where something is unknown, repeated, or has a value
    /// that it must not have (RFC 7692 section 7.1).
    fn of(extension: &Extension<'_>, speaker: Side) -> Option<Self> {
        if !extension.name.eq_ignore_ascii_case(NAME.as_bytes()) {
            return None;
        }
        let mut said = Self {
            server_takeover: Takeover::Allowed,
            client_takeover: Takeover::Allowed,
            server_window: None,
            client_window: None,
        };
        for (name, value) in &extension.parameters {
            let is_new = match (*name, value) {
                (b"server_no_context_takeover", None) => said.server_takeover.forbid(),
                (b"client_no_context_takeover", None) => said.client_takeover.forbid(),
                (b"server_max_window_bits", Some(value)) => {
                    said.server_window.replace(bits(value)?).is_none()
                }
                (b"client_max_window_bits", Some(value)) => {
                    said.client_window.replace(Some(bits(value)?)).is_none()
                }
                (b"client_max_window_bits", None) if speaker == Side::Client => {
                    said.client_window.replace(None).is_none()
                }
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(said)
    }

    /// What a server answers to this offer; none where it cannot do what is asked.
    fn accepted(self, settings: &DeflateSettings) -> Option<Self> {
        let server = self
            .server_window
            .unwrap_or(15)
            .min(settings.server_window.0);
        // zlib has no window of 256 bytes: it would look further back than the client permits.
        WindowBits::new(server)?;
        let client = self
            .client_window
            .map(|most| most.unwrap_or(15).min(settings.client_window.0));
        Some(Self {
            server_takeover: self.server_takeover.and(settings.server_takeover),
            client_takeover: self.client_takeover.and(settings.client_takeover),
            server_window: (server < 15 || self.server_window.is_some()).then_some(server),
            client_window: client.filter(|bits| *bits < 15).map(Some),
        })
    }

    fn deflate(self, view: Side, settings: &DeflateSettings) -> Deflate {
        let (bits, takeover, incoming) = match view {
            Side::Server => (
                self.server_window,
                self.server_takeover,
                self.client_takeover,
            ),
            Side::Client => (
                self.client_window
                    .flatten()
                    .or(Some(settings.client_window.0)),
                self.client_takeover,
                self.server_takeover,
            ),
        };
        Deflate {
            outgoing: Outgoing {
                // Only a client can be told 8, and it may then send what is not compressed at all.
                window: WindowBits(bits.unwrap_or(15).clamp(9, 15)),
                takeover,
                level: settings.level,
                memory: settings.memory,
                threshold: match bits {
                    Some(8) => usize::MAX,
                    _ => settings.threshold,
                },
            },
            incoming,
        }
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(NAME)?;
        if self.server_takeover == Takeover::Forbidden {
            formatter.write_str("; server_no_context_takeover")?;
        }
        if self.client_takeover == Takeover::Forbidden {
            formatter.write_str("; client_no_context_takeover")?;
        }
        if let Some(bits) = self.server_window {
            write!(formatter, "; server_max_window_bits={bits}")?;
        }
        match self.client_window {
            Some(Some(bits)) => write!(formatter, "; client_max_window_bits={bits}"),
            Some(None) => formatter.write_str("; client_max_window_bits"),
            None => Ok(()),
        }
    }
}

impl Takeover {
    /// Forbids it, and says whether that is news.
    fn forbid(&mut self) -> bool {
        std::mem::replace(self, Self::Forbidden) == Self::Allowed
    }

    fn and(self, other: Self) -> Self {
        if self == Self::Allowed { other } else { self }
    }
}

/// 8 to 15 in decimal, without a leading zero (RFC 7692 section 7.1.2).
fn bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

const NAME: &str = "permessage-deflate";
