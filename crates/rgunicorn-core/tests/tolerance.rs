//! What each of gunicorn's switches lets through, as tables, and what none of them does.

use rgunicorn_core::parser::Framing;
use rgunicorn_core::parser::Head;
use rgunicorn_core::parser::Limits;
use rgunicorn_core::parser::Rejection;
use rgunicorn_core::parser::Scan;
use rgunicorn_core::parser::Tolerance;
use rgunicorn_core::parser::Version;
use rgunicorn_core::parser::find_head;

const NOTHING: Tolerance = Tolerance {
    obsolete_folding: false,
    header_spaces: false,
    unconventional_method: false,
    unconventional_version: false,
    casefold_method: false,
};

const FOLDING: Tolerance = Tolerance {
    obsolete_folding: true,
    ..NOTHING
};

const HEADER_SPACES: Tolerance = Tolerance {
    header_spaces: true,
    ..NOTHING
};

const METHODS: Tolerance = Tolerance {
    unconventional_method: true,
    ..NOTHING
};

const VERSIONS: Tolerance = Tolerance {
    unconventional_version: true,
    ..NOTHING
};

const CASEFOLD: Tolerance = Tolerance {
    casefold_method: true,
    ..NOTHING
};

const EVERYTHING: Tolerance = Tolerance {
    obsolete_folding: true,
    header_spaces: true,
    unconventional_method: true,
    unconventional_version: true,
    casefold_method: true,
};

fn read(input: &str, tolerance: Tolerance) -> Result<Head, Rejection> {
    let limits = Limits::default();
    let found = find_head(input.as_bytes(), &mut Scan::default(), &limits);
    let length = found.map_err(|refusal| refusal.rule)?;
    let mut head = Head::new();
    let bytes = &input.as_bytes()[..length.expect("the head is complete")];
    let outcome = head.parse(bytes, tolerance);
    outcome.map(|()| head).map_err(|refusal| refusal.rule)
}

fn with_fields(fields: &str, tolerance: Tolerance) -> Result<Head, Rejection> {
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    read(&head, tolerance)
}

/// The method that is read.
fn method(method: &str, tolerance: Tolerance) -> Result<String, Rejection> {
    let head = read(
        &format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"),
        tolerance,
    );
    head.map(|head| head.method().to_owned())
}

/// Compares the fields after Host.
#[track_caller]
fn check_fields(fields: &str, tolerance: Tolerance, expected: &[(&str, &str)]) {
    let head = with_fields(fields, tolerance).expect("permitted");
    let found: Vec<_> = head
        .fields()
        .skip(1)
        .map(|(name, value)| (text(name), text(value)))
        .collect();
    assert_eq!(found, expected);
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("ASCII")
}

#[track_caller]
fn refuse_fields(fields: &str, tolerance: Tolerance, rule: Rejection) {
    assert_eq!(
        with_fields(fields, tolerance).err(),
        Some(rule),
        "{fields:?}"
    );
}

#[test]
fn a_fold_is_one_space() {
    for (fields, value) in [
        ("a: b\r\n c\r\n", "b c"),
        ("a: b\r\n\tc\r\n", "b c"),
        ("a: b \t\r\n \t c \r\n", "b c"),
        ("a: b\r\n c\r\n\td\r\n  e f\r\n", "b c d e f"),
        ("a:\r\n b\r\n", "b"),
        ("a: b\r\n \r\n", "b"),
        ("a: b\r\n \r\n c\r\n", "b c"),
        ("a:\r\n \r\n", ""),
        ("a: b\r\n c: d\r\n", "b c: d"),
        ("a: b\r\n : d\r\n", "b : d"),
    ] {
        check_fields(fields, FOLDING, &[("a", value)]);
        let between = format!("x: 1\r\n{fields}y: 2\r\n");
        check_fields(&between, FOLDING, &[("x", "1"), ("a", value), ("y", "2")]);
        refuse_fields(
            fields,
            Tolerance {
                obsolete_folding: false,
                ..EVERYTHING
            },
            Rejection::FoldedField,
        );
    }
}

#[test]
fn a_folded_value_is_interpreted_as_a_whole() {
    let head = with_fields("Connection: x,\r\n close\r\n", FOLDING).unwrap();
    assert!(!head.keep_alive());
    let head = with_fields("Expect:\r\n 100-continue\r\n", FOLDING).unwrap();
    assert!(head.expects_continue());
    refuse_fields(
        "Expect: 100-\r\n continue\r\n",
        FOLDING,
        Rejection::Expectation,
    );
}

#[test]
fn what_decides_framing_and_routing_is_never_folded() {
    for fields in [
        "Content-Length: 1\r\n 0\r\n",
        "content-length: 5\r\n \r\n",
        "Transfer-Encoding: chunked\r\n \r\n",
        "TRANSFER-ENCODING : chunked\r\n \r\n",
    ] {
        refuse_fields(fields, EVERYTHING, Rejection::FoldedField);
    }
    refuse_fields(
        "Content-Length:\r\n 5\r\n",
        EVERYTHING,
        Rejection::ContentLength,
    );
    refuse_fields(
        "Transfer-Encoding:\r\n chunked\r\n",
        EVERYTHING,
        Rejection::TransferCoding,
    );
    let host = "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n";
    assert_eq!(read(host, EVERYTHING).err(), Some(Rejection::FoldedField));
}

#[test]
fn a_fold_needs_a_field_to_continue() {
    for head in [
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(read(head, FOLDING).err(), Some(Rejection::FoldedField));
        assert!(read(head, EVERYTHING).is_err());
    }
    refuse_fields("a\r\n : b\r\n", EVERYTHING, Rejection::MissingColon);
    refuse_fields("a\r\n b: c\r\n", EVERYTHING, Rejection::MissingColon);
    refuse_fields("a b: c\r\n d\r\n", EVERYTHING, Rejection::SpaceBeforeColon);
}

#[test]
fn the_lines_of_a_folded_field_share_its_limits() {
    let limit = 8190;
    let fold = "\r\n b";
    let rest = limit - "a:".len() - 2 * fold.len() - "\r\n".len();
    let fits = format!("a:{}{fold}{fold}\r\n", "b".repeat(rest));
    let value = format!("{} b b", "b".repeat(rest));
    check_fields(&fits, FOLDING, &[("a", &value)]);
    let large = format!("a:{}{fold}{fold}\r\n", "b".repeat(rest + 1));
    refuse_fields(&large, FOLDING, Rejection::FieldTooLarge);
    let fields = "a: b\r\n c\r\n";
    assert!(with_fields(&fields.repeat(99), FOLDING).is_ok());
    refuse_fields(&fields.repeat(100), FOLDING, Rejection::TooManyFields);
}

#[test]
fn space_before_the_colon_is_dropped() {
    for fields in ["a : b\r\n", "a\t:b\r\n", "A \t : b \r\n"] {
        check_fields(fields, HEADER_SPACES, &[("a", "b")]);
        refuse_fields(
            fields,
            Tolerance {
                header_spaces: false,
                ..EVERYTHING
            },
            Rejection::SpaceBeforeColon,
        );
    }
    check_fields(
        "a :\r\nb: c : d\r\n",
        HEADER_SPACES,
        &[("a", ""), ("b", "c : d")],
    );
    check_fields("a : b\r\n c\r\n", EVERYTHING, &[("a", "b c")]);
}

#[test]
fn a_name_with_space_before_its_colon_means_what_it_says() {
    let head = with_fields("Content-Length : 3\r\n", HEADER_SPACES).unwrap();
    assert_eq!(head.framing(), Framing::Length(3));
    let head = with_fields("Transfer-Encoding\t: chunked\r\n", HEADER_SPACES).unwrap();
    assert_eq!(head.framing(), Framing::Chunked);
    let both = "Content-Length : 3\r\nTransfer-Encoding : chunked\r\n";
    refuse_fields(both, EVERYTHING, Rejection::ConflictingFraming);
    let twice = "Content-Length: 3\r\nContent-Length : 3\r\n";
    refuse_fields(
        twice,
        EVERYTHING,
        Rejection::DuplicateField("content-length"),
    );
    refuse_fields(
        "Host : a\r\n",
        EVERYTHING,
        Rejection::DuplicateField("host"),
    );
}

#[test]
fn space_elsewhere_in_a_name_is_refused() {
    refuse_fields("a b: c\r\n", HEADER_SPACES, Rejection::SpaceBeforeColon);
    refuse_fields("a b : c\r\n", HEADER_SPACES, Rejection::SpaceBeforeColon);
    refuse_fields(" a : c\r\n", HEADER_SPACES, Rejection::FoldedField);
    refuse_fields(" : c\r\n", HEADER_SPACES, Rejection::FoldedField);
    refuse_fields("a\u{b} : c\r\n", HEADER_SPACES, Rejection::FieldName);
}

#[test]
fn any_token_may_be_a_method() {
    let long = "A".repeat(21);
    for name in [
        "get",
        "GEt",
        "G",
        "GE",
        "#",
        "G#T",
        long.as_str(),
        "!$%&'*+-.^_`|~",
    ] {
        assert_eq!(method(name, METHODS).as_deref(), Ok(name));
    }
    assert_eq!(method("GET", METHODS).as_deref(), Ok("GET"));
    for name in ["", "G(T", "G\u{e9}T", "G/T", "G\tT", "G,T", "\u{1}"] {
        assert_eq!(method(name, EVERYTHING), Err(Rejection::Method), "{name}");
    }
    for name in ["GE", &long, "G#T"] {
        let others = Tolerance {
            unconventional_method: false,
            ..EVERYTHING
        };
        assert_eq!(method(name, others), Err(Rejection::Method), "{name}");
    }
}

#[test]
fn lower_case_in_a_method_becomes_upper_case() {
    assert_eq!(method("get", CASEFOLD).as_deref(), Ok("GET"));
    assert_eq!(method("m-Search", CASEFOLD).as_deref(), Ok("M-SEARCH"));
    assert_eq!(method("GET", CASEFOLD).as_deref(), Ok("GET"));
    assert_eq!(method("ge", CASEFOLD), Err(Rejection::Method));
    assert_eq!(method("g#t", CASEFOLD), Err(Rejection::Method));
    assert_eq!(method("g#t", EVERYTHING).as_deref(), Ok("G#T"));
    let head = read("get /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n", CASEFOLD).unwrap();
    assert_eq!(head.target(), "/a?b=c");
    let connect = read("connect a:80 HTTP/1.1\r\nHost: a\r\n\r\n", CASEFOLD);
    assert_eq!(connect.err(), Some(Rejection::Connect));
    let options = read("options * HTTP/1.1\r\nHost: a\r\n\r\n", CASEFOLD);
    assert_eq!(options.unwrap().path(), "*");
}

#[test]
fn a_version_of_two_digits_is_read_as_one_that_is_spoken() {
    let version = |text: &str, tolerance| {
        let head = read(&format!("GET / {text}\r\nHost: a\r\n\r\n"), tolerance);
        head.map(|head| (head.version(), head.keep_alive()))
    };
    for text in ["HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/9.9"] {
        assert_eq!(
            version(text, VERSIONS),
            Ok((Version::Http11, true)),
            "{text}"
        );
        let others = Tolerance {
            unconventional_version: false,
            ..EVERYTHING
        };
        assert_eq!(version(text, others), Err(Rejection::Version));
    }
    for text in ["HTTP/0.0", "HTTP/0.9"] {
        assert_eq!(
            version(text, VERSIONS),
            Ok((Version::Http10, false)),
            "{text}"
        );
    }
    for text in [
        "HTTP/1",
        "HTTP/1.10",
        "HTTP/01.1",
        "http/1.1",
        "HTTPS/1.1",
        "HTTP/1.1 ",
        "",
    ] {
        assert_eq!(
            version(text, EVERYTHING),
            Err(Rejection::RequestLine),
            "{text}"
        );
    }
    assert_eq!(version("HTTP/1.x", EVERYTHING), Err(Rejection::Version));
}

#[test]
fn an_unconventional_version_keeps_the_rules_of_the_one_it_is_read_as() {
    let read = |head: &str| read(head, EVERYTHING).err();
    assert_eq!(read("GET / HTTP/2.0\r\n\r\n"), Some(Rejection::MissingHost));
    assert_eq!(read("PRI * HTTP/2.0\r\n\r\n"), Some(Rejection::TargetForm));
    assert_eq!(
        read("POST / HTTP/0.9\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Some(Rejection::TransferEncodingOnHttp10)
    );
}

#[test]
fn what_smugglers_need_is_refused_whatever_is_permitted() {
    let table = [
        ("a: b\0\r\n", Rejection::ZeroByte),
        ("a: b\r\n c\0\r\n", Rejection::ZeroByte),
        ("a: b\n c\r\n", Rejection::BareLineFeed),
        ("a: b\r\n c\n d\r\n", Rejection::BareLineFeed),
        ("a: b\r c\r\n", Rejection::BareCarriageReturn),
        ("a: b\r\r\n c\r\n", Rejection::BareCarriageReturn),
        ("a: b\r\n c\u{1}\r\n", Rejection::FieldValue),
        (": b\r\n", Rejection::EmptyFieldName),
        ("a\r\n", Rejection::MissingColon),
        ("a(: b\r\n", Rejection::FieldName),
        (
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            Rejection::DuplicateField("content-length"),
        ),
        (
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            Rejection::ConflictingFraming,
        ),
        ("Transfer-Encoding: xchunked\r\n", Rejection::TransferCoding),
        (
            "Transfer-Encoding: chunked, chunked\r\n",
            Rejection::ChunkedTwice,
        ),
        ("Content-Length: +1\r\n", Rejection::ContentLength),
        ("Host: b\r\n", Rejection::DuplicateField("host")),
    ];
    for (fields, rule) in table {
        refuse_fields(fields, EVERYTHING, rule);
    }
    // Not only find_head looks for these.
    for field in [
        "a: b\n c\r\n",
        "a: b\r\n c\r\r\n d\r\n",
        "a: b\r\n \0\r\n",
        "a: b\r\n c\n\r\n",
    ] {
        let head = format!("GET / HTTP/1.0\r\n{field}\r\n");
        let outcome = Head::new().parse(head.as_bytes(), EVERYTHING);
        assert_eq!(
            outcome.unwrap_err().rule,
            Rejection::FieldValue,
            "{field:?}"
        );
    }
}

#[test]
fn a_permission_ends_with_the_head() {
    for input in [
        "GET / HTTP/1.2\r\nHost: a\r\n\r\na : b\r\n",
        "GET / HTTP/1.2\r\nHost: a\r\na : b",
    ] {
        let outcome = Head::new().parse(input.as_bytes(), EVERYTHING);
        assert_eq!(outcome.unwrap_err().rule.status(), 400);
    }
}
