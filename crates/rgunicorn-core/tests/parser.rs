//! The rules of HTTP/1 heads and chunked bodies, as tables: what is accepted and what it means,
//! what is refused and with which status.

use rgunicorn_core::parser::ChunkedDecoder;
use rgunicorn_core::parser::Framing;
use rgunicorn_core::parser::Head;
use rgunicorn_core::parser::Limits;
use rgunicorn_core::parser::Refusal;
use rgunicorn_core::parser::Rejection;
use rgunicorn_core::parser::Scan;
use rgunicorn_core::parser::Tolerance;
use rgunicorn_core::parser::Version;
use rgunicorn_core::parser::find_head;

/// Finds and parses the head that `input` is.
fn read(input: &[u8]) -> Result<Head, Rejection> {
    find_and_parse(input, Tolerance::default()).map_err(|refusal| refusal.rule)
}

fn find_and_parse(input: &[u8], tolerance: Tolerance) -> Result<Head, Refusal> {
    let length = find_head(input, &mut Scan::default(), &Limits::default())?;
    let mut head = Head::new();
    head.parse(&input[..length.expect("the head is complete")], tolerance)?;
    Ok(head)
}

/// Parses exactly `input` into a `head`.
fn parse(head: &mut Head, input: &[u8]) -> Result<(), Rejection> {
    let outcome = head.parse(input, Tolerance::default());
    outcome.map_err(|refusal| refusal.rule)
}

/// A head with these fields after a request line and Host.
fn with_fields(fields: &str) -> Result<Head, Rejection> {
    read(format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes())
}

fn with_target(method: &str, target: &str) -> Result<Head, Rejection> {
    read(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
}

#[track_caller]
fn refused(outcome: Result<Head, Rejection>, status: u16, rule: Rejection) {
    let rejection = outcome.expect_err("this must be refused");
    assert_eq!((rejection, rejection.status()), (rule, status));
}

#[track_caller]
fn refuse_request_line(line: &[u8], status: u16, rule: Rejection) {
    refused(read(&[line, b"\r\nHost: a\r\n\r\n"].concat()), status, rule);
}

#[track_caller]
fn refuse_fields(fields: &str, status: u16, rule: Rejection) {
    refused(with_fields(fields), status, rule);
}

#[test]
fn a_head_says_what_was_asked() {
    let head =
        read(b"GET /a%20b?c=d?e HTTP/1.1\r\nHost: x:80\r\nX-A:  1 2\t\r\nx-a:\r\n\r\n").unwrap();
    assert_eq!(head.method(), "GET");
    assert_eq!(head.version(), Version::Http11);
    assert_eq!(head.target(), "/a%20b?c=d?e");
    assert_eq!((head.path(), head.query()), ("/a%20b", "c=d?e"));
    let fields: Vec<(&[u8], &[u8])> = head.fields().collect();
    assert_eq!(
        fields,
        [
            (&b"host"[..], &b"x:80"[..]),
            (b"x-a", b"1 2"),
            (b"x-a", b"")
        ]
    );
    assert_eq!(head.field(b"x-a"), Some(&b""[..]));
    assert_eq!(head.field(b"x-b"), None);
    assert_eq!(head.framing(), Framing::Empty);
    assert!(!head.expects_continue() && !head.accepts_trailers());
}

#[test]
fn a_head_can_be_filled_again_and_is_empty_after_a_refusal() {
    let mut head = read(b"GET /a?b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
    let next = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
    parse(&mut head, next).unwrap();
    assert_eq!(
        (head.method(), head.query(), head.framing()),
        ("PUT", "", Framing::Length(3))
    );
    assert_eq!(head.fields().len(), 2);
    parse(&mut head, b"PUT / HTTP/1.1\r\n\r\n").unwrap_err();
    assert_eq!(
        (head.method(), head.path(), head.fields().len()),
        ("", "", 0)
    );
    assert_eq!(head.framing(), Framing::Empty);
}

#[test]
fn one_empty_line_before_the_request_is_tolerated() {
    assert_eq!(read(b"\r\nGET / HTTP/1.0\r\n\r\n").unwrap().method(), "GET");
    refused(
        read(b"\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
        400,
        Rejection::EmptyLines,
    );
}

#[test]
fn a_head_stops_at_its_empty_line() {
    for input in [
        &b"GET / HTTP/1.0\r\n"[..],
        b"GET / HTTP/1.0\r\n\r\nx",
        b"GET / HTTP/1.0\r\na:b\r\n",
        b"",
    ] {
        assert_eq!(
            parse(&mut Head::new(), input).unwrap_err().status(),
            400,
            "{input:?}"
        );
    }
}

#[test]
fn a_request_line_is_three_parts_with_single_spaces() {
    refuse_request_line(b"GET /", 400, Rejection::RequestLine);
    refuse_request_line(b"GET", 400, Rejection::RequestLine);
    refuse_request_line(b"GET  / HTTP/1.1", 400, Rejection::RequestLine);
    refuse_request_line(b"GET /  HTTP/1.1", 400, Rejection::RequestLine);
    refuse_request_line(b"GET / HTTP/1.1 ", 400, Rejection::RequestLine);
    refuse_request_line(b"GET / a HTTP/1.1", 400, Rejection::RequestLine);
    refuse_request_line(b"GET\t/\tHTTP/1.1", 400, Rejection::Method);
    refuse_request_line(b" GET / HTTP/1.1", 400, Rejection::Method);
}

#[test]
fn a_method_is_a_token_of_3_to_20_without_lower_case_and_hash() {
    for method in ["GET", "M-SEARCH", "ABCDEFGHIJKLMNOPQRST", "X_1", "!$%"] {
        assert_eq!(with_target(method, "/").unwrap().method(), method);
    }
    for method in [
        "get",
        "GEt",
        "GE",
        "ABCDEFGHIJKLMNOPQRSTU",
        "G#T",
        "G(T",
        "G\u{e9}T",
        "G/T",
    ] {
        refuse_request_line(
            format!("{method} / HTTP/1.1").as_bytes(),
            400,
            Rejection::Method,
        );
    }
}

#[test]
fn only_versions_1_0_and_1_1_are_spoken() {
    for version in ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/1.x"] {
        refuse_request_line(
            format!("GET / {version}").as_bytes(),
            400,
            Rejection::Version,
        );
    }
    for version in [
        "http/1.1",
        "HTTP/1",
        "HTTP/11",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTPS/1.1",
        "",
    ] {
        refuse_request_line(
            format!("GET / {version}").as_bytes(),
            400,
            Rejection::RequestLine,
        );
    }
    refuse_request_line(b"PRI * HTTP/2.0", 400, Rejection::Version);
}

#[test]
fn a_target_is_visible_ascii_without_a_fragment() {
    refuse_request_line(b"GET /\x7f HTTP/1.1", 400, Rejection::TargetByte);
    refuse_request_line(b"GET /\xc3\xa9 HTTP/1.1", 400, Rejection::TargetByte);
    refuse_request_line(b"GET /\t HTTP/1.1", 400, Rejection::TargetByte);
    refuse_request_line(b"GET /a#b HTTP/1.1", 400, Rejection::Fragment);
    assert_eq!(
        with_target("GET", "/\"<>\\^`{|}").unwrap().path(),
        "/\"<>\\^`{|}"
    );
}

#[test]
fn a_target_has_one_of_four_forms() {
    let table = [
        ("GET", "/", "/", ""),
        ("GET", "//a", "//a", ""),
        ("GET", "/?", "/", ""),
        ("GET", "http://a", "/", ""),
        ("GET", "http://a?q", "/", "q"),
        ("GET", "http://[::1]:80/p", "/p", ""),
        ("GET", "HTTPS://a:1/p?q", "/p", "q"),
        ("GET", "http://a/p", "/p", ""),
        ("OPTIONS", "*", "*", ""),
    ];
    for (method, target, path, query) in table {
        let head = with_target(method, target).unwrap();
        assert_eq!(
            (head.target(), head.path(), head.query()),
            (target, path, query)
        );
    }
    for target in [
        "*",
        "a",
        "a:80",
        "?a",
        "ftp://a/",
        "http:/a",
        "http:",
        "1http://a/",
    ] {
        refused(with_target("GET", target), 400, Rejection::TargetForm);
    }
    for target in [
        "http://",
        "http:///p",
        "http://u@a/",
        "http://a:b/",
        "http://[::1/",
        "http://?q",
    ] {
        refused(with_target("GET", target), 400, Rejection::TargetAuthority);
    }
    refused(with_target("OPTIONS", "**"), 400, Rejection::TargetForm);
    refused(with_target("CONNECT", "a:80"), 501, Rejection::Connect);
    refused(with_target("CONNECT", "/"), 400, Rejection::TargetForm);
}

#[test]
fn an_absolute_target_names_the_host() {
    let head = read(b"GET http://b:1/ HTTP/1.1\r\nA: 1\r\nHost: a\r\n\r\n").unwrap();
    let fields: Vec<(&[u8], &[u8])> = head.fields().collect();
    assert_eq!(fields, [(&b"a"[..], &b"1"[..]), (b"host", b"b:1")]);
    let head = read(b"GET http://b HTTP/1.0\r\nUpgrade: x\r\nA: 1\r\n\r\n").unwrap();
    let fields: Vec<(&[u8], &[u8])> = head.fields().collect();
    assert_eq!(
        fields,
        [(&b"host"[..], &b"b"[..]), (b"upgrade", b"x"), (b"a", b"1")]
    );
    refused(
        read(b"GET http://b HTTP/1.1\r\n\r\n"),
        400,
        Rejection::MissingHost,
    );
}

#[test]
fn a_field_line_is_a_token_a_colon_and_a_clean_value() {
    assert_eq!(
        with_fields("a:\t b\t c \t\r\n").unwrap().field(b"a"),
        Some(&b"b\t c"[..])
    );
    assert_eq!(
        with_fields("A_B!#$%&'*+-.^`|~9: \u{e9}\r\n")
            .unwrap()
            .fields()
            .len(),
        2
    );
    refuse_fields("a : b\r\n", 400, Rejection::SpaceBeforeColon);
    refuse_fields("a\t: b\r\n", 400, Rejection::SpaceBeforeColon);
    refuse_fields("a b: c\r\n", 400, Rejection::SpaceBeforeColon);
    refuse_fields(": b\r\n", 400, Rejection::EmptyFieldName);
    refuse_fields("a\r\n", 400, Rejection::MissingColon);
    refuse_fields("a: b\r\n c\r\n", 400, Rejection::FoldedField);
    refuse_fields("a: b\r\n\tc: d\r\n", 400, Rejection::FoldedField);
    for name in ["a(", "a/", "a@", "a\u{e9}", "a\x01", "\"a\"", "a[", "a\x7f"] {
        refuse_fields(&format!("{name}: b\r\n"), 400, Rejection::FieldName);
    }
    for value in ["\x01", "a\x1fb", "\x7f", "a\x08", "aaaaaaaaaaaaaaa\x0b"] {
        refuse_fields(&format!("a: {value}\r\n"), 400, Rejection::FieldValue);
    }
    refused(
        read(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        400,
        Rejection::FoldedField,
    );
}

#[test]
fn line_ends_are_exact() {
    refuse_fields("a: b\n", 400, Rejection::BareLineFeed);
    refuse_fields("a: b\rc: d\r\n", 400, Rejection::BareCarriageReturn);
    refuse_fields("a: \0\r\n", 400, Rejection::ZeroByte);
    refused(read(b"GET / HTTP/1.0\n\n"), 400, Rejection::BareLineFeed);
    assert_eq!(
        parse(&mut Head::new(), b"GET / HTTP/1.0\r\na: b\nc: d\r\n\r\n"),
        Err(Rejection::FieldValue)
    );
    assert_eq!(
        parse(&mut Head::new(), b"GET / HTTP/1.0\r\na: b\rc: d\r\n\r\n"),
        Err(Rejection::FieldValue)
    );
}

#[test]
fn limits_are_gunicorns() {
    let target = "a".repeat(4094 - "GET / HTTP/1.1".len());
    assert!(with_target("GET", &format!("/{target}")).is_ok());
    refused(
        with_target("GET", &format!("/{target}a")),
        414,
        Rejection::RequestLineTooLong,
    );
    let value = "b".repeat(8190 - "a:\r\n".len());
    assert!(with_fields(&format!("a:{value}\r\n")).is_ok());
    refuse_fields(&format!("a:{value}b\r\n"), 431, Rejection::FieldTooLarge);
    assert!(with_fields(&"a:b\r\n".repeat(99)).is_ok());
    refuse_fields(&"a:b\r\n".repeat(100), 431, Rejection::TooManyFields);
}

#[test]
fn a_limit_of_zero_is_the_most_there_is() {
    let limits = Limits {
        request_line: 0,
        fields: 0,
        field_size: 0,
    };
    let find = |input: String| {
        let found = find_head(input.as_bytes(), &mut Scan::default(), &limits);
        found.map_err(|refusal| refusal.rule)
    };
    assert!(find(format!("{}\r\n\r\n", "a".repeat(8190))).is_ok());
    assert_eq!(find("a".repeat(8191)), Err(Rejection::RequestLineTooLong));
    assert!(find(format!("a\r\n{}\r\n", "a:b\r\n".repeat(32_768))).is_ok());
    assert_eq!(
        find(format!("a\r\n{}", "a:b\r\n".repeat(32_769))),
        Err(Rejection::TooManyFields)
    );
    assert_eq!(
        find(format!("a\r\n{}", "a".repeat(1 << 20))),
        Err(Rejection::FieldTooLarge)
    );
}

#[test]
fn some_fields_come_only_once() {
    refuse_fields("Host: a\r\n", 400, Rejection::DuplicateField("host"));
    let twice = "Content-Length: 1\r\n".repeat(2);
    refuse_fields(&twice, 400, Rejection::DuplicateField("content-length"));
    let twice = "Content-Type: a/b\r\n".repeat(2);
    refuse_fields(&twice, 400, Rejection::DuplicateField("content-type"));
    assert!(with_fields("Cookie: a\r\nCookie: b\r\n").is_ok());
}

#[test]
fn host_is_needed_on_1_1_and_must_be_a_host() {
    refused(read(b"GET / HTTP/1.1\r\n\r\n"), 400, Rejection::MissingHost);
    assert!(read(b"GET / HTTP/1.0\r\n\r\n").is_ok());
    assert!(read(b"GET / HTTP/1.1\r\nHost:\r\n\r\n").is_ok());
    refused(
        read(b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        400,
        Rejection::Host,
    );
    refused(
        read(b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
        400,
        Rejection::Host,
    );
    refused(
        read(b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
        400,
        Rejection::Host,
    );
}

#[test]
fn content_length_is_digits_that_fit() {
    let framing = |value: &str| {
        with_fields(&format!("Content-Length: {value}\r\n")).map(|head| head.framing())
    };
    assert_eq!(framing("0"), Ok(Framing::Empty));
    assert_eq!(framing("007"), Ok(Framing::Length(7)));
    assert_eq!(
        framing("18446744073709551615"),
        Ok(Framing::Length(u64::MAX))
    );
    let long = "1".repeat(5000);
    for value in [
        "",
        "+1",
        "-1",
        "1,1",
        "1 1",
        "0x1",
        "1_0",
        "a",
        "١",
        "18446744073709551616",
        &long,
    ] {
        assert_eq!(framing(value), Err(Rejection::ContentLength), "{value}");
    }
}

#[test]
fn transfer_encoding_is_chunked_and_nothing_else() {
    for value in ["chunked", "CHUNKED", " chunked\t"] {
        let head = with_fields(&format!("Transfer-Encoding: {value}\r\n")).unwrap();
        assert_eq!(head.framing(), Framing::Chunked);
    }
    let table = [
        ("", 501, Rejection::TransferCoding),
        ("xchunked", 501, Rejection::TransferCoding),
        ("chunked;a=b", 501, Rejection::TransferCoding),
        ("\"chunked\"", 501, Rejection::TransferCoding),
        ("chunked,", 501, Rejection::TransferCoding),
        (",chunked", 501, Rejection::TransferCoding),
        ("chun ked", 501, Rejection::TransferCoding),
        ("gzip, chunked", 501, Rejection::TransferCoding),
        (
            "gzip\r\nTransfer-Encoding: chunked",
            501,
            Rejection::TransferCoding,
        ),
        ("gzip", 400, Rejection::ChunkedNotLast),
        ("identity", 400, Rejection::ChunkedNotLast),
        ("chunked, gzip", 400, Rejection::ChunkedNotLast),
        ("chunked, identity", 400, Rejection::ChunkedNotLast),
        ("chunked, chunked", 400, Rejection::ChunkedTwice),
        (
            "chunked\r\nTransfer-Encoding: chunked",
            400,
            Rejection::ChunkedTwice,
        ),
        (
            "chunked\r\nContent-Length: 1",
            400,
            Rejection::ConflictingFraming,
        ),
        (
            "chunked\r\nContent-Length: 0",
            400,
            Rejection::ConflictingFraming,
        ),
    ];
    for (value, status, rule) in table {
        refuse_fields(&format!("Transfer-Encoding: {value}\r\n"), status, rule);
    }
    let old = read(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
    refused(old, 400, Rejection::TransferEncodingOnHttp10);
}

#[test]
fn a_connection_goes_on_by_version_and_by_what_the_client_says() {
    let table = [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: x, CLOSE\r\n", false),
        (
            "1.1",
            "Connection: keep-alive\r\nConnection: close\r\n",
            false,
        ),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ];
    for (version, fields, expected) in table {
        let head =
            read(format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n").as_bytes()).unwrap();
        assert_eq!(head.keep_alive(), expected, "{version} {fields}");
    }
}

#[test]
fn only_100_continue_can_be_expected_and_only_on_1_1() {
    assert!(
        with_fields("Expect: 100-Continue\r\n")
            .unwrap()
            .expects_continue()
    );
    refuse_fields("Expect: 200-ok\r\n", 417, Rejection::Expectation);
    refuse_fields("Expect:\r\n", 417, Rejection::Expectation);
    for expectation in ["100-continue", "200-ok"] {
        let head = format!("GET / HTTP/1.0\r\nExpect: {expectation}\r\n\r\n");
        assert!(!read(head.as_bytes()).unwrap().expects_continue());
    }
}

#[test]
fn an_upgrade_counts_when_connection_lists_it_on_1_1() {
    let head = with_fields("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n").unwrap();
    assert_eq!(head.upgrade(), Some(&b"websocket"[..]));
    assert_eq!(
        with_fields("Upgrade: websocket\r\n").unwrap().upgrade(),
        None
    );
    assert_eq!(
        with_fields("Connection: upgrade\r\n").unwrap().upgrade(),
        None
    );
    let old = read(b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n").unwrap();
    assert_eq!(old.upgrade(), None);
}

#[test]
fn trailers_are_accepted_when_te_lists_them() {
    assert!(
        with_fields("TE: deflate, Trailers\r\n")
            .unwrap()
            .accepts_trailers()
    );
    assert!(!with_fields("TE: deflate\r\n").unwrap().accepts_trailers());
}

#[test]
fn a_refusal_says_in_which_line_the_rule_was_broken() {
    let table = [
        ("|G?T / HTTP/1.1\r\nHost: a\r\n\r\n", Rejection::Method),
        ("\r\n|GET /\r\nHost: a\r\n\r\n", Rejection::RequestLine),
        ("GET / HTTP/1.1\r\n|Host: a b\r\n\r\n", Rejection::Host),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n|b: \0\r\n\r\n",
            Rejection::ZeroByte,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n|b: \n\r\n",
            Rejection::BareLineFeed,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n|b: \x01\r\n\r\n",
            Rejection::FieldValue,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n| b\r\n\r\n",
            Rejection::FoldedField,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nb: c\r\n|Host: a\r\n\r\n",
            Rejection::DuplicateField("host"),
        ),
        ("|GET / HTTP/1.1\r\nb: c\r\n\r\n", Rejection::MissingHost),
        (
            "|GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
            Rejection::ChunkedNotLast,
        ),
    ];
    for (marked, rule) in table {
        let line = marked.find('|').unwrap();
        let input = marked.replace('|', "");
        let spaces = Tolerance {
            header_spaces: true,
            ..Tolerance::default()
        };
        for tolerance in [Tolerance::default(), spaces] {
            assert_eq!(
                find_and_parse(input.as_bytes(), tolerance).unwrap_err(),
                Refusal { rule, line },
                "{marked}"
            );
        }
    }
}

#[test]
fn a_tls_handshake_is_recognised() {
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    refused(read(hello), 400, Rejection::Tls);
    // Its length may have the bytes of a line end.
    refused(read(b"\x16\x03\x01\x0a\x0d\x01"), 400, Rejection::Tls);
    refused(
        read(&[b"\x16\x03".repeat(3000)].concat()),
        400,
        Rejection::Tls,
    );
    refused(read(b"\x16\x02\x01\0"), 400, Rejection::ZeroByte);
    refused(
        read(b"GET / HTTP/1.1\r\n\x16\x03\0"),
        400,
        Rejection::ZeroByte,
    );
}

#[test]
fn no_reason_repeats_what_the_client_sent() {
    let rejection = with_fields("Content-Length: secret\r\n").unwrap_err();
    assert_eq!(rejection.to_string(), "invalid content-length header field");
    assert_eq!(
        Rejection::DuplicateField("host").to_string(),
        "duplicate host header field"
    );
}

/// Decodes `input`; the body and how much was consumed.
fn decode(input: &[u8]) -> Result<(Vec<u8>, usize, bool), Rejection> {
    let mut body = Vec::new();
    let mut decoder = ChunkedDecoder::new(&Limits::default());
    let decoded = decoder.decode(input, &mut body, usize::MAX)?;
    Ok((body, decoded.consumed, decoded.finished))
}

#[track_caller]
fn refuse_chunks(input: &str, status: u16, rule: Rejection) {
    let rejection = decode(input.as_bytes()).expect_err("this must be refused");
    assert_eq!((rejection, rejection.status()), (rule, status), "{input:?}");
}

#[test]
fn chunks_become_a_body_and_what_follows_is_left() {
    let table: [(&str, &str, &str); 5] = [
        ("0\r\n\r\n", "", ""),
        ("3\r\nabc\r\n0\r\n\r\nGET", "abc", "GET"),
        ("1\r\na\r\n00002\r\nbc\r\n000\r\n\r\n", "abc", ""),
        (
            "00000000000000A\r\n0123456789\r\n0\r\n\r\n",
            "0123456789",
            "",
        ),
        (
            "1;a;b=c;d=\"e\\\"\t\u{e9}\"  ;f\r\nx\r\n0;z\r\nA: b\r\nc-d:\r\n\r\n",
            "x",
            "",
        ),
    ];
    for (input, body, rest) in table {
        let consumed = input.len() - rest.len();
        assert_eq!(
            decode(input.as_bytes()),
            Ok((body.into(), consumed, true)),
            "{input:?}"
        );
    }
}

#[test]
fn a_chunk_size_is_hexadecimal_digits_only() {
    for size in [
        "",
        " 1",
        "+1",
        "-1",
        "0x1",
        "g",
        "1_0",
        "\t1",
        "11111111111111111",
        ";a",
        "\n",
    ] {
        refuse_chunks(&format!("{size}\r\n"), 400, Rejection::ChunkSize);
    }
    let decoded = decode(b"ffffffffffffffff\r\nabc").unwrap();
    assert_eq!(decoded, (b"abc".to_vec(), 21, false));
}

#[test]
fn chunks_end_in_crlf_and_nothing_else() {
    for input in [
        "1\n",
        "1\r\r",
        "1\rx",
        "1\r\nab",
        "1\r\na\n",
        "1\r\na\rx",
        "1\r\na0\r\n",
    ] {
        refuse_chunks(input, 400, Rejection::ChunkEnd);
    }
}

#[test]
fn chunk_extensions_follow_their_grammar_and_have_a_limit() {
    for extension in [
        " ",
        ";",
        ";;",
        "; ",
        ";a=",
        ";a=;b",
        ";a=b c",
        ";=b",
        ";a=\"b",
        ";a=\"b\"c",
        ";a ",
        ";a=b ",
        ";a\n",
        ";a=\"\\\r",
    ] {
        refuse_chunks(&format!("1{extension}\r\n"), 400, Rejection::ChunkExtension);
    }
    let chunk = format!("1;{}\r\na\r\n", "b".repeat(1000));
    assert!(decode(chunk.repeat(16).as_bytes()).is_ok());
    refuse_chunks(&chunk.repeat(17), 400, Rejection::ChunkExtensionsTooLarge);
}

#[test]
fn trailers_are_checked_like_fields() {
    let table = [
        ("Host: a\r\n", 400, Rejection::ForbiddenTrailer("host")),
        (
            "content-length: 1\r\n",
            400,
            Rejection::ForbiddenTrailer("content-length"),
        ),
        (
            "TRANSFER-ENCODING: a\r\n",
            400,
            Rejection::ForbiddenTrailer("transfer-encoding"),
        ),
        (
            "a: b\r\ntrailer: a\r\n",
            400,
            Rejection::ForbiddenTrailer("trailer"),
        ),
        (
            "authorization: a\r\n",
            400,
            Rejection::ForbiddenTrailer("authorization"),
        ),
        ("te: a\r\n", 400, Rejection::ForbiddenTrailer("te")),
        ("a\r\n", 400, Rejection::MissingColon),
        ("a : b\r\n", 400, Rejection::SpaceBeforeColon),
        (": b\r\n", 400, Rejection::EmptyFieldName),
        (" a: b\r\n", 400, Rejection::FoldedField),
        ("a: b\r\n c\r\n", 400, Rejection::FoldedField),
        ("a(: b\r\n", 400, Rejection::FieldName),
        ("a: \x01\r\n", 400, Rejection::FieldValue),
        ("a: b\n", 400, Rejection::BareLineFeed),
        ("a: b\rc\r\n", 400, Rejection::BareCarriageReturn),
        ("\n", 400, Rejection::BareLineFeed),
        ("\rx", 400, Rejection::BareCarriageReturn),
    ];
    for (trailer, status, rule) in table {
        refuse_chunks(&format!("0\r\n{trailer}"), status, rule);
    }
    for allowed in [
        "hos: a",
        "hosts: a",
        "x-transfer-encoding: a",
        "transfer-encodings: b",
    ] {
        assert!(
            decode(format!("0\r\n{allowed}\r\n\r\n").as_bytes())
                .unwrap()
                .2,
            "{allowed}"
        );
    }
}

#[test]
fn trailers_keep_to_the_limits_of_fields() {
    let fits = format!("0\r\na:{}\r\n\r\n", "b".repeat(8190 - 4));
    assert!(decode(fits.as_bytes()).unwrap().2);
    let large = format!("0\r\na:{}", "b".repeat(8190 - 3));
    refuse_chunks(&large, 431, Rejection::FieldTooLarge);
    assert!(
        decode(format!("0\r\n{}\r\n", "a:b\r\n".repeat(100)).as_bytes())
            .unwrap()
            .2
    );
    refuse_chunks(
        &format!("0\r\n{}", "a:b\r\n".repeat(101)),
        431,
        Rejection::TooManyFields,
    );
}

#[test]
fn a_decoder_never_gives_more_than_there_is_room_for() {
    let mut decoder = ChunkedDecoder::new(&Limits::default());
    let mut body = Vec::new();
    let input = b"5\r\nhello\r\n0\r\n\r\nGET";
    let first = decoder.decode(input, &mut body, 2).unwrap();
    assert_eq!(
        (first.consumed, first.finished, body.as_slice()),
        (5, false, &b"he"[..])
    );
    let none = decoder.decode(&input[5..], &mut body, 0).unwrap();
    assert_eq!((none.consumed, none.finished), (0, false));
    let rest = decoder.decode(&input[5..], &mut body, 3).unwrap();
    assert_eq!(
        (rest.consumed, rest.finished, body.as_slice()),
        (10, true, &b"hello"[..])
    );
    assert_eq!(decoder.decode(b"GET", &mut body, 9).unwrap().consumed, 0);
}
