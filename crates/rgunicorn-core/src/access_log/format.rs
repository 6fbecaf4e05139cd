//! gunicorn's `access_log_format`, read once and written many times.

use std::cell::RefCell;
use std::fmt;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::AccessRecord;
use super::atom::Atom;
use super::atom::Line;
use super::atom::MountPoint;
use super::escape::Escape;
use super::object::Object;

/// gunicorn's default: the common log format, with referer and user agent.
pub const DEFAULT_FORMAT: &str = r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s""#;

/// A format, ready to write lines.
///
/// A template that starts with `{` is taken for JSON, and what is put into it is escaped as JSON
/// has it; in any other, as `\"` and `\xNN`.
pub struct AccessFormat {
    shape: Shape,
    mount: MountPoint,
    zone: TimeZone,
    cache: RefCell<Cache>,
}

/// Why a format cannot be used. gunicorn finds out when the first request is logged, or never.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AccessFormatError {
    /// There is no such atom.
    #[error("unknown atom {0:?} in the access log format")]
    UnknownAtom(String),
    /// An atom that is not written `%(name)s`.
    #[error("atom {0:?} in the access log format does not end in \")s\"")]
    Conversion(String),
    /// A percent sign that starts no atom.
    #[error("lone \"%\" in the access log format: a percent sign is written \"%%\"")]
    LonePercent,
}

/// What a line looks like.
#[derive(Debug)]
enum Shape {
    Template(Vec<Segment>, Escape),
    /// See [`object`](super::object).
    Object,
}

#[derive(Debug)]
enum Segment {
    Literal(String),
    Atom(Atom),
}

/// What is kept from one line to the next.
#[derive(Debug, Default)]
struct Cache {
    /// The second that `time` says, since 1970.
    second: Option<i64>,
    time: String,
    scratch: Vec<u8>,
}

impl AccessFormat {
    /// Reads a format: text with atoms written `%(name)s`, and `%%` for a percent sign.
    ///
    /// # Errors
    ///
    /// The first thing in `format` that is neither.
    pub fn parse(format: &str) -> Result<Self, AccessFormatError> {
        let is_json = format.trim_start().starts_with('{');
        let escape = if is_json { Escape::Json } else { Escape::Text };
        Ok(Self::of(Shape::Template(parse_segments(format)?, escape)))
    }

    /// A JSON object in each line, always with the same keys.
    #[must_use]
    pub fn json() -> Self {
        Self::of(Shape::Object)
    }

    fn of(shape: Shape) -> Self {
        Self {
            shape,
            mount: MountPoint::default(),
            zone: TimeZone::system(),
            cache: RefCell::default(),
        }
    }

    /// Takes `root` off paths, and what proxies say of it, as WSGI does (`SCRIPT_NAME`).
    #[must_use]
    pub fn mounted_at(mut self, root: &str) -> Self {
        self.mount = MountPoint(Some(root.to_owned()));
        self
    }

    /// Appends the line about `record`, line end included.
    pub fn write(&self, out: &mut Vec<u8>, record: &AccessRecord<'_>) {
        let cache = &mut *self.cache.borrow_mut();
        match &self.shape {
            Shape::Template(segments, escape) => {
                self.write_segments(out, record, (segments, *escape), cache);
            }
            Shape::Object => {
                let time = cache.time(record.now, &self.zone, "%Y-%m-%dT%H:%M:%S.000%:z");
                Object { out, time }.write(record);
            }
        }
        out.push(b'\n');
    }

    fn write_segments(
        &self,
        out: &mut Vec<u8>,
        record: &AccessRecord<'_>,
        (segments, escape): (&[Segment], Escape),
        cache: &mut Cache,
    ) {
        for segment in segments {
            match segment {
                Segment::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Segment::Atom(Atom::Time) => {
                    let time = cache.time(record.now, &self.zone, "[%d/%b/%Y:%H:%M:%S %z]");
                    out.extend_from_slice(time.as_bytes());
                }
                Segment::Atom(atom) => atom.write(
                    &mut Line {
                        out,
                        escape,
                        mount: &self.mount,
                        scratch: &mut cache.scratch,
                    },
                    record,
                ),
            }
        }
    }
}

impl fmt::Debug for AccessFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AccessFormat")
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// `now` in the one layout of this format, made once a second.
    fn time(&mut self, now: SystemTime, zone: &TimeZone, layout: &str) -> &str {
        let second = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() as i64);
        if self.second != Some(second) {
            let timestamp = Timestamp::from_second(second).unwrap_or_default();
            let zoned = timestamp.to_zoned(zone.clone());
            self.time = zoned.strftime(layout).to_string();
            self.second = Some(second);
        }
        &self.time
    }
}

fn parse_segments(format: &str) -> Result<Vec<Segment>, AccessFormatError> {
    let mut segments = Vec::new();
    let mut literal = String::new();
    let mut rest = format;
    while let Some((text, after)) = rest.split_once('%') {
        literal.push_str(text);
        if let Some(after) = after.strip_prefix('%') {
            literal.push('%');
            rest = after;
            continue;
        }
        let (atom, after) = parse_atom(after)?;
        if !literal.is_empty() {
            segments.push(Segment::Literal(std::mem::take(&mut literal)));
        }
        segments.push(Segment::Atom(atom));
        rest = after;
    }
    literal.push_str(rest);
    segments.push(Segment::Literal(literal));
    Ok(segments)
}

/// The atom that stands after a percent sign, and the text behind it.
fn parse_atom(text: &str) -> Result<(Atom, &str), AccessFormatError> {
    let text = text
        .strip_prefix('(')
        .ok_or(AccessFormatError::LonePercent)?;
    let conversion = || AccessFormatError::Conversion(text.chars().take(20).collect());
    let (name, after) = text.split_once(')').ok_or_else(conversion)?;
    let atom = Atom::named(name).ok_or_else(|| AccessFormatError::UnknownAtom(name.into()))?;
    let after = after
        .strip_prefix('s')
        .or_else(|| after.strip_prefix('d').filter(|_| atom.is_number()))
        .ok_or_else(|| AccessFormatError::Conversion(name.into()))?;
    Ok((atom, after))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::Offset;

    use crate::endpoint::Scheme;
    use crate::parser::Head;
    use crate::parser::Tolerance;
    use crate::proxy::Forwarded;
    use crate::proxy::ForwardedHost;

    use super::super::tests;
    use super::*;

    const REQUEST: &[u8] = b"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nReferer: http://r/\r\n\
        User-Agent: \"me\"\\\r\nAuthorization: basic YWxpY2U6c2VjcmV0\r\nX-A: 1\r\nX-A: 2\r\n\r\n";

    fn record(head: Option<&Head>) -> AccessRecord<'_> {
        AccessRecord {
            head,
            client: "192.0.2.7",
            client_port: 5000,
            status: 200,
            body_bytes: 12,
            response_fields: b"content-type: text/plain\r\nSet-Cookie: a\r\nset-cookie: b\r\n",
            elapsed: Duration::from_micros(3_004_567),
            now: UNIX_EPOCH + Duration::from_millis(1_795_390_130_900),
            pid: 42,
            ..tests::record(b"\x16\x03 junk")
        }
    }

    fn written(mut format: AccessFormat, record: &AccessRecord<'_>) -> String {
        format.zone = TimeZone::fixed(Offset::constant(2));
        let mut out = Vec::new();
        format.write(&mut out, record);
        let line = String::from_utf8(out).unwrap();
        line.strip_suffix('\n').unwrap().to_owned()
    }

    fn write(format: &str, record: &AccessRecord<'_>) -> String {
        written(AccessFormat::parse(format).unwrap(), record)
    }

    #[track_caller]
    fn check(format: &str, expected: &str) {
        let mut head = Head::new();
        head.parse(REQUEST, Tolerance::default()).unwrap();
        assert_eq!(write(format, &record(Some(&head))), expected, "{format}");
    }

    #[test]
    fn the_default_format_is_the_combined_log_format() {
        check(
            DEFAULT_FORMAT,
            "192.0.2.7 - alice [23/Nov/2026:01:28:50 +0200] \"GET /a%20b?c=d HTTP/1.1\" 200 12 \
             \"http://r/\" \"\\\"me\\\"\\x5c\"",
        );
    }

    #[test]
    fn every_atom_says_what_it_says_in_gunicorn() {
        let table = [
            ("%(h)s %(l)s %(p)s %(s)s", "192.0.2.7 - <42> 200"),
            ("%(m)s|%(U)s|%(q)s|%(H)s", "GET|/a b|c=d|HTTP/1.1"),
            (
                "%(T)s %(M)s %(D)s %(L)s %(D)d",
                "3 3004 3004567 3.004567 3004567",
            ),
            ("%(b)s %(B)s %(f)s", "12 12 http://r/"),
            ("%({x-A}i)s %({Host}i)s %({none}i)s", "2 x -"),
            (
                "%({Content-Type}o)s %({SET-COOKIE}o)s %({none}o)s",
                "text/plain b -",
            ),
            ("%({REQUEST_METHOD}e)s %({RAW_URI}e)s", "GET /a%20b?c=d"),
            ("%({PATH_INFO}e)s %({QUERY_STRING}e)s", "/a b c=d"),
            (
                "%({SERVER_PROTOCOL}e)s %({remote_addr}e)s",
                "HTTP/1.1 192.0.2.7",
            ),
            ("%({HTTP_X_A}e)s %({HTTP_NONE}e)s %({wsgi.x}e)s", "1,2 - -"),
            ("100%% (%(s)s) %%(s)s", "100% (200) %(s)s"),
            ("", ""),
        ];
        for (format, expected) in table {
            check(format, expected);
        }
    }

    #[test]
    fn the_environ_is_the_connections_unless_a_proxy_said_otherwise() {
        let mut head = Head::new();
        head.parse(REQUEST, Tolerance::default()).unwrap();
        let format =
            "%({REMOTE_PORT}e)s %({SERVER_NAME}e)s:%({SERVER_PORT}e)s %({wsgi.url_scheme}e)s";
        assert_eq!(write(format, &record(Some(&head))), "5000 x:80 http");
        let forwarded = Forwarded {
            scheme: Some(Scheme::Https),
            host: Some(ForwardedHost {
                field: "site:8443".into(),
                name: "site".into(),
                port: 8443,
            }),
            ..Forwarded::default()
        };
        let proxied = AccessRecord {
            client_port: 0,
            forwarded: Some(&forwarded),
            ..record(Some(&head))
        };
        assert_eq!(write(format, &proxied), "- site:8443 https");
    }

    #[test]
    fn a_mount_point_is_taken_off_the_path() {
        let mut head = Head::new();
        head.parse(REQUEST, Tolerance::default()).unwrap();
        let format = AccessFormat::parse("%({SCRIPT_NAME}e)s|%(U)s|%({PATH_INFO}e)s").unwrap();
        for (root, expected) in [
            ("/a%20b", "/a b||"),
            ("", "|/a b|/a b"),
            ("/x", "/x|/a b|/a b"),
        ] {
            let format = AccessFormat::parse("%({SCRIPT_NAME}e)s|%(U)s|%({PATH_INFO}e)s").unwrap();
            let line = written(format.mounted_at(root), &record(Some(&head)));
            assert_eq!(line, expected);
        }
        assert_eq!(written(format, &record(Some(&head))), "-|/a b|/a b");
    }

    #[test]
    fn a_json_line_has_every_key_and_stays_json() {
        let mut head = Head::new();
        head.parse(REQUEST, Tolerance::default()).unwrap();
        let line = written(AccessFormat::json(), &record(Some(&head)));
        assert_eq!(
            line,
            concat!(
                r#"{"time":"2026-11-23T01:28:50.900+02:00","client":"192.0.2.7","user":"alice","#,
                r#""method":"GET","path":"/a b","query":"c=d","protocol":"HTTP/1.1","#,
                r#""status":200,"bytes":12,"duration":3.004567,"referer":"http://r/","#,
                r#""user_agent":"\"me\"\\","host":"x","pid":42}"#
            )
        );
        let line = written(
            AccessFormat::json(),
            &tests::record(b"\x16\x03 \xc3\xa4\xff"),
        );
        assert_eq!(
            line,
            concat!(
                r#"{"time":"1970-01-01T02:00:00.000+02:00","client":null,"user":null,"#,
                r#""request":"\u0016\u0003 ä\u00ff","#,
                r#""status":400,"bytes":0,"duration":0.000000,"referer":null,"#,
                r#""user_agent":null,"host":null,"pid":1}"#
            )
        );
    }

    #[test]
    fn what_is_not_known_without_a_head_is_a_dash() {
        let line = write(
            "%(r)s|%(m)s|%(U)s|%(u)s|%(a)s|%({x}e)s|%(s)s",
            &record(None),
        );
        assert_eq!(line, "\\x16\\x03 junk|-|-|-|-|-|200");
    }

    #[test]
    fn only_basic_credentials_name_a_user() {
        let table = [
            ("Basic YTpi", "a"),
            ("BASIC YQ==", "a"),
            ("Bearer YTpi", "-"),
            ("Basic !", "-"),
        ];
        for (value, expected) in table
            .into_iter()
            .chain([("Basic", "-"), ("Basic OmI=", "-")])
        {
            let mut head = Head::new();
            let request = format!("GET / HTTP/1.0\r\nAuthorization: {value}\r\n\r\n");
            head.parse(request.as_bytes(), Tolerance::default())
                .unwrap();
            assert_eq!(write("%(u)s", &record(Some(&head))), expected, "{value}");
        }
    }

    #[test]
    fn a_json_template_stays_json() {
        check(r#"{"agent": "%(a)s"}"#, r#"{"agent": "\"me\"\\"}"#);
    }

    #[test]
    fn the_time_is_made_anew_each_second() {
        let format = AccessFormat::parse("%(t)s").unwrap();
        let mut record = record(None);
        let mut out = Vec::new();
        format.write(&mut out, &record);
        format.write(&mut out, &record);
        record.now += Duration::from_millis(100);
        format.write(&mut out, &record);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], lines[1]);
        assert_ne!(lines[1], lines[2]);
    }

    #[test]
    fn a_format_that_says_something_unknown_is_refused() {
        let unknown = |name: &str| AccessFormatError::UnknownAtom(name.into());
        let conversion = |name: &str| AccessFormatError::Conversion(name.into());
        let table = [
            ("%(x)s", unknown("x")),
            ("%()s", unknown("")),
            ("%({a}x)s", unknown("{a}x")),
            ("%({a)s", unknown("{a")),
            ("%(h)", conversion("h")),
            ("%(h)d", conversion("h")),
            ("%(h)-5s", conversion("h")),
            ("%(h", conversion("h")),
            ("%s", AccessFormatError::LonePercent),
            ("100%", AccessFormatError::LonePercent),
        ];
        for (format, expected) in table {
            assert_eq!(
                AccessFormat::parse(format).unwrap_err(),
                expected,
                "{format}"
            );
        }
        assert_eq!(
            unknown("x").to_string(),
            "unknown atom \"x\" in the access log format"
        );
    }
}
