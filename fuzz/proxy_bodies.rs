//! What must hold for anything that is said in the name of a proxy.
//!
//! The fuzz targets feed these from libFuzzer, `tests/proxy_properties.rs` of rgunicorn-core from
//! proptest and from the files of `fuzz/corpus`.
#![allow(dead_code, reason = "each fuzz target uses one of the two")]

use rgunicorn_core::parser::Head;
use rgunicorn_core::parser::Rejection;
use rgunicorn_core::parser::Tolerance;
use rgunicorn_core::proxy::Belief;
use rgunicorn_core::proxy::Family;
use rgunicorn_core::proxy::Forwarded;
use rgunicorn_core::proxy::ProxySettings;
use rgunicorn_core::proxy::Trusted;
use rgunicorn_core::proxy::mount;
use rgunicorn_core::proxy_protocol::Beginning;
use rgunicorn_core::proxy_protocol::ProxyHeader;
use rgunicorn_core::proxy_protocol::Versions;
use rgunicorn_core::proxy_protocol::beginning;
use rgunicorn_core::proxy_protocol::read;
use rgunicorn_core::request::Scheme;

/// Whatever the field lines `lines` say, what is believed of them is clean, and does not depend on how
/// a list is spread over fields.
pub(crate) fn fuzz_forwarded(lines: &[u8]) {
    let Some(head) = head(lines) else { return };
    let loopback = Trusted::parse(["127.0.0.0/8", "::1"]).expect("these are networks");
    let nobody = Trusted::These(Vec::new());
    for trusted in [loopback, nobody, Trusted::Everyone] {
        for family in [Family::XForwarded, Family::Forwarded] {
            let settings = believing_all(family, trusted.clone());
            let forwarded = settings.read(&head, Scheme::Http);
            if let Ok(forwarded) = &forwarded {
                check_forwarded(forwarded, &head);
            }
            check_joined(&head, &settings, &forwarded);
        }
    }
    let settings = believing_all(Family::None, Trusted::Everyone);
    assert_eq!(settings.read(&head, Scheme::Http), Ok(Forwarded::default()));
}

fn head(lines: &[u8]) -> Option<Head> {
    let mut head = Head::new();
    let start = b"GET /app/v1/x HTTP/1.1\r\nhost: a:1\r\n";
    let whole = [start, lines, b"\r\n\r\n"].concat();
    head.parse(&whole, Tolerance::default()).ok().map(|()| head)
}

fn believing_all(family: Family, trusted: Trusted) -> ProxySettings {
    ProxySettings {
        trusted,
        family,
        host: Belief::Believed,
        prefix: Belief::Believed,
        ..ProxySettings::default()
    }
}

fn check_forwarded(forwarded: &Forwarded, head: &Head) {
    if let Some(client) = &forwarded.client {
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:%[]".contains(&byte);
        assert!((1..=255).contains(&client.host.len()) && client.host.bytes().all(harmless));
    }
    if let Some(host) = &forwarded.host {
        assert!(host.field.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(!host.name.is_empty() && !host.name.contains(['/', '@', ' ', '[', ']']));
        assert!(host.field.contains(&host.name));
    }
    if let Some(prefix) = &forwarded.prefix {
        assert!(prefix.starts_with('/') && !prefix.ends_with('/'));
        assert!(!prefix.contains("//") && !prefix.split('/').any(|part| part == ".."));
    }
    if let Some(name) = &forwarded.script_name {
        assert!(head.path().starts_with(name));
    }
    for root in ["", "/app", "/app/", "/app/v1", "app"] {
        let mounted = mount(head.path(), root, Some(forwarded));
        assert!(mounted.path.starts_with(&*mounted.root));
        assert!(mounted.path.ends_with("/x"));
        let again = mount(&mounted.path, root, Some(forwarded));
        assert_eq!(mounted, again);
    }
}

/// Several fields of one name are one list (RFC 9110 section 5.3).
fn check_joined(head: &Head, settings: &ProxySettings, expected: &Result<Forwarded, Rejection>) {
    let lists: [&[u8]; 2] = [b"x-forwarded-for", b"forwarded"];
    let mut lines = Vec::new();
    for name in lists {
        let values = head.fields().filter(|(other, _)| *other == name);
        let values: Vec<&[u8]> = values.map(|(_, value)| value).collect();
        if !values.is_empty() {
            lines.push([name, b": ", &values.join(&b", "[..])].concat());
        }
    }
    let others = head
        .fields()
        .filter(|(name, _)| *name != b"host" && !lists.contains(name));
    lines.extend(others.map(|(name, value)| [name, b": ", value].concat()));
    let joined = self::head(&lines.join(&b"\r\n"[..])).expect("the same fields in another order");
    if expected.is_ok() {
        assert_eq!(&settings.read(&joined, Scheme::Http), expected);
    }
}

/// The header of the PROXY protocol reads the same however it arrives, and what it does not consume
/// does not matter.
pub(crate) fn fuzz_proxy_protocol(input: &[u8]) {
    for versions in [Versions::V1, Versions::V2, Versions::Both] {
        let at_once = preamble(input, versions);
        let by_byte = (0..=input.len())
            .map(|end| preamble(&input[..end], versions))
            .find(|outcome| *outcome != Ok(None))
            .unwrap_or(Ok(None));
        assert_eq!(at_once, by_byte);
        if let Ok(Some(Some(header))) = at_once {
            assert!((15..=4096).contains(&header.length) && header.length <= input.len());
            assert_eq!(preamble(&input[..header.length], versions), at_once);
        }
    }
}

/// `None` if more has to come, `Some(None)` if a request comes first.
fn preamble(input: &[u8], versions: Versions) -> Result<Option<Option<ProxyHeader>>, Rejection> {
    match beginning(input, versions) {
        Beginning::No => Ok(Some(None)),
        Beginning::Unclear => Ok(None),
        Beginning::Yes => Ok(read(input)?.map(Some)),
    }
}
