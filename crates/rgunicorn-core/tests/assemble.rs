//! Heads of HTTP/2: pseudo-header fields and fields in, a head or a rule that is broken out.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use rgunicorn_core::parser::Framing;
use rgunicorn_core::parser::Head;
use rgunicorn_core::parser::Limits;
use rgunicorn_core::parser::Pseudo;
use rgunicorn_core::parser::Rejection;
use rgunicorn_core::parser::Tolerance;
use rgunicorn_core::parser::Version;

type Fields<'a> = &'a [(&'a str, &'a str)];

fn assembled(pseudo: Pseudo<'_>, fields: Fields<'_>) -> Result<Head, Rejection> {
    let mut head = Head::new();
    let fields = fields
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let limits = Limits {
        request_line: 100,
        fields: 5,
        field_size: 50,
    };
    head.assemble(&pseudo, fields, &limits, Tolerance::default())?;
    Ok(head)
}

const GET: Pseudo<'_> = Pseudo {
    method: b"GET",
    path: Some(b"/a?b"),
    authority: Some(b"test"),
    protocol: None,
};

fn shown(head: &Head) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let fields = head
        .fields()
        .map(|(name, value)| format!("{}={}", text(name), text(value)));
    fields.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_head_says_what_its_pieces_say() {
    let head = assembled(GET, &[("a", "1"), ("te", "trailers"), ("a", "2")]).unwrap();
    assert_eq!((head.method(), head.target()), ("GET", "/a?b"));
    assert_eq!((head.path(), head.query()), ("/a", "b"));
    assert_eq!(head.version(), Version::Http2);
    assert_eq!(shown(&head), "host=test a=1 te=trailers a=2");
    assert!(head.accepts_trailers() && head.keep_alive());
    assert_eq!((head.framing(), head.protocol()), (Framing::Empty, None));
}

#[test]
fn authority_goes_before_every_host_field_and_one_of_them_is_enough() {
    let both = assembled(GET, &[("a", "1"), ("host", "TEST")]).unwrap();
    assert_eq!(shown(&both), "host=test a=1");
    let pseudo = Pseudo {
        authority: None,
        ..GET
    };
    let host = assembled(pseudo, &[("a", "1"), ("host", "x")]).unwrap();
    assert_eq!(shown(&host), "a=1 host=x");
    assert_eq!(assembled(pseudo, &[]).unwrap_err(), Rejection::MissingHost);
}

#[test]
fn a_length_is_announced_by_content_length() {
    let head = assembled(GET, &[("content-length", "7")]).unwrap();
    assert_eq!(head.framing(), Framing::Length(7));
}

#[test]
fn an_extended_connect_is_a_request_for_its_path() {
    let pseudo = Pseudo {
        method: b"CONNECT",
        protocol: Some(b"websocket"),
        ..GET
    };
    let head = assembled(pseudo, &[]).unwrap();
    assert_eq!(
        (head.path(), head.protocol()),
        ("/a", Some(&b"websocket"[..]))
    );
    let usual = Pseudo {
        path: None,
        protocol: None,
        ..pseudo
    };
    assert_eq!(assembled(usual, &[]).unwrap_err(), Rejection::Connect);
}

#[test]
fn pseudo_fields_that_are_none_are_refused() {
    let rows: [(&str, Option<&str>, Option<&str>, Rejection); 10] = [
        ("get", Some("/"), Some("a"), Rejection::Method),
        ("G T", Some("/"), Some("a"), Rejection::Method),
        ("GET", None, Some("a"), Rejection::MissingPseudo),
        ("GET", Some(""), Some("a"), Rejection::MissingPseudo),
        ("GET", Some("a"), Some("a"), Rejection::TargetForm),
        ("GET", Some("http://a/"), Some("a"), Rejection::TargetForm),
        ("GET", Some("*"), Some("a"), Rejection::TargetForm),
        ("GET", Some("/a b"), Some("a"), Rejection::TargetByte),
        ("GET", Some("/"), Some("user@a"), Rejection::Host),
        ("GET", Some("/"), Some(""), Rejection::Host),
    ];
    for (method, path, authority, expected) in rows {
        let pseudo = Pseudo {
            method: method.as_bytes(),
            path: path.map(str::as_bytes),
            authority: authority.map(str::as_bytes),
            protocol: None,
        };
        let refused = assembled(pseudo, &[]).unwrap_err();
        assert_eq!(refused, expected, "{method} {path:?} {authority:?}");
    }
}

#[test]
fn fields_that_are_none_are_refused() {
    let long = "x".repeat(50);
    let many = [("a", "1"); 6];
    let rows: [(Fields<'_>, Rejection); 9] = [
        (&[("a", " b")], Rejection::FieldValue),
        (&[("a", "b\t")], Rejection::FieldValue),
        (&[("a", "b\u{1}")], Rejection::FieldValue),
        (&[("a", &long)], Rejection::FieldTooLarge),
        (&many, Rejection::TooManyFields),
        (&[("host", "other")], Rejection::DifferentHosts),
        (&[("content-length", "+1")], Rejection::ContentLength),
        (&[("expect", "money")], Rejection::Expectation),
        (
            &[("content-type", "a"), ("content-type", "b")],
            Rejection::DuplicateField("content-type"),
        ),
    ];
    for (fields, expected) in rows {
        let refused = assembled(GET, fields).unwrap_err();
        assert_eq!(refused, expected, "{fields:?}");
    }
}

#[test]
fn a_request_line_has_the_limit_that_it_has_in_text() {
    let path = format!("/{}", "a".repeat(88));
    let pseudo = |path| Pseudo {
        path: Some(path),
        ..GET
    };
    let line = format!("GET {path} HTTP/2");
    assert_eq!(line.len(), 100);
    assert!(assembled(pseudo(path.as_bytes()), &[]).is_ok());
    let longer = format!("{path}a");
    let refused = assembled(pseudo(longer.as_bytes()), &[]).unwrap_err();
    assert_eq!(refused, Rejection::RequestLineTooLong);
}
