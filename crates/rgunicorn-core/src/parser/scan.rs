//! Finds the end of a request head while it arrives, looking at each byte once.
//!
//! Checks only what can be told line by line: line ends, zero bytes and sizes. What the lines say
//! is for [`head`](super::head).

use memchr::memchr3;

use super::Limits;
use super::Refusal;
use super::Rejection;

/// How far the search for the end of a head has come. One per connection; it starts over by itself
/// after each head.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Where the line starts that is being read, or the field that the line continues.
    line: usize,
    /// Where the line or field before it starts.
    previous: usize,
    /// Where the next look starts: everything before is known to be part of that line.
    position: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    #[default]
    Start,
    AfterEmptyLine,
    Fields(usize),
}

/// Finds the end of the head that `input` starts with: its length with the final empty line, or
/// `None` if more is needed. Called again with the same bytes and more after them, it goes on where
/// it stopped.
///
/// Every line must end in CRLF (RFC 9112 §2.2 allows a bare LF; this server, like gunicorn, does
/// not); one empty line is skipped before the request line. A line that starts with whitespace
/// counts as part of the field before it, whether or not folding is permitted later.
///
/// # Errors
///
/// The first broken rule, in order of bytes and so independent of how the input was cut: a bare LF
/// or CR, a zero byte, a second empty line, or a limit. And where the offending line starts, or
/// the field that it continues.
pub fn find_head(input: &[u8], scan: &mut Scan, limits: &Limits) -> Result<Option<usize>, Refusal> {
    let limits = limits.resolved();
    measure(input, scan, &limits).map_err(|rule| {
        let is_tls = matches!(scan.stage, Stage::Start) && input.starts_with(TLS_HANDSHAKE);
        let rule = if is_tls { Rejection::Tls } else { rule };
        rule.at(scan.line)
    })
}

fn measure(input: &[u8], scan: &mut Scan, limits: &Limits) -> Result<Option<usize>, Rejection> {
    if scan.position > input.len() {
        *scan = Scan::default();
    }
    while let Some(end) = line_end(input, scan, limits)? {
        let next = end + b"\r\n".len();
        scan.stage = match (scan.stage, end == scan.line) {
            (Stage::Start, true) => Stage::AfterEmptyLine,
            (Stage::AfterEmptyLine, true) => return Err(Rejection::EmptyLines),
            (Stage::Start | Stage::AfterEmptyLine, false) => Stage::Fields(0),
            (Stage::Fields(count), false) => Stage::Fields(count + 1),
            (Stage::Fields(_), true) => {
                *scan = Scan::default();
                return Ok(Some(next));
            }
        };
        scan.previous = std::mem::replace(&mut scan.line, next);
        scan.position = next;
    }
    Ok(None)
}

/// Where the CRLF of the current line is, if it is there.
fn line_end(input: &[u8], scan: &mut Scan, limits: &Limits) -> Result<Option<usize>, Rejection> {
    if let (Stage::Fields(count @ 1..), Some(b' ' | b'\t')) = (scan.stage, input.get(scan.line)) {
        // RFC 9112 §5.2: it goes on with the field before it. One size, one field.
        scan.stage = Stage::Fields(count - 1);
        scan.line = scan.previous;
    }
    let (most, too_long) = match scan.stage {
        Stage::Fields(count) if count >= limits.fields && starts_field(input, scan.line) => {
            return Err(Rejection::TooManyFields);
        }
        Stage::Fields(_) => (
            limits.field_size.saturating_sub(b"\r\n".len()),
            Rejection::FieldTooLarge,
        ),
        Stage::Start | Stage::AfterEmptyLine => {
            (limits.request_line, Rejection::RequestLineTooLong)
        }
    };
    let end = memchr3(b'\r', b'\n', 0, &input[scan.position..]).map(|found| scan.position + found);
    scan.position = end.unwrap_or(input.len());
    if scan.position - scan.line > most {
        return Err(too_long);
    }
    let Some(end) = end else { return Ok(None) };
    match (input[end], input.get(end + 1)) {
        (b'\r', Some(b'\n')) => Ok(Some(end)),
        (b'\r', None) => Ok(None),
        (b'\r', Some(_)) => Err(Rejection::BareCarriageReturn),
        (b'\n', _) => Err(Rejection::BareLineFeed),
        _ => Err(Rejection::ZeroByte),
    }
}

/// How a record with a ClientHello begins: its type, and the one major version there is (RFC 8446
/// §5.1). A few bytes later it has a zero.
const TLS_HANDSHAKE: &[u8] = &[22, 3];

fn starts_field(input: &[u8], line: usize) -> bool {
    input.get(line).is_some_and(|byte| *byte != b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        request_line: 20,
        fields: 2,
        field_size: 10,
    };

    /// Checks the outcome, whether the input comes at once or byte by byte.
    #[track_caller]
    fn check(input: &[u8], expected: Result<Option<usize>, Rejection>) {
        assert_eq!(
            find_head(input, &mut Scan::default(), &LIMITS).map_err(|refusal| refusal.rule),
            expected,
            "at once"
        );
        let mut scan = Scan::default();
        let mut outcome = Ok(None);
        for end in 0..=input.len() {
            outcome = find_head(&input[..end], &mut scan, &LIMITS);
            if outcome != Ok(None) {
                break;
            }
        }
        assert_eq!(
            outcome.map_err(|refusal| refusal.rule),
            expected,
            "byte by byte"
        );
    }

    #[test]
    fn a_head_ends_after_its_empty_line() {
        check(b"GET / HTTP/1.1\r\n\r\nbody", Ok(Some(18)));
        check(b"GET / HTTP/1.1\r\na:b\r\n\r\n", Ok(Some(23)));
        check(b"GET / HTTP/1.1\r\na:b\r\n\r", Ok(None));
        check(b"", Ok(None));
    }

    #[test]
    fn one_empty_line_before_the_request_is_tolerated_but_not_two() {
        check(b"\r\nGET / HTTP/1.1\r\n\r\n", Ok(Some(20)));
        check(
            b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            Err(Rejection::EmptyLines),
        );
    }

    #[test]
    fn the_lines_of_a_folded_field_count_together() {
        check(
            b"GET / HTTP/1.1\r\na:b\r\n c\r\n\td:e\r\n\r\n",
            Err(Rejection::FieldTooLarge),
        );
        check(b"GET / HTTP/1.1\r\na:\r\n b\r\nc:d\r\n\r\n", Ok(Some(31)));
        check(
            b"GET / HTTP/1.1\r\na:\r\n b\r\nc:d\r\ne:f\r\n\r\n",
            Err(Rejection::TooManyFields),
        );
        check(b"GET / HTTP/1.1\r\n a\r\nc:d\r\n\r\n", Ok(Some(27)));
    }

    #[test]
    fn lines_end_in_crlf_and_nothing_else() {
        check(b"GET / HTTP/1.1\n\n", Err(Rejection::BareLineFeed));
        check(b"\nGET / HTTP/1.1\r\n\r\n", Err(Rejection::BareLineFeed));
        check(
            b"GET / HTTP/1.1\r\na: b\rc\r\n\r\n",
            Err(Rejection::BareCarriageReturn),
        );
        check(b"GET / HTTP/1.1\r\na: \0\r\n\r\n", Err(Rejection::ZeroByte));
        check(b"GET / HTTP/1.1\r\n\n", Err(Rejection::BareLineFeed));
    }

    #[test]
    fn limits_count_the_line_without_crlf_and_the_field_with_it() {
        check(b"GET /67890 HTTP/1.19\r\n\r\n", Ok(Some(24)));
        check(
            b"GET /678901 HTTP/1.19\r\n\r\n",
            Err(Rejection::RequestLineTooLong),
        );
        check(b"GET /678901 HTTP/1.19", Err(Rejection::RequestLineTooLong));
        check(b"G / H\r\na:345678\r\n\r\n", Ok(Some(19)));
        check(b"G / H\r\na:3456789\r\n\r\n", Err(Rejection::FieldTooLarge));
        check(b"G / H\r\na:1\r\nb:2\r\n\r\n", Ok(Some(19)));
        check(b"G / H\r\na:1\r\nb:2\r\nc", Err(Rejection::TooManyFields));
    }

    #[test]
    fn the_search_starts_over_after_each_head() {
        let mut scan = Scan::default();
        assert_eq!(find_head(b"G / H\r\n\r\n", &mut scan, &LIMITS), Ok(Some(9)));
        assert_eq!(find_head(b"G / H\r\n", &mut scan, &LIMITS), Ok(None));
        assert_eq!(find_head(b"G / H\r\n\r\n", &mut scan, &LIMITS), Ok(Some(9)));
    }
}
