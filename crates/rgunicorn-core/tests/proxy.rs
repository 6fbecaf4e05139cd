//! What is believed of a request that a trusted peer sent, as tables.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use rgunicorn_core::parser::Head;
use rgunicorn_core::parser::Rejection;
use rgunicorn_core::parser::Tolerance;
use rgunicorn_core::proxy::Belief;
use rgunicorn_core::proxy::Family;
use rgunicorn_core::proxy::Forwarded;
use rgunicorn_core::proxy::ProxySettings;
use rgunicorn_core::proxy::SecureSchemes;
use rgunicorn_core::proxy::Trusted;
use rgunicorn_core::request::Scheme;

fn head(fields: &[&str]) -> Head {
    let lines = fields.iter().map(|field| format!("{field}\r\n"));
    let request = format!(
        "GET /app/x HTTP/1.1\r\nhost: inside\r\n{}\r\n",
        lines.collect::<String>()
    );
    let mut head = Head::new();
    head.parse(request.as_bytes(), Tolerance::default())
        .unwrap();
    head
}

fn trusting(addresses: &[&str]) -> ProxySettings {
    ProxySettings {
        trusted: Trusted::parse(addresses.iter().copied()).unwrap(),
        host: Belief::Believed,
        prefix: Belief::Believed,
        ..ProxySettings::default()
    }
}

fn rfc_7239(addresses: &[&str]) -> ProxySettings {
    ProxySettings {
        family: Family::Forwarded,
        ..trusting(addresses)
    }
}

fn read(settings: &ProxySettings, fields: &[&str]) -> Result<Forwarded, Rejection> {
    settings.read(&head(fields), Scheme::Http)
}

#[track_caller]
fn check_client(settings: &ProxySettings, fields: &[&str], expected: Option<(&str, u16)>) {
    let client = read(settings, fields).unwrap().client;
    let client = client
        .as_ref()
        .map(|client| (client.host.as_str(), client.port));
    assert_eq!(client, expected, "{fields:?}");
}

const CHAIN: &str = "x-forwarded-for: 1.2.3.4, 10.0.2.1, 192.168.0.2";

#[test]
fn the_client_is_the_last_that_is_no_proxy_of_ours() {
    for (trusted, expected) in [
        (&["127.0.0.1"][..], "192.168.0.2"),
        (&["192.168.0.2", "127.0.0.1"], "10.0.2.1"),
        (&["192.168.0.2", "10.0.0.0/8"], "1.2.3.4"),
        (&["192.168.0.2", "10.0.0.0/8", "1.2.3.4"], "1.2.3.4"),
        (&["10.0.0.0/8"], "192.168.0.2"),
        (&["*"], "1.2.3.4"),
        (&[], "192.168.0.2"),
    ] {
        check_client(&trusting(trusted), &[CHAIN], Some((expected, 0)));
    }
}

#[test]
fn fields_add_up_and_empty_elements_do_not_count() {
    let settings = trusting(&["192.168.0.2"]);
    let split = [
        "x-forwarded-for: 1.2.3.4,10.0.2.1",
        "x-forwarded-for: 192.168.0.2",
    ];
    check_client(&settings, &split, Some(("10.0.2.1", 0)));
    check_client(
        &settings,
        &["x-forwarded-for: 1.1.1.1:5 ,,"],
        Some(("1.1.1.1", 5)),
    );
    check_client(&settings, &["x-forwarded-for:"], None);
    check_client(&settings, &["x-forwarded-for: ,"], None);
    check_client(&settings, &["forwarded: for=1.2.3.4"], None);
}

#[test]
fn a_word_is_nobodys_address() {
    let fields = ["x-forwarded-for: 1.2.3.4, unknown, 127.0.0.1"];
    check_client(
        &trusting(&["127.0.0.1", "0.0.0.0/0"]),
        &fields,
        Some(("unknown", 0)),
    );
    check_client(&trusting(&["*"]), &fields, Some(("1.2.3.4", 0)));
}

#[test]
fn of_rfc_7239_the_element_of_the_first_proxy_that_is_ours_counts() {
    let chain =
        ["forwarded: for=6.6.6.6;host=evil, for=1.2.3.4;host=a;proto=https, for=127.0.0.1;host=b"];
    let forwarded = read(&rfc_7239(&["127.0.0.1"]), &chain).unwrap();
    assert_eq!(forwarded.client.unwrap().host, "1.2.3.4");
    assert_eq!(forwarded.scheme, Some(Scheme::Https));
    assert_eq!(forwarded.host.unwrap().field, "a");
    check_client(&rfc_7239(&["*"]), &chain, Some(("6.6.6.6", 0)));
    check_client(
        &rfc_7239(&["127.0.0.1"]),
        &["forwarded: for=1.2.3.4, proto=https"],
        None,
    );
    check_client(&rfc_7239(&["127.0.0.1"]), &[CHAIN], None);
}

#[test]
fn what_would_be_believed_must_be_well_formed() {
    let settings = trusting(&["*"]);
    for (field, rule) in [
        ("x-forwarded-host: a b", Rejection::ForwardedHost),
        ("x-forwarded-port: x", Rejection::ForwardedPort),
        ("x-forwarded-prefix: //x", Rejection::ForwardedPrefix),
    ] {
        assert_eq!(read(&settings, &[field]), Err(rule), "{field}");
        assert_eq!(
            read(&ProxySettings::default(), &[field]),
            Ok(Forwarded::default())
        );
    }
    assert_eq!(
        read(&rfc_7239(&["*"]), &["forwarded: for=\""]),
        Err(Rejection::ForwardedField)
    );
    assert_eq!(
        read(&rfc_7239(&["*"]), &["forwarded: host=\"a b\""]),
        Err(Rejection::ForwardedHost)
    );
}

#[test]
fn a_field_that_is_not_configured_says_nothing_about_the_scheme() {
    let settings = ProxySettings {
        secure_schemes: SecureSchemes::new([("X-Scheme", "tls")]).unwrap(),
        ..ProxySettings::default()
    };
    let scheme = |fields: &[&str]| read(&settings, fields).unwrap().scheme;
    assert_eq!(scheme(&["x-scheme: TLS"]), Some(Scheme::Https));
    assert_eq!(scheme(&["x-scheme: https"]), Some(Scheme::Http));
    assert_eq!(scheme(&["x-forwarded-proto: https"]), None);
    assert!(SecureSchemes::new([("X Scheme", "tls")]).is_err());
}

#[test]
fn the_parser_notes_the_fields_of_proxies_and_no_others() {
    for name in [
        "X-Forwarded-For",
        "x-forwarded-anything",
        "Forwarded",
        "SCRIPT_NAME",
    ] {
        assert!(head(&[&format!("{name}: x")]).has_proxy_fields(), "{name}");
    }
    for name in [
        "x-forwarded",
        "forwarded-for",
        "script-name",
        "via",
        "x-real-ip",
    ] {
        assert!(!head(&[&format!("{name}: x")]).has_proxy_fields(), "{name}");
    }
}
