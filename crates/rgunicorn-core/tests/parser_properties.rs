//! What holds for every request, whatever it says and however it is cut.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;

use rgunicorn_core::parser::ChunkedDecoder;
use rgunicorn_core::parser::Framing;
use rgunicorn_core::parser::Head;
use rgunicorn_core::parser::Limits;
use rgunicorn_core::parser::Refusal;
use rgunicorn_core::parser::Scan;
use rgunicorn_core::parser::Tolerance;
use rgunicorn_core::parser::find_head;

#[path = "../../../fuzz/bodies.rs"]
mod bodies;

/// Pieces that heads are made of, well-formed or nearly.
fn head_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "(GET|OPTIONS|get|CONNECT) (/[a-z?%#]{0,9}|\\*|http://[a-z@:/]{0,6}) HTTP/1\\.[012]\r\n",
        "(Host|host): ?[a-z\\[\\]:.%]{0,8}\r\n",
        "(Content-Length|Transfer-Encoding|Connection|Expect): ?(chunked|close|100-continue|[0-9+,]{0,3})\r\n",
        "[A-Za-z-]{0,4} ?:[ -~\t]{0,12}\r\n",
        "\r\n",
        "[\r\n\0 a:]{1,2}",
    ];
    vec(piece, 0..9).prop_map(|pieces| pieces.concat().into_bytes())
}

/// Heads that are well-formed but for what can be permitted, as often as not.
fn faulty() -> impl Strategy<Value = Vec<u8>> {
    let line = "(GET|get|G#T|G|options) (/[a-z?]{0,3}|\\*|http://a) HTTP/([12]\\.[012]|0\\.9)\r\nHost:[ \t]a\r\n";
    let field = prop_oneof![
        "[a-zA-Z]{1,4}[ \t]{0,2}:[ -~\t]{0,5}\r\n",
        "[ \t]{1,2}[ -~\t]{0,5}\r\n",
        "(Content-Length|Transfer-Encoding|Connection|Expect)[ \t]?:(\r\n)? ?(chunked|close|100-continue|[0-9]{0,3})\r\n",
        "[\r\n\0a: ]{1,2}",
    ];
    let fields = vec(field, 0..6);
    (line, fields).prop_map(|(line, fields)| format!("{line}{}\r\n", fields.concat()).into_bytes())
}

/// Pieces that chunked bodies are made of.
fn chunks_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "1\r\na\r\n",
        "0?3(;[a-z\"= ]{0,5})?\r\nabc\r\n",
        "[0-9a-fA-F]{1,2}\r\n",
        "0\r\n\r\n",
        "0\r\n",
        "(Host|te|a|[a-z]{1,18}) ?:[a-z ]{0,9}\r\n",
        "[\r\n;\" x]",
    ];
    vec(piece, 0..9).prop_map(|pieces| pieces.concat().into_bytes())
}

/// A head and where it ends, or the rule it breaks, when it arrives cut at `cut`.
fn read(input: &[u8], cut: usize) -> Result<Option<(usize, Framing, usize)>, Refusal> {
    let mut scan = Scan::default();
    let limits = Limits::default();
    let mut found = find_head(&input[..cut], &mut scan, &limits)?;
    if found.is_none() {
        found = find_head(input, &mut scan, &limits)?;
    }
    let Some(length) = found else { return Ok(None) };
    let mut head = Head::new();
    head.parse(&input[..length], Tolerance::default())?;
    Ok(Some((length, head.framing(), head.fields().len())))
}

/// `body` in chunks as long as `sizes` says, in a circle.
fn encode(body: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let mut rest = body;
    for size in sizes.iter().cycle() {
        let (chunk, tail) = rest.split_at(rest.len().min(*size));
        encoded.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        encoded.extend_from_slice(chunk);
        encoded.extend_from_slice(b"\r\n");
        rest = tail;
        if chunk.is_empty() {
            break;
        }
    }
    encoded
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(switches: u8, input in vec(any::<u8>(), 0..200)) {
        bodies::fuzz_head(switches, &input);
        bodies::fuzz_chunked(&input);
    }

    #[test]
    fn nothing_that_looks_like_a_head_gets_past_the_rules(switches: u8, input in head_like()) {
        bodies::fuzz_head(switches, &input);
    }

    #[test]
    fn nothing_that_looks_like_a_head_with_faults_gets_past_the_rules(switches: u8, input in faulty()) {
        bodies::fuzz_head(switches, &input);
    }

    #[test]
    fn a_folded_value_is_its_lines_with_one_space_between(
        lines in vec("[!-~]{1,9}([ \t]{1,3}[!-~]{1,9})?", 1..5),
        before in vec("[ \t]{0,3}", 5..6),
        after in vec("[ \t]{1,3}", 5..6),
    ) {
        let folds = lines.iter().zip(before.iter().zip(&after));
        let folded: String = folds.map(|(line, (before, after))| format!("{after}{line}{before}\r\n")).collect();
        let input = format!("GET / HTTP/1.0\r\na:{folded}b: c\r\n\r\n");
        let mut head = Head::new();
        let tolerance = Tolerance { obsolete_folding: true, ..Tolerance::default() };
        head.parse(input.as_bytes(), tolerance).unwrap();
        let fields: Vec<_> = head.fields().collect();
        let value = lines.join(" ");
        prop_assert_eq!(fields, [(&b"a"[..], value.as_bytes()), (b"b", b"c")]);
    }

    #[test]
    fn nothing_that_looks_like_chunks_depends_on_how_it_arrives(input in chunks_like()) {
        bodies::fuzz_chunked(&input);
    }

    #[test]
    fn a_request_reads_the_same_wherever_it_is_cut(input in head_like(), cut in any::<prop::sample::Index>()) {
        prop_assert_eq!(read(&input, cut.index(input.len() + 1)), read(&input, input.len()));
    }

    #[test]
    fn what_is_encoded_decodes_to_itself(
        body in vec(any::<u8>(), 0..300),
        sizes in vec(1_usize..40, 1..5),
        piece in 1_usize..50,
        room in 1_usize..50,
    ) {
        let encoded = encode(&body, &sizes);
        let mut decoder = ChunkedDecoder::new(&Limits::default());
        let mut decoded = Vec::new();
        let mut position = 0;
        let mut finished = false;
        while !finished {
            let end = encoded.len().min(position + piece);
            let step = decoder.decode(&encoded[position..end], &mut decoded, room).unwrap();
            prop_assert!(step.consumed > 0);
            position += step.consumed;
            finished = step.finished;
        }
        prop_assert_eq!(decoded, body);
        prop_assert_eq!(position, encoded.len());
    }
}

#[test]
fn the_corpora_of_the_fuzzers_hold_too() {
    for (target, body) in [
        ("head", fuzz_head as fn(&[u8])),
        ("chunked", bodies::fuzz_chunked),
    ] {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/");
        let inputs: Vec<_> = fs::read_dir(format!("{corpus}{target}")).unwrap().collect();
        assert!(!inputs.is_empty());
        for input in inputs {
            body(&fs::read(input.unwrap().path()).unwrap());
        }
    }
}

/// As the target `head` does: the first byte says what is permitted.
fn fuzz_head(input: &[u8]) {
    let (switches, head) = input.split_first().expect("no input is empty");
    bodies::fuzz_head(*switches, head);
}
