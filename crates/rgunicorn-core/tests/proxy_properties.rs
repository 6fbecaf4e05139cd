//! What holds for everything that is said in the name of a proxy, however it is spread or cut.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../../../fuzz/proxy_bodies.rs"]
mod proxy_bodies;

/// Field lines by which proxies tell of the client, well-formed or nearly.
fn field_lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        "x-forwarded-for: (127\\.0\\.0\\.1|1\\.2\\.3\\.4|\\[?::1\\]?|_a|,|:[0-9]{1,5}| ){0,6}",
        "x-forwarded-(proto|ssl|protocol): (https|http|on|ssl|wss|,| ){0,3}",
        "x-forwarded-(host|port): [a-b0-9:\\[\\]., ]{0,9}",
        "(x-forwarded-prefix|script_name): (/app|/v1|/|\\.\\.|%|a| ){0,4}",
        "forwarded: ((for|by|host|proto)=(\"?127\\.0\\.0\\.1\"?|\"[a1:,;\\\\]{0,3}\"|https|_x)[;,]? ?){0,4}",
        "forwarded: [a-z=\";,\\\\ ]{0,12}",
    ];
    vec(line, 0..5).prop_map(|lines| lines.join("\r\n").into_bytes())
}

/// Bytes that a header of the PROXY protocol is made of, and what follows it.
fn proxy_header() -> impl Strategy<Value = Vec<u8>> {
    let v1 = "PROXY (TCP4|TCP6|UNKNOWN|TCP)( (1\\.2\\.3\\.4|::1|[0-9]{1,6}|)){0,5}\r?\n?(GET /)?";
    let address = vec(any::<u8>(), 0..50);
    let v2 = (0x1f..0x23_u8, any::<u8>(), any::<bool>(), address).prop_map(
        |(command, family, usual, rest)| {
            let family = if usual { (family % 4) << 4 | 1 } else { family };
            let length = u8::try_from(rest.len()).unwrap();
            let signature: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
            [signature, &[command, family, 0, length], &rest, b"GET /"].concat()
        },
    );
    prop_oneof![v1.prop_map(String::into_bytes), v2, vec(any::<u8>(), 0..40)]
}

proptest! {
    #[test]
    fn what_is_believed_of_header_fields_is_clean(lines in field_lines()) {
        proxy_bodies::fuzz_forwarded(&lines);
    }

    #[test]
    fn any_field_value_is_read_or_refused_without_a_panic(value in vec(32..127_u8, 0..60)) {
        for name in ["x-forwarded-for", "forwarded", "x-forwarded-host", "x-forwarded-prefix"] {
            proxy_bodies::fuzz_forwarded(&[name.as_bytes(), b": ", &value].concat());
        }
    }

    #[test]
    fn a_header_of_the_proxy_protocol_reads_the_same_however_it_arrives(input in proxy_header()) {
        proxy_bodies::fuzz_proxy_protocol(&input);
    }

    #[test]
    fn a_header_of_the_proxy_protocol_reads_the_same_wherever_it_ends(
        input in proxy_header(),
        end in any::<prop::sample::Index>(),
    ) {
        proxy_bodies::fuzz_proxy_protocol(&input[..end.index(input.len() + 1)]);
    }
}

#[test]
fn the_corpora_of_the_fuzzers_hold_too() {
    check_corpus("forwarded", proxy_bodies::fuzz_forwarded);
    check_corpus("proxy_protocol", proxy_bodies::fuzz_proxy_protocol);
}

fn check_corpus(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let files: Vec<_> = fs::read_dir(corpus.join(target)).unwrap().collect();
    assert!(!files.is_empty());
    for file in files {
        body(&fs::read(file.unwrap().path()).unwrap());
    }
}
