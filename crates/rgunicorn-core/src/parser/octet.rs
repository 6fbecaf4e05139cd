//! The byte classes of RFC 9110 §5, as tables and as eight-bytes-at-a-time tests.

/// Maps a token byte (RFC 9110 §5.6.2) to its lower case and every other byte to zero.
const TOKEN: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        let is_symbol = matches!(
            byte,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        );
        if byte.is_ascii_alphanumeric() || is_symbol {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        if byte == 255 {
            break table;
        }
        byte += 1;
    }
};

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Whether `byte` may stand in a token.
pub(super) fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)] != 0
}

/// Whether `name` may be the name of a field (RFC 9110 §5.1).
pub(crate) fn is_field_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| is_token(*byte))
}

/// Whether `byte` may stand in a field value: tab, space, visible ASCII, or any byte above it (RFC
/// 9110 §5.5).
pub(super) fn is_value(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Space or tab: what RFC 9110 §5.6.3 means by optional whitespace.
pub(super) fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Lower-cases the token that `bytes` starts with and returns its length.
pub(super) fn lower_token(bytes: &mut [u8]) -> usize {
    for (length, byte) in bytes.iter_mut().enumerate() {
        let lower = TOKEN[usize::from(*byte)];
        if lower == 0 {
            return length;
        }
        *byte = lower;
    }
    bytes.len()
}

/// How many of the first bytes of `bytes` may stand in a field value.
pub(super) fn value_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(word) = bytes[length..].first_chunk() {
        let suspects = control_bytes(u64::from_le_bytes(*word));
        if suspects == 0 {
            length += word.len();
            continue;
        }
        length += suspects.trailing_zeros() as usize / 8;
        if bytes[length] != b'\t' {
            return length;
        }
        length += 1;
    }
    length
        + bytes[length..]
            .iter()
            .take_while(|byte| is_value(**byte))
            .count()
}

/// The high bit of the first byte of `word`, in memory order, that is below 0x20 or is 0x7F. Later
/// bytes may be marked falsely, since a borrow runs upwards; nobody looks at them.
fn control_bytes(word: u64) -> u64 {
    let delete = word ^ (ONES * 0x7f);
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let is_delete = delete.wrapping_sub(ONES) & !delete;
    (below_space | is_delete) & HIGH_BITS
}

/// `bytes` without the optional whitespace around it, as a range into it.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes
        .iter()
        .take_while(|byte| is_whitespace(**byte))
        .count();
    let end = bytes
        .iter()
        .rev()
        .take_while(|byte| is_whitespace(**byte))
        .count();
    bytes.get(start..bytes.len() - end).unwrap_or_default()
}

/// The elements of a comma-separated list (RFC 9110 §5.6.1), trimmed; empty ones included.
pub(crate) fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_bytes_of_rfc_9110() {
        let tokens: Vec<u8> = (0..=255).filter(|byte| is_token(*byte)).collect();
        let mut expected = b"!#$%&'*+-.^_`|~".to_vec();
        expected.extend((b'0'..=b'9').chain(b'a'..=b'z').chain(b'A'..=b'Z'));
        expected.sort_unstable();
        assert_eq!(tokens, expected);
    }

    #[test]
    fn a_value_ends_at_the_first_byte_that_may_not_stand_in_one_wherever_it_is() {
        for position in 0..24 {
            for byte in 0..=255 {
                let mut bytes = [b'\t'; 24];
                bytes[position] = byte;
                let expected = if is_value(byte) { 24 } else { position };
                assert_eq!(value_length(&bytes), expected, "byte {byte} at {position}");
                bytes = [0xff; 24];
                bytes[position] = byte;
                assert_eq!(value_length(&bytes), expected, "byte {byte} at {position}");
            }
        }
    }

    #[test]
    fn lists_keep_their_empty_elements_and_lose_their_whitespace() {
        let list: Vec<&[u8]> = elements(b" a ,\t,b").collect();
        assert_eq!(list, [b"a".as_slice(), b"", b"b"]);
    }
}
