//! Requests for WebSocket and what is said to them, as tables.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use rgunicorn_websocket::Carrier;
use rgunicorn_websocket::Deflate;
use rgunicorn_websocket::DeflateSettings;
use rgunicorn_websocket::Handshake;
use rgunicorn_websocket::Refusal;
use rgunicorn_websocket::Takeover;
use rgunicorn_websocket::WindowBits;
use rgunicorn_websocket::accept_key;
use rgunicorn_websocket::is_websocket;

const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
const VERSION: (&str, &str) = ("sec-websocket-version", "13");

fn read(carrier: Carrier, method: &str, fields: &[(&str, &str)]) -> Result<Handshake, Refusal> {
    let fields = fields
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    Handshake::read(carrier, method, fields)
}

fn get(fields: &[(&str, &str)]) -> Result<Handshake, Refusal> {
    read(Carrier::Upgrade, "GET", fields)
}

fn subprotocols(handshake: &Handshake) -> Vec<String> {
    let names = handshake.subprotocols();
    names
        .map(|name| String::from_utf8(name.to_vec()).unwrap())
        .collect()
}

/// The fields of an acceptance, as they would go out.
fn fields_of(handshake: &Handshake, subprotocol: Option<&str>) -> Vec<String> {
    let acceptance = handshake.accept(subprotocol.map(str::as_bytes), None);
    let line = |(name, value): &(&[u8], Vec<u8>)| {
        let (name, value) = (
            str::from_utf8(name).unwrap(),
            str::from_utf8(value).unwrap(),
        );
        format!("{name}: {value}")
    };
    acceptance.fields.iter().map(line).collect()
}

/// What is answered to a client that says `offer` in `sec-websocket-extensions`.
fn answer_to(offer: &str, settings: &DeflateSettings) -> Option<String> {
    let offered = ("sec-websocket-extensions", offer);
    let acceptance = get(&[KEY, VERSION, offered])
        .unwrap()
        .accept(None, Some(settings));
    let mut fields = acceptance.fields.into_iter();
    let found = fields.find(|(name, _)| *name == b"sec-websocket-extensions");
    assert_eq!(found.is_some(), acceptance.deflate.is_some());
    found.map(|(_, value)| String::from_utf8(value).unwrap())
}

/// No restriction of our own.
fn most() -> DeflateSettings {
    DeflateSettings {
        server_window: WindowBits::MOST,
        client_window: WindowBits::MOST,
        ..DeflateSettings::default()
    }
}

fn bits(bits: u8) -> WindowBits {
    WindowBits::new(bits).unwrap()
}

#[test]
fn the_accept_key_is_the_one_of_rfc_6455() {
    assert_eq!(accept_key(KEY.1.as_bytes()), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn websocket_is_asked_for_in_any_case_and_among_others() {
    for (protocol, expected) in [
        ("websocket", true),
        ("WebSocket", true),
        ("h2c, websocket", true),
        ("h2c", false),
        ("websockets", false),
        ("websocket/13", false),
        ("", false),
    ] {
        assert_eq!(is_websocket(protocol.as_bytes()), expected, "{protocol}");
    }
}

#[test]
fn an_upgrade_is_accepted_with_the_key_digested() {
    let handshake = get(&[("host", "a"), KEY, VERSION]).unwrap();
    assert_eq!(
        fields_of(&handshake, None),
        ["sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
    );
}

#[test]
fn an_extended_connect_needs_no_key_and_is_accepted_without() {
    let handshake = read(Carrier::ExtendedConnect, "CONNECT", &[VERSION]).unwrap();
    assert_eq!(fields_of(&handshake, None), [""; 0]);
}

#[test]
fn a_request_that_breaks_a_rule_is_refused() {
    let repeated_key = [KEY, KEY, VERSION];
    let key = |key| [("sec-websocket-key", key), VERSION];
    let version = |version| [KEY, ("sec-websocket-version", version)];
    for (fields, expected) in [
        (&[VERSION][..], Refusal::MissingKey),
        (&repeated_key, Refusal::Key),
        (&key(""), Refusal::Key),
        (&key("short"), Refusal::Key),
        (&key("dGhlIHNhbXBsZSBub25jZQ="), Refusal::Key),
        (&key("dGhlIHNhbXBsZSBub25jZSE="), Refusal::Key), // 17 bytes
        (&key("dGhlIHNhbXBsZSBub25j"), Refusal::Key),     // 15 bytes
        (
            &key("dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="),
            Refusal::Key,
        ),
        (&key("!Ghl IHNhbXBsZSBub25jZQ="), Refusal::Key),
        (&[KEY], Refusal::Version),
        (&version("8"), Refusal::Version),
        (&version("013"), Refusal::Version),
        (&version("13, 8"), Refusal::Version),
        (&[KEY, VERSION, VERSION], Refusal::Version),
        (
            &[KEY, VERSION, ("sec-websocket-extensions", "a;;b")],
            Refusal::Extensions,
        ),
        (
            &[KEY, VERSION, ("sec-websocket-extensions", "a b")],
            Refusal::Extensions,
        ),
        (
            &[KEY, VERSION, ("sec-websocket-extensions", "a; b=\"c")],
            Refusal::Extensions,
        ),
        (
            &[KEY, VERSION, ("sec-websocket-extensions", "a; b=\"\"")],
            Refusal::Extensions,
        ),
        (
            &[KEY, VERSION, ("sec-websocket-extensions", "a; b=")],
            Refusal::Extensions,
        ),
    ] {
        assert_eq!(get(fields), Err(expected), "{fields:?}");
    }
    let post = read(Carrier::Upgrade, "POST", &[KEY, VERSION]);
    assert_eq!(post, Err(Refusal::Method));
}

#[test]
fn a_refusal_says_what_would_have_been_right() {
    let version: (&[u8], &[u8]) = (b"sec-websocket-version", b"13");
    assert_eq!(
        (Refusal::Version.status(), Refusal::Version.field()),
        (426, Some(version))
    );
    let method: (&[u8], &[u8]) = (b"allow", b"GET");
    assert_eq!(
        (Refusal::Method.status(), Refusal::Method.field()),
        (405, Some(method))
    );
    for refusal in [Refusal::MissingKey, Refusal::Key, Refusal::Extensions] {
        assert_eq!((refusal.status(), refusal.field()), (400, None));
    }
}

#[test]
fn subprotocols_of_all_fields_are_offered_in_order() {
    let name = "sec-websocket-protocol";
    let handshake = get(&[KEY, VERSION, (name, "chat, \t superchat ,,"), (name, "v2")]).unwrap();
    assert_eq!(subprotocols(&handshake), ["chat", "superchat", "v2"]);
    assert!(subprotocols(&get(&[KEY, VERSION, (name, "")]).unwrap()).is_empty());
}

#[test]
fn the_chosen_subprotocol_is_answered() {
    let handshake = get(&[KEY, VERSION, ("sec-websocket-protocol", "a, b")]).unwrap();
    assert_eq!(
        fields_of(&handshake, Some("b"))[1],
        "sec-websocket-protocol: b"
    );
}

#[test]
fn an_offer_is_answered_with_what_both_sides_want() {
    for (offer, expected) in [
        ("permessage-deflate", ""),
        ("Permessage-Deflate", ""),
        ("permessage-deflate; client_max_window_bits", ""),
        ("permessage-deflate; client_max_window_bits=15", ""),
        (
            "permessage-deflate; client_max_window_bits=10",
            "; client_max_window_bits=10",
        ),
        (
            "permessage-deflate; client_max_window_bits=8",
            "; client_max_window_bits=8",
        ),
        (
            "permessage-deflate; server_max_window_bits=10",
            "; server_max_window_bits=10",
        ),
        (
            "permessage-deflate; server_max_window_bits=15",
            "; server_max_window_bits=15",
        ),
        (
            "permessage-deflate; server_max_window_bits=\"10\"",
            "; server_max_window_bits=10",
        ),
        (
            "permessage-deflate; server_max_window_bits=\"1\\0\"",
            "; server_max_window_bits=10",
        ),
        (
            "permessage-deflate ;server_no_context_takeover",
            "; server_no_context_takeover",
        ),
        (
            "permessage-deflate; client_no_context_takeover",
            "; client_no_context_takeover",
        ),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=12; client_max_window_bits=11",
            "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; \
             client_max_window_bits=11",
        ),
    ] {
        let expected = format!("permessage-deflate{expected}");
        assert_eq!(
            answer_to(offer, &most()).as_ref(),
            Some(&expected),
            "{offer}"
        );
    }
}

#[test]
fn of_several_offers_the_first_that_can_be_accepted_is() {
    for (offer, expected) in [
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate",
            "",
        ),
        (
            "permessage-deflate; server_max_window_bits=9, permessage-deflate",
            "; server_max_window_bits=9",
        ),
        ("x-webkit-deflate-frame, permessage-deflate", ""),
        ("foo; bar=1; bar=2, permessage-deflate", ""),
    ] {
        let expected = format!("permessage-deflate{expected}");
        assert_eq!(
            answer_to(offer, &most()).as_ref(),
            Some(&expected),
            "{offer}"
        );
    }
}

#[test]
fn an_offer_that_is_not_understood_is_declined() {
    for parameters in [
        "; unknown",
        "; server_no_context_takeover=1",
        "; client_no_context_takeover=true",
        "; server_no_context_takeover; server_no_context_takeover",
        "; server_max_window_bits",
        "; server_max_window_bits=7",
        "; server_max_window_bits=8",
        "; server_max_window_bits=16",
        "; server_max_window_bits=010",
        "; server_max_window_bits=1x",
        "; server_max_window_bits=10; server_max_window_bits=11",
        "; client_max_window_bits=7",
        "; client_max_window_bits=16",
        "; client_max_window_bits; client_max_window_bits",
        "; SERVER_NO_CONTEXT_TAKEOVER",
    ] {
        let offer = format!("permessage-deflate{parameters}");
        assert_eq!(answer_to(&offer, &most()), None, "{offer}");
    }
    assert_eq!(answer_to("permessage-bzip2", &most()), None);
    assert_eq!(answer_to("", &most()), None);
}

#[test]
fn our_own_restrictions_are_answered_where_the_client_lets_itself_be_told() {
    let settings = DeflateSettings {
        server_window: bits(11),
        client_window: bits(10),
        ..most()
    };
    for (offer, expected) in [
        ("", "; server_max_window_bits=11"),
        ("; server_max_window_bits=10", "; server_max_window_bits=10"),
        (
            "; client_max_window_bits",
            "; server_max_window_bits=11; client_max_window_bits=10",
        ),
        (
            "; client_max_window_bits=9",
            "; server_max_window_bits=11; client_max_window_bits=9",
        ),
        (
            "; client_max_window_bits=12",
            "; server_max_window_bits=11; client_max_window_bits=10",
        ),
    ] {
        let answer = answer_to(&format!("permessage-deflate{offer}"), &settings);
        assert_eq!(
            answer,
            Some(format!("permessage-deflate{expected}")),
            "{offer}"
        );
    }
    let settings = DeflateSettings {
        server_takeover: Takeover::Forbidden,
        client_takeover: Takeover::Forbidden,
        ..most()
    };
    let expected = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert_eq!(
        answer_to("permessage-deflate", &settings).as_deref(),
        Some(expected)
    );
}

#[test]
fn offers_in_several_fields_are_one_list() {
    let name = "sec-websocket-extensions";
    let handshake = get(&[KEY, VERSION, (name, "foo"), (name, "permessage-deflate")]).unwrap();
    assert!(handshake.accept(None, Some(&most())).deflate.is_some());
}

#[test]
fn nothing_is_agreed_on_where_compression_is_off() {
    let offer = ("sec-websocket-extensions", "permessage-deflate");
    let handshake = get(&[KEY, VERSION, offer]).unwrap();
    assert_eq!(handshake.accept(None, None).deflate, None);
    assert_eq!(fields_of(&handshake, None).len(), 1);
}

#[test]
fn a_client_understands_every_answer_to_its_own_offer() {
    for settings in [most(), DeflateSettings::default()] {
        let offer = Deflate::offer(&settings);
        let answer = answer_to(&offer, &DeflateSettings::default()).unwrap();
        assert!(
            Deflate::accepted(answer.as_bytes(), &settings).is_some(),
            "{answer}"
        );
    }
}

#[test]
fn a_client_rejects_what_it_did_not_offer() {
    let narrow = DeflateSettings {
        server_window: bits(10),
        server_takeover: Takeover::Forbidden,
        ..most()
    };
    let permitted = "permessage-deflate; server_no_context_takeover; server_max_window_bits=10";
    assert!(Deflate::accepted(permitted.as_bytes(), &narrow).is_some());
    for answer in [
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=11",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate, permessage-deflate",
        "x",
        "",
    ] {
        assert_eq!(
            Deflate::accepted(answer.as_bytes(), &narrow),
            None,
            "{answer}"
        );
    }
}
