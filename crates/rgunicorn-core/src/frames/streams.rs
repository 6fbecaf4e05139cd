//! Which streams a client has opened and ended, as far back as it matters: in so few bits that a client cannot make
//! them more.

use super::breach::Breach;

/// The last streams of a connection. Of those before them nothing is known, and nothing is said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Streams {
    /// How many identifiers of clients are used up.
    newest: u32,
    /// A bit for each of the last identifiers, the newest the lowest: whether it was opened.
    opened: u128,
    /// Whether the client sends no more on it.
    ended: u128,
    /// Whether the h2 crate said of it all that it will say.
    settled: u128,
    /// The highest stream that the server promised.
    promised: u32,
}

/// Whether the client sends more on a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ends {
    Yes,
    No,
}

/// What the fields of a stream are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Section {
    Request,
    Trailers,
    /// It was too long ago to say.
    Either,
}

impl Streams {
    /// A request, or the trailers of one.
    pub(super) fn headers(&mut self, stream: u32, ends: Ends) -> Result<Section, Breach> {
        let Some(number) = number(stream) else {
            return Err(Breach::Identifier);
        };
        let section = if number > self.newest {
            let steps = number - self.newest;
            self.newest = number;
            self.opened = self.opened.checked_shl(steps).unwrap_or(0) | 1;
            self.ended = self.ended.checked_shl(steps).unwrap_or(0);
            self.settled = self.settled.checked_shl(steps).unwrap_or(0);
            Section::Request
        } else {
            let bit = self.bit(number);
            if bit != 0 && self.opened & bit == 0 {
                return Err(Breach::Identifier);
            }
            self.still_open(bit)?;
            if bit == 0 {
                Section::Either
            } else {
                Section::Trailers
            }
        };
        self.note_end(number, ends);
        Ok(section)
    }

    pub(super) fn data(&mut self, stream: u32, ends: Ends) -> Result<(), Breach> {
        let Some(number) = number(stream) else {
            return Err(Breach::Identifier);
        };
        if number > self.newest {
            return Err(Breach::Idle);
        }
        self.still_open(self.bit(number))?;
        self.note_end(number, ends);
        Ok(())
    }

    pub(super) fn reset(&mut self, stream: u32) -> Result<(), Breach> {
        self.not_idle(stream)?;
        if let Some(number) = number(stream) {
            self.note_end(number, Ends::Yes);
        }
        Ok(())
    }

    /// Whether a stream has been opened, by whichever side.
    pub(super) fn not_idle(&self, stream: u32) -> Result<(), Breach> {
        let is_idle = match number(stream) {
            Some(number) => number > self.newest,
            None => stream > self.promised,
        };
        if is_idle { Err(Breach::Idle) } else { Ok(()) }
    }

    pub(super) fn promise(&mut self, stream: u32) {
        self.promised = self.promised.max(stream);
    }

    /// A request was handed over.
    pub(super) fn hand(&mut self, stream: u32) {
        if let Some(number) = number(stream).filter(|number| *number <= self.newest) {
            self.settled |= self.bit(number);
        }
    }

    /// The streams that were opened and are not settled. They are now.
    pub(super) fn take_kept(&mut self) -> Vec<u32> {
        let kept = self.opened & !self.settled;
        if kept == 0 {
            return Vec::new(); // nearly always
        }
        self.settled |= kept;
        let steps = (0..u128::BITS).rev().filter(|step| kept & (1 << step) != 0);
        steps.map(|step| 2 * (self.newest - step) - 1).collect()
    }

    fn still_open(&self, bit: u128) -> Result<(), Breach> {
        if self.ended & bit == 0 {
            Ok(())
        } else {
            Err(Breach::Closed)
        }
    }

    fn note_end(&mut self, number: u32, ends: Ends) {
        if ends == Ends::Yes {
            self.ended |= self.bit(number);
        }
    }

    /// None of the bits, for what was too long ago.
    fn bit(&self, number: u32) -> u128 {
        1u128.checked_shl(self.newest - number).unwrap_or(0)
    }
}

/// The how-manieth a stream of the client is, from 1 on.
fn number(stream: u32) -> Option<u32> {
    (stream % 2 == 1).then(|| stream / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streams 1 (ended) and 7 (open).
    fn streams() -> Streams {
        let mut streams = Streams::default();
        streams.headers(1, Ends::Yes).unwrap();
        streams.headers(7, Ends::No).unwrap();
        streams
    }

    #[test]
    fn frames_go_with_the_states_of_streams() {
        let rows = [
            (
                9,
                Ok(Section::Request),
                Err(Breach::Idle),
                Err(Breach::Idle),
            ),
            (7, Ok(Section::Trailers), Ok(()), Ok(())),
            (5, Err(Breach::Identifier), Ok(()), Ok(())),
            (1, Err(Breach::Closed), Err(Breach::Closed), Ok(())),
            (
                2,
                Err(Breach::Identifier),
                Err(Breach::Identifier),
                Err(Breach::Idle),
            ),
        ];
        for (stream, headers, data, reset) in rows {
            let made = streams().headers(stream, Ends::Yes);
            assert_eq!(made, headers, "headers {stream}");
            assert_eq!(streams().data(stream, Ends::No), data, "data {stream}");
            assert_eq!(streams().reset(stream), reset, "reset {stream}");
            assert_eq!(streams().not_idle(stream), reset, "window {stream}");
        }
    }

    #[test]
    fn nothing_comes_after_the_end_of_a_stream() {
        let mut trailed = streams();
        trailed.headers(7, Ends::Yes).unwrap();
        assert_eq!(trailed.data(7, Ends::No), Err(Breach::Closed));
        let mut reset = streams();
        reset.reset(7).unwrap();
        assert_eq!(reset.headers(7, Ends::Yes), Err(Breach::Closed));
        let mut ended = streams();
        ended.data(7, Ends::Yes).unwrap();
        assert_eq!(ended.data(7, Ends::No), Err(Breach::Closed));
    }

    #[test]
    fn what_was_long_ago_is_not_judged() {
        let mut streams = streams();
        streams.headers(7 + 2 * 128, Ends::Yes).unwrap();
        assert_eq!(streams.headers(7, Ends::Yes), Ok(Section::Either));
        assert_eq!(streams.data(1, Ends::Yes), Ok(()));
        streams.headers(u32::MAX >> 1, Ends::Yes).unwrap();
        assert_eq!(streams.data(7, Ends::No), Ok(()));
        let newest = u32::MAX >> 1;
        assert_eq!(streams.data(newest, Ends::No), Err(Breach::Closed));
    }

    #[test]
    fn requests_that_were_not_handed_over_are_told_once() {
        let mut streams = streams();
        assert_eq!(streams.take_kept(), [1, 7]);
        assert_eq!(streams.take_kept(), []);
        for stream in [9, 11, 15] {
            streams.headers(stream, Ends::Yes).unwrap();
        }
        streams.hand(11);
        streams.hand(4);
        streams.hand(99);
        assert_eq!(streams.take_kept(), [9, 15]);
        streams.headers(17 + 2 * 200, Ends::Yes).unwrap();
        streams.hand(17);
        assert_eq!(streams.take_kept(), [417]);
    }

    #[test]
    fn promised_streams_are_not_idle() {
        let mut streams = streams();
        streams.promise(4);
        assert_eq!(streams.reset(4), Ok(()));
        assert_eq!(streams.not_idle(6), Err(Breach::Idle));
        assert_eq!(streams.data(4, Ends::No), Err(Breach::Identifier));
    }
}
