//! The Huffman code of RFC 7541, for the few blocks that are looked into: slow, and small.
//!
//! The code is canonical: codes of one length count up with their symbols, so that the lengths say it all.

/// The text that a string stands for; `None` for what no encoder makes (RFC 7541 section 5.2).
pub(super) fn decode(string: &[u8]) -> Option<Vec<u8>> {
    let mut symbols: Vec<usize> = (0..LENGTHS.len()).collect();
    symbols.sort_by_key(|&symbol| LENGTHS[symbol]); // stable
    let mut text = Vec::with_capacity(string.len() * 2);
    let mut code = Code::default();
    for byte in string {
        for shift in (0..8).rev() {
            code.push(byte >> shift & 1);
            if let Some(place) = code.place() {
                // Beyond a byte is the end of the string, which is never sent.
                text.push(u8::try_from(symbols[place]).ok()?);
                code = Code::default();
            }
        }
    }
    code.is_padding().then_some(text)
}

/// The bits of one symbol, as far as they have come.
#[derive(Default)]
struct Code {
    bits: u32,
    length: u8,
    /// The first code of this length, and how many symbols have shorter ones.
    first: u32,
    shorter: usize,
    /// How many have this length.
    count: u32,
}

impl Code {
    fn push(&mut self, bit: u8) {
        self.bits = self.bits << 1 | u32::from(bit);
        self.first = (self.first + self.count) << 1;
        self.shorter += self.count as usize;
        self.length += 1;
        let same = LENGTHS.iter().filter(|&&length| length == self.length);
        self.count = same.count() as u32;
    }

    /// Which one it is of all symbols, the shortest first.
    fn place(&self) -> Option<usize> {
        let offset = self.bits.checked_sub(self.first)?;
        (offset < self.count).then(|| self.shorter + offset as usize)
    }

    /// Whether these are the ones that fill up a byte.
    fn is_padding(&self) -> bool {
        self.length < 8 && self.bits.count_ones() == u32::from(self.length)
    }
}

/// Bits of each symbol, the last of which is the end of a string (RFC 7541 appendix B).
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7541 appendix C.
    #[test]
    fn strings_are_those_of_the_specification() {
        let rows: [(&[u8], &str); 4] = [
            (
                &[
                    0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
                ],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (
                &[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f],
                "custom-key",
            ),
            (&[], ""),
        ];
        for (string, expected) in rows {
            assert_eq!(decode(string), Some(expected.as_bytes().to_vec()));
        }
    }

    #[test]
    fn what_no_encoder_makes_is_no_text() {
        // Bits that end no symbol and are not all ones; a byte of padding; the end of a string.
        for string in [&[0xf0_u8] as &[u8], &[0xff], &[0x1f, 0xff], &[0xff; 4]] {
            assert_eq!(decode(string), None, "{string:?}");
        }
    }
}
