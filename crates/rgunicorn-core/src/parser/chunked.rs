//! The chunked transfer coding, undone strictly and in any number of pieces (RFC 9112 §7.1).

use super::Limits;
use super::extension::Extension;
use super::rejection::Rejection;
use super::trailers::Trailers;

/// Bytes of chunk extensions that one body may carry, line by line added up. No known client sends
/// any.
const MOST_EXTENSION_BYTES: usize = 16 << 10;

/// Sixteen hexadecimal digits fill 64 bits.
const MOST_SIZE_DIGITS: u8 = 16;

/// Undoes the chunked coding of one body. Trailer fields are checked and dropped.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    limits: Limits,
    state: State,
    extension_bytes: usize,
}

/// What one call of [`ChunkedDecoder::decode`] did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decoded {
    /// How many bytes of the input are done with; the rest belongs to the next call, or to the next
    /// request.
    pub consumed: usize,
    /// Whether the body, trailers included, has ended.
    pub finished: bool,
}

#[derive(Clone, Debug)]
enum State {
    Size { size: u64, digits: u8 },
    Extension { size: u64, extension: Extension },
    SizeLineFeed { size: u64 },
    Data { left: u64 },
    DataCarriageReturn,
    DataLineFeed,
    Trailers(Trailers),
}

const NEXT_SIZE: State = State::Size { size: 0, digits: 0 };

impl ChunkedDecoder {
    /// A decoder at the start of a body. `limits` hold for the trailer section.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.resolved(),
            state: NEXT_SIZE,
            extension_bytes: 0,
        }
    }

    /// Takes what it can from `input` and appends the body bytes in it, at most `room`, to `out`.
    ///
    /// It stops when the input is used up, when a body byte finds no room, or behind the body; a
    /// call after the end consumes nothing. To be called again with the input that was not
    /// consumed.
    ///
    /// # Errors
    ///
    /// The rule that the input breaks. The decoder is of no use then.
    pub fn decode(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<Decoded, Rejection> {
        let mut room = room;
        let mut consumed = 0;
        while !self.is_finished() && consumed < input.len() {
            if let State::Data { left } = &mut self.state {
                let available = room.min(input.len() - consumed);
                let length = usize::try_from(*left).map_or(available, |left| left.min(available));
                if length == 0 {
                    break;
                }
                out.extend_from_slice(&input[consumed..consumed + length]);
                *left -= length as u64;
                consumed += length;
                room -= length;
                if *left == 0 {
                    self.state = State::DataCarriageReturn;
                }
            } else {
                self.step(input[consumed])?;
                consumed += 1;
            }
        }
        Ok(Decoded {
            consumed,
            finished: self.is_finished(),
        })
    }

    fn is_finished(&self) -> bool {
        matches!(&self.state, State::Trailers(trailers) if trailers.is_finished())
    }

    /// Takes in one byte that is not body.
    fn step(&mut self, byte: u8) -> Result<(), Rejection> {
        self.state = match (&mut self.state, byte) {
            (State::Trailers(trailers), byte) => return trailers.step(byte, &self.limits),
            (State::Size { size, digits }, byte) => after_size_byte(*size, *digits, byte)?,
            (State::Extension { size, extension }, b'\r') if extension.may_end() => {
                State::SizeLineFeed { size: *size }
            }
            (State::Extension { extension, .. }, byte) => {
                *extension = extension.step(byte)?;
                self.extension_bytes += 1;
                if self.extension_bytes > MOST_EXTENSION_BYTES {
                    return Err(Rejection::ChunkExtensionsTooLarge);
                }
                return Ok(());
            }
            (State::SizeLineFeed { size: 0 }, b'\n') => State::Trailers(Trailers::new()),
            (State::SizeLineFeed { size }, b'\n') => State::Data { left: *size },
            (State::DataCarriageReturn, b'\r') => State::DataLineFeed,
            (State::DataLineFeed, b'\n') => NEXT_SIZE,
            _ => return Err(Rejection::ChunkEnd),
        };
        Ok(())
    }
}

/// The state after one more byte of a size line that has `digits` digits so far.
fn after_size_byte(size: u64, digits: u8, byte: u8) -> Result<State, Rejection> {
    if let Some(value) = char::from(byte).to_digit(16) {
        if digits == MOST_SIZE_DIGITS {
            return Err(Rejection::ChunkSize);
        }
        return Ok(State::Size {
            size: size << 4 | u64::from(value),
            digits: digits + 1,
        });
    }
    match (digits, byte, Extension::start(byte)) {
        (0, ..) => Err(Rejection::ChunkSize),
        (_, b'\r', _) => Ok(State::SizeLineFeed { size }),
        (_, b'\n', _) => Err(Rejection::ChunkEnd),
        (.., Some(extension)) => Ok(State::Extension { size, extension }),
        (.., None) => Err(Rejection::ChunkSize),
    }
}
