//! The atoms of gunicorn's access log format: their names, and what each writes.

use std::borrow::Cow;
use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::endpoint::ServerAddress;
use crate::parser::Head;
use crate::parser::percent_decode;
use crate::proxy::Forwarded;
use crate::proxy::Mounted;
use crate::proxy::mount;

use super::AccessRecord;
use super::escape::Escape;

/// One `%(name)s`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Atom {
    /// `h`: the client's address.
    Client,
    /// `l`: nobody asks identd any more.
    Identity,
    /// `u`: the user of Basic authentication.
    User,
    /// `t`: local time; written by the format, which remembers it.
    Time,
    /// `r`: method, target and version.
    RequestLine,
    /// `m`.
    Method,
    /// `U`: the path, decoded.
    Path,
    /// `q`.
    Query,
    /// `H`.
    Protocol,
    /// `s`.
    Status,
    /// `b` and `B`: bytes of the body.
    BodyBytes,
    /// `T`.
    Seconds,
    /// `M`.
    Milliseconds,
    /// `D`.
    Microseconds,
    /// `L`: seconds with six decimals.
    DecimalSeconds,
    /// `p`: the process, in angle brackets.
    Pid,
    /// `f`, `a` and `{name}i`: a request field, in lower case.
    RequestField(Box<str>),
    /// `{name}o`: a response field.
    ResponseField(Box<str>),
    /// `{HTTP_NAME}e`: request fields called so, joined as in a WSGI environ.
    JoinedField(Box<str>),
    /// `{RAW_URI}e`: the target as received.
    Target,
    /// `{REMOTE_PORT}e`.
    ClientPort,
    /// `{SERVER_NAME}e`.
    ServerName,
    /// `{SERVER_PORT}e`.
    ServerPort,
    /// `{wsgi.url_scheme}e`.
    Scheme,
    /// `{SCRIPT_NAME}e`: where the application is mounted.
    ScriptName,
    /// `{SERVER_SOFTWARE}e`.
    Software,
    /// Any other `{name}e`: nothing is known of it here.
    Unknown,
}

impl Atom {
    /// The atom called `name`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "h" => Self::Client,
            "l" => Self::Identity,
            "u" => Self::User,
            "t" => Self::Time,
            "r" => Self::RequestLine,
            "m" => Self::Method,
            "U" => Self::Path,
            "q" => Self::Query,
            "H" => Self::Protocol,
            "s" => Self::Status,
            "b" | "B" => Self::BodyBytes,
            "T" => Self::Seconds,
            "M" => Self::Milliseconds,
            "D" => Self::Microseconds,
            "L" => Self::DecimalSeconds,
            "p" => Self::Pid,
            "f" => Self::RequestField("referer".into()),
            "a" => Self::RequestField("user-agent".into()),
            _ => {
                let (key, kind) = name.strip_prefix('{')?.rsplit_once('}')?;
                let lower = key.to_ascii_lowercase();
                match kind {
                    "i" => Self::RequestField(lower.into()),
                    "o" => Self::ResponseField(lower.into()),
                    "e" => Self::of_environ(&lower),
                    _ => return None,
                }
            }
        })
    }

    /// The atom that says what `key`, in lower case, holds in a WSGI environ.
    fn of_environ(key: &str) -> Self {
        match key {
            "request_method" => Self::Method,
            "raw_uri" => Self::Target,
            "path_info" => Self::Path,
            "query_string" => Self::Query,
            "server_protocol" => Self::Protocol,
            "remote_addr" => Self::Client,
            "remote_port" => Self::ClientPort,
            "server_name" => Self::ServerName,
            "server_port" => Self::ServerPort,
            "wsgi.url_scheme" => Self::Scheme,
            "script_name" => Self::ScriptName,
            "server_software" => Self::Software,
            "content_type" => Self::RequestField("content-type".into()),
            "content_length" => Self::RequestField("content-length".into()),
            _ => match key.strip_prefix("http_") {
                Some(name) => Self::JoinedField(name.replace('_', "-").into()),
                None => Self::Unknown,
            },
        }
    }

    /// Whether Python's `%(name)d` would work.
    pub(super) fn is_number(&self) -> bool {
        matches!(
            self,
            Self::BodyBytes | Self::Seconds | Self::Milliseconds | Self::Microseconds
        )
    }

    /// Appends what the atom says about `record`.
    pub(super) fn write(&self, line: &mut Line<'_>, record: &AccessRecord<'_>) {
        match self {
            Self::Client => line.text(record.client.as_bytes()),
            Self::Status => line.number(record.status.into()),
            Self::BodyBytes => line.number(record.body_bytes),
            Self::Seconds => line.number(record.elapsed.as_secs()),
            Self::Milliseconds => line.number(record.elapsed.as_millis() as u64),
            Self::Microseconds => line.number(record.elapsed.as_micros() as u64),
            Self::DecimalSeconds => {
                let (seconds, rest) = (record.elapsed.as_secs(), record.elapsed.subsec_micros());
                // Writing to a Vec cannot fail.
                let _ = write!(line.out, "{seconds}.{rest:06}");
            }
            Self::Pid => {
                line.out.push(b'<');
                line.number(record.pid.into());
                line.out.push(b'>');
            }
            Self::ResponseField(name) => {
                line.optional(response_field(record.response_fields, name))
            }
            Self::ClientPort if record.client_port > 0 => line.number(record.client_port.into()),
            Self::Scheme => line.text(scheme(record)),
            Self::Software => line.text(SOFTWARE),
            Self::Identity | Self::Time | Self::Unknown | Self::ClientPort => line.out.push(b'-'),
            _ => match record.head {
                Some(head) => self.write_request(line, record, head),
                None if *self == Self::RequestLine => line.text(record.request_line),
                None => line.out.push(b'-'),
            },
        }
    }

    fn write_request(&self, line: &mut Line<'_>, record: &AccessRecord<'_>, head: &Head) {
        match self {
            Self::RequestLine => {
                line.text(head.method().as_bytes());
                line.out.push(b' ');
                line.text(head.target().as_bytes());
                line.out.push(b' ');
                line.text(head.version().as_str().as_bytes());
            }
            Self::Method => line.text(head.method().as_bytes()),
            Self::Target => line.text(head.target().as_bytes()),
            Self::Path => {
                let (_, path) = line.mount.split(head.path(), record.forwarded);
                line.path(&path);
            }
            Self::ScriptName if line.mount.0.is_none() => line.out.push(b'-'),
            Self::ScriptName => {
                let (root, _) = line.mount.split(head.path(), record.forwarded);
                line.path(&root);
            }
            Self::ServerName => line.text(server(record, head).0.as_bytes()),
            Self::ServerPort => line.number(server(record, head).1.into()),
            Self::Query => line.text(head.query().as_bytes()),
            Self::Protocol => line.text(head.version().as_str().as_bytes()),
            Self::RequestField(name) => line.optional(head.field(name.as_bytes())),
            Self::JoinedField(name) => line.joined(head, name.as_bytes()),
            Self::User => line.decoded(|scratch| decode_user(head, scratch)),
            _ => {}
        }
    }
}

/// The line being written.
pub(super) struct Line<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) escape: Escape,
    pub(super) mount: &'a MountPoint,
    /// Room for what has to be decoded before it is escaped.
    pub(super) scratch: &'a mut Vec<u8>,
}

impl Line<'_> {
    fn text(&mut self, text: &[u8]) {
        self.escape.write(self.out, text);
    }

    fn number(&mut self, number: u64) {
        self.out
            .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn optional(&mut self, text: Option<&[u8]>) {
        self.text(text.unwrap_or(b"-"));
    }

    /// Appends a path, or a part of one, without percent signs.
    fn path(&mut self, path: &str) {
        self.scratch.clear();
        percent_decode(path, self.scratch);
        self.escape.write(self.out, self.scratch);
    }

    /// Appends what `decode` makes, or `-` if that is nothing.
    fn decoded(&mut self, decode: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        decode(self.scratch);
        let text: &[u8] = if self.scratch.is_empty() {
            b"-"
        } else {
            self.scratch
        };
        self.escape.write(self.out, text);
    }

    /// Appends all values of a request field with commas between them.
    fn joined(&mut self, head: &Head, name: &[u8]) {
        let mut separator: &[u8] = b"";
        for (_, value) in head.fields().filter(|(other, _)| *other == name) {
            self.out.extend_from_slice(separator);
            self.text(value);
            separator = if name == b"cookie" { b"; " } else { b"," };
        }
        if separator.is_empty() {
            self.out.push(b'-');
        }
    }
}

/// Where applications are mounted, if they are told of it as `SCRIPT_NAME`.
#[derive(Debug, Default)]
pub(super) struct MountPoint(pub(super) Option<String>);

impl MountPoint {
    /// The path in two: what an application is told as `SCRIPT_NAME`, and the rest.
    fn split<'a>(
        &'a self,
        path: &'a str,
        forwarded: Option<&'a Forwarded>,
    ) -> (Cow<'a, str>, Cow<'a, str>) {
        let Some(root) = &self.0 else {
            return (Cow::default(), Cow::Borrowed(path));
        };
        let Mounted { root, path } = mount(path, root, forwarded);
        match path.strip_prefix(&*root) {
            Some(rest) => {
                let rest = rest.to_owned();
                (root, Cow::Owned(rest))
            }
            None => (root, path),
        }
    }
}

/// Who was asked, with a name and a port: as a proxy says, or the server's end of the connection. A
/// unix socket has no name: the client's word counts.
fn server<'a>(record: &AccessRecord<'a>, head: &'a Head) -> (Cow<'a, str>, u16) {
    if let Some(host) = record.forwarded.and_then(|said| said.host.as_ref()) {
        return (Cow::Borrowed(&host.name), host.port);
    }
    match record.server {
        ServerAddress::Tcp(address) => {
            let name = address.ip().to_canonical().to_string();
            (Cow::Owned(name), address.port())
        }
        ServerAddress::Unix(_) => {
            let said = record.forwarded.and_then(|said| said.scheme);
            let default = said.unwrap_or(record.scheme).default_port();
            let host = String::from_utf8_lossy(head.field(b"host").unwrap_or(b"localhost"));
            let parts = host.rsplit_once(':');
            match parts.and_then(|(name, port)| Some((name.to_owned(), port.parse().ok()?))) {
                Some((name, port)) => (Cow::Owned(name), port),
                None => (host, default),
            }
        }
    }
}

fn scheme(record: &AccessRecord<'_>) -> &'static [u8] {
    let said = record.forwarded.and_then(|said| said.scheme);
    said.unwrap_or(record.scheme).as_str().as_bytes()
}

const SOFTWARE: &[u8] = concat!("rgunicorn/", env!("CARGO_PKG_VERSION")).as_bytes();

/// The user name in `Authorization: Basic` (RFC 7617 §2), if there is one.
pub(super) fn decode_user(head: &Head, out: &mut Vec<u8>) {
    let Some(value) = head.field(b"authorization") else {
        return;
    };
    let Some((scheme, credentials)) = value.split_at_checked(b"basic ".len()) else {
        return;
    };
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return;
    }
    if BASE64_STANDARD
        .decode_vec(credentials.trim_ascii(), out)
        .is_err()
    {
        out.clear();
    }
    out.truncate(memchr::memchr(b':', out).unwrap_or(out.len()));
}

/// The last value of the field `name` in a block of response fields.
fn response_field<'a>(block: &'a [u8], name: &str) -> Option<&'a [u8]> {
    block.rsplit(|byte| *byte == b'\n').find_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        line[..colon]
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| line[colon + 1..].trim_ascii())
    })
}
