//! What a proxy in front says about the client, and whether to believe it.
//!
//! A field such as `x-forwarded-for` can be sent by anybody. It counts only from a peer that
//! the operator trusts ([`Trusted`]), and of the fields only those that the operator says the proxy
//! writes ([`ProxySettings`]). What is believed of one request is one [`Forwarded`]. Pure: no I/O and
//! no clock. Decision 9 has the reasons.

mod host;

mod mount;

mod node;

mod forwarded;

mod scheme;

mod trust;

use std::borrow::Cow;

use crate::endpoint::Scheme;
use crate::parser::Head;
use crate::parser::Rejection;
use crate::proxy_protocol::Versions;

use forwarded::Element;
use node::Node;

pub use host::ForwardedHost;
pub use mount::Mounted;
pub use mount::mount;
pub use scheme::InvalidFieldName;
pub use scheme::SecureSchemes;
pub use trust::TrustError;
pub use trust::Trusted;

/// Which words of which proxies are believed.
#[derive(Clone, Debug)]
pub struct ProxySettings {
    /// The peers whose fields are believed (`forwarded_allow_ips`).
    pub trusted: Trusted,
    /// The family of fields that the proxy writes.
    pub family: Family,
    /// The fields that tell the scheme, in the family of `x-forwarded-for`.
    pub secure_schemes: SecureSchemes,
    /// The client: whom the application and the access log take for it.
    pub client: Belief,
    /// The host and port that the client asked for.
    pub host: Belief,
    /// `x-forwarded-prefix`.
    pub prefix: Belief,
    /// gunicorn's `SCRIPT_NAME` field.
    pub script_name: Belief,
    /// The versions of the PROXY protocol that a connection may begin with, if any.
    pub protocol: Option<Versions>,
    /// The peers that may send it (`proxy_allow_ips`).
    pub protocol_trusted: Trusted,
}

/// The two families of fields. Never both at once: a proxy that writes one of them passes on what a
/// client wrote into the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// None: nothing is believed.
    None,
    /// `x-forwarded-for` and its kin.
    XForwarded,
    /// `forwarded` (RFC 7239).
    Forwarded,
}

/// Whether a field is believed if a trusted peer sends it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Belief {
    /// It is.
    Believed,
    /// It is passed on to the application as any other field.
    Ignored,
}

/// What is believed about one request. None means: as the connection has it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Forwarded {
    /// Who asked.
    pub client: Option<Client>,
    /// How the client's own connection is secured.
    pub scheme: Option<Scheme>,
    /// Whom the client asked.
    pub host: Option<ForwardedHost>,
    /// The first part of the path under which the application is mounted; it is still there.
    pub script_name: Option<String>,
    /// What the proxy took off the path's beginning.
    pub prefix: Option<String>,
}

/// A client as a proxy names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Client {
    /// An IP address, or a word such as `unknown` or `_hidden`; never empty.
    pub host: String,
    /// 0 if the proxy did not say.
    pub port: u16,
}

impl From<bool> for Belief {
    fn from(on: bool) -> Self {
        if on { Self::Believed } else { Self::Ignored }
    }
}

impl ProxySettings {
    /// Whether `head` may hold anything for [`read`](Self::read). Costs nothing.
    pub(crate) fn concerns(&self, head: &Head) -> bool {
        self.family != Family::None
            && (head.has_proxy_fields() || self.secure_schemes.has_unusual_names())
    }

    /// What `head` says, if it came from a trusted peer over a connection of this `scheme`.
    ///
    /// # Errors
    ///
    /// If it contradicts itself, or a part that would be believed is malformed.
    pub fn read(&self, head: &Head, scheme: Scheme) -> Result<Forwarded, Rejection> {
        let mut forwarded = match self.family {
            Family::None => return Ok(Forwarded::default()),
            Family::XForwarded => self.read_x_forwarded(head, scheme)?,
            Family::Forwarded => self.read_forwarded(head, scheme)?,
        };
        if self.client == Belief::Ignored {
            forwarded.client = None;
        }
        if self.prefix == Belief::Believed {
            forwarded.prefix = last(head, b"x-forwarded-prefix")
                .map(mount::prefix)
                .transpose()?
                .flatten();
        }
        if self.script_name == Belief::Believed {
            forwarded.script_name = head
                .field(b"script_name")
                .and_then(|name| mount::script_name(name, head.path()));
        }
        Ok(forwarded)
    }

    fn read_x_forwarded(&self, head: &Head, own: Scheme) -> Result<Forwarded, Rejection> {
        let nodes = values(head, b"x-forwarded-for")
            .rev()
            .flat_map(|value| value.rsplit(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|token| !token.is_empty())
            .map(Node::of);
        let scheme = self.secure_schemes.read(head)?;
        let mut forwarded = Forwarded {
            client: self.first_stranger(nodes).map(Node::into_client),
            scheme,
            ..Forwarded::default()
        };
        if self.host == Belief::Believed {
            let port = last(head, b"x-forwarded-port");
            let name = last(head, b"x-forwarded-host");
            forwarded.host =
                ForwardedHost::of_fields(name, port, head.field(b"host"), scheme.unwrap_or(own))?;
        }
        Ok(forwarded)
    }

    /// The client is the last that is not a proxy of ours; if all are, the first.
    fn first_stranger(&self, nodes: impl Iterator<Item = Node>) -> Option<Node> {
        let mut first = None;
        for node in nodes {
            let known = node.is_in(&self.trusted);
            first = Some(node);
            if !known {
                break;
            }
        }
        first
    }

    fn read_forwarded(&self, head: &Head, own: Scheme) -> Result<Forwarded, Rejection> {
        let mut elements = Vec::new();
        for value in values(head, b"forwarded") {
            forwarded::read(value, &mut elements)?;
        }
        let Some(element) = self.element_about_client(&elements) else {
            return Ok(Forwarded::default());
        };
        let scheme = element.scheme();
        let host = match (self.host, &element.host) {
            (Belief::Believed, Some(host)) => {
                Some(ForwardedHost::of_authority(host, scheme.unwrap_or(own))?)
            }
            _ => None,
        };
        Ok(Forwarded {
            client: element.node().map(Node::into_client),
            scheme,
            host,
            ..Forwarded::default()
        })
    }

    /// Each proxy adds an element about whom it was asked by. One that does not say by whom ends
    /// the chain: what comes before it may be anybody's.
    fn element_about_client<'a>(&self, elements: &'a [Element<'a>]) -> Option<&'a Element<'a>> {
        let is_of_ours = |element: &Element<'_>| match element.node() {
            Some(node) => node.is_in(&self.trusted),
            None => self.trusted == Trusted::Everyone,
        };
        elements
            .iter()
            .rev()
            .find(|element| !is_of_ours(element))
            .or(elements.first())
    }
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self {
            trusted: Trusted::loopback(),
            family: Family::XForwarded,
            secure_schemes: SecureSchemes::default(),
            client: Belief::Believed,
            host: Belief::Ignored,
            prefix: Belief::Ignored,
            script_name: Belief::Believed,
            protocol: None,
            protocol_trusted: Trusted::loopback(),
        }
    }
}

/// The values of all fields called `name`.
fn values<'a>(head: &'a Head, name: &'a [u8]) -> impl DoubleEndedIterator<Item = &'a [u8]> {
    head.fields()
        .filter(move |(other, _)| *other == name)
        .map(|(_, value)| value)
}

/// The last element of the last field called `name`: what the nearest proxy wrote.
fn last<'a>(head: &'a Head, name: &[u8]) -> Option<&'a [u8]> {
    head.field(name).map(last_element)
}

fn last_element(list: &[u8]) -> &[u8] {
    let last = list.rsplit(|byte| *byte == b',').next();
    last.unwrap_or_default().trim_ascii()
}

/// Bytes of a field as text; each byte is a character, as WSGI and ASGI's tools have it.
fn text(bytes: Cow<'_, [u8]>) -> String {
    bytes.iter().copied().map(char::from).collect()
}
