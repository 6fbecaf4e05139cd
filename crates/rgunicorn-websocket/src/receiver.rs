//! The peer's bytes to events.
//!
//! A frame that is whole in the input is handed out from there. What is cut is unmasked and
//! gathered: a head in a few bytes, a control frame in 125, a message in one buffer that never
//! outgrows the limit. A large message may be taken by the caller instead ([`large`]).

use std::cell::Cell;

use crate::allowance::Allowance;
use crate::event::Close;
use crate::event::Event;
use crate::event::Kind;
use crate::failure::Failure;
use crate::frame::COMPRESSED;
use crate::frame::FrameHead;
use crate::frame::LONGEST_HEAD;
use crate::frame::Opcode;
use crate::gathered::Gathered;
use crate::heard::Heard;
use crate::heard::Payload;
use crate::inflate::Inflate;
use crate::mask::Masked;
use crate::mask::turned;
use crate::settings::Role;
use crate::settings::SessionSettings;
use crate::text::TextCheck;

mod large;

pub use large::Large;

/// One side's ear.
#[derive(Debug)]
pub struct Receiver {
    masking: Masking,
    limit: usize,
    inflate: Option<Inflate>,
    /// The beginning of a head whose end has not come.
    head: Gathered,
    /// The frame whose payload is arriving.
    frame: Option<Arriving>,
    /// The message whose end has not come.
    assembly: Option<Assembly>,
    message: Gathered,
    control: Gathered,
    allowance: Allowance,
    /// Whether the peer said goodbye or broke a rule: nothing more is heard.
    has_ended: Cell<bool>,
}

/// What the peer's frames have to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Masking {
    Masked,
    Unmasked,
}

/// A frame after its head.
#[derive(Clone, Copy, Debug)]
struct Arriving {
    opcode: Opcode,
    is_last: bool,
    /// As it applies to the next byte; zeros where there is none.
    mask: [u8; 4],
    missing: u64,
}

/// A message of which some has come, or is about to.
#[derive(Clone, Copy, Debug)]
struct Assembly {
    kind: Kind,
    coding: Coding,
    /// Bytes of its frames, as they say.
    announced: u64,
    text: TextCheck,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Coding {
    Plain,
    Deflate,
}

/// Something whole, and where it is.
enum Complete<'i> {
    Message(Kind, Place<'i>),
    Control(Opcode, Place<'i>),
}

enum Place<'i> {
    /// In the input.
    Input(Masked<'i>),
    /// Where it was gathered.
    Gathered,
}

impl Receiver {
    pub(crate) fn new(role: Role, settings: &SessionSettings) -> Self {
        Self {
            masking: match role {
                Role::Server => Masking::Masked,
                Role::Client { .. } => Masking::Unmasked,
            },
            limit: settings.max_message_size,
            inflate: settings
                .deflate
                .map(|deflate| Inflate::new(deflate.incoming)),
            head: Gathered::default(),
            frame: None,
            assembly: None,
            message: Gathered::default(),
            control: Gathered::default(),
            allowance: Allowance::default(),
            has_ended: Cell::new(false),
        }
    }

    /// Whether the peer said goodbye or broke a rule; what it sends is then dropped.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    /// Time has passed, in half seconds: more pings, pongs and empty fragments may come.
    pub fn forgive(&mut self, halves: u32) {
        self.allowance.forgive(halves);
    }

    /// The next thing that the peer said. `input` is what came from it, and is shortened by what
    /// was used: all of it when the answer is none, which asks for more bytes. Payloads are unmasked
    /// in place, so bytes that were used have another value than before.
    ///
    /// # Errors
    /// What the peer got wrong. From then on, and after [`Event::Close`], all input is dropped.
    pub fn receive<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i mut [u8],
    ) -> Result<Option<Event<'s>>, Failure> {
        self.receive_as(input, Heard::message)
    }

    /// The same, with messages as what `keep` makes of them.
    ///
    /// # Errors
    /// Also those of `keep`.
    pub fn receive_as<'s, 'i: 's, M>(
        &'s mut self,
        input: &mut &'i mut [u8],
        keep: impl FnOnce(Heard<'s>) -> Result<M, Failure>,
    ) -> Result<Option<Event<'s, M>>, Failure> {
        self.drop_delivered();
        if self.has_ended() {
            *input = &mut [];
            return Ok(None);
        }
        let complete = self.advance(input);
        let this: &'s Self = self;
        let event = match complete {
            Ok(None) => return Ok(None),
            Ok(Some(complete)) => this.event(complete, keep),
            Err(failure) => Err(failure),
        };
        if matches!(event, Err(_) | Ok(Event::Close(_))) {
            this.has_ended.set(true);
        }
        event.map(Some)
    }

    /// Drops what the last event showed.
    fn drop_delivered(&mut self) {
        if self.assembly.is_none() && self.message.len() > 0 {
            self.message.clear();
        }
        if self.frame.is_none() && self.control.len() > 0 {
            self.control.clear();
        }
    }

    /// Reads frames until something is whole.
    fn advance<'i>(&mut self, input: &mut &'i mut [u8]) -> Result<Option<Complete<'i>>, Failure> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.begin_frame(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let payload = frame.take_payload(input);
            let complete = if frame.opcode.is_control() {
                self.take_control(&frame, payload)
            } else {
                self.take_data(&frame, payload)?
            };
            if frame.missing > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if complete.is_some() {
                return Ok(complete);
            }
        }
    }

    /// Reads the head of the next frame, and checks whether that may come now.
    fn begin_frame(&mut self, input: &mut &mut [u8]) -> Result<Option<Arriving>, Failure> {
        let Some(head) = self.read_head(input)? else {
            return Ok(None);
        };
        let masking = match head.mask {
            Some(_) => Masking::Masked,
            None => Masking::Unmasked,
        };
        match self.masking {
            _ if masking == self.masking => {}
            Masking::Masked => return Err(Failure::Unmasked),
            Masking::Unmasked => return Err(Failure::Masked),
        }
        self.allowance.charge(&head)?;
        match head.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => head.check_control()?,
            Opcode::Continuation => self.check_continuation(&head)?,
            Opcode::Text => self.begin_message(&head, Kind::Text)?,
            Opcode::Binary => self.begin_message(&head, Kind::Binary)?,
        }
        Ok(Some(Arriving {
            opcode: head.opcode,
            is_last: head.is_last,
            mask: head.mask.unwrap_or_default(),
            missing: head.length,
        }))
    }

    fn read_head(&mut self, input: &mut &mut [u8]) -> Result<Option<FrameHead>, Failure> {
        if self.head.len() == 0 {
            if let Some((head, length)) = FrameHead::read(input)? {
                advance(input, length);
                return Ok(Some(head));
            }
            self.head.append(input, 0);
            *input = &mut [];
            return Ok(None);
        }
        self.read_cut_head(input)
    }

    #[cold]
    fn read_cut_head(&mut self, input: &mut &mut [u8]) -> Result<Option<FrameHead>, Failure> {
        let cut = self.head.len();
        let taken = input.len().min(LONGEST_HEAD - cut);
        self.head.append(&input[..taken], 0);
        let Some((head, length)) = FrameHead::read(self.head.as_slice())? else {
            *input = &mut [];
            return Ok(None);
        };
        advance(input, length - cut);
        self.head.clear();
        Ok(Some(head))
    }

    fn check_continuation(&mut self, head: &FrameHead) -> Result<(), Failure> {
        let Some(assembly) = &mut self.assembly else {
            return Err(Failure::LoneContinuation);
        };
        if head.reserved != 0 {
            return Err(Failure::ReservedBit);
        }
        assembly.announced = assembly.announced.saturating_add(head.length);
        let (coding, announced) = (assembly.coding, assembly.announced);
        self.check_size(coding, announced)
    }

    fn begin_message(&mut self, head: &FrameHead, kind: Kind) -> Result<(), Failure> {
        if self.assembly.is_some() {
            return Err(Failure::InterruptedMessage);
        }
        let coding = match (head.reserved, &self.inflate) {
            (0, _) => Coding::Plain,
            (COMPRESSED, Some(_)) => Coding::Deflate,
            _ => return Err(Failure::ReservedBit),
        };
        self.check_size(coding, head.length)?;
        self.assembly = Some(Assembly {
            kind,
            coding,
            announced: head.length,
            text: TextCheck::default(),
        });
        Ok(())
    }

    /// Refuses what would be too large before any of it is kept. How large compressed data is,
    /// inflating it says, unless there is so much of it that most of it says nothing.
    fn check_size(&self, coding: Coding, announced: u64) -> Result<(), Failure> {
        let most = match coding {
            Coding::Plain => self.limit,
            Coding::Deflate => self.limit.saturating_mul(MOST_INFLATED).max(LEAST_INFLATED),
        };
        if announced > most as u64 {
            return Err(Failure::TooLarge(self.limit));
        }
        Ok(())
    }

    fn take_control<'i>(&mut self, frame: &Arriving, payload: Masked<'i>) -> Option<Complete<'i>> {
        if frame.missing == 0 && self.control.len() == 0 {
            return Some(Complete::Control(frame.opcode, Place::Input(payload)));
        }
        self.control.append(payload.unmask(), 0);
        (frame.missing == 0).then_some(Complete::Control(frame.opcode, Place::Gathered))
    }

    fn take_data<'i>(
        &mut self,
        frame: &Arriving,
        payload: Masked<'i>,
    ) -> Result<Option<Complete<'i>>, Failure> {
        let assembly = self
            .assembly
            .as_mut()
            .expect("a data frame begins or continues a message");
        let kind = assembly.kind;
        let is_complete = frame.is_last && frame.missing == 0;
        match (assembly.coding, &mut self.inflate) {
            (Coding::Deflate, Some(inflate)) => {
                inflate.go_on(payload.unmask(), &mut self.message, self.limit)?;
                if is_complete {
                    inflate.finish(&mut self.message, self.limit)?;
                }
            }
            _ if is_complete && self.message.len() == 0 => {
                self.assembly = None;
                return Ok(Some(Complete::Message(kind, Place::Input(payload))));
            }
            _ => self.message.append(payload.unmask(), frame.missing),
        }
        if is_complete {
            self.assembly = None;
            return Ok(Some(Complete::Message(kind, Place::Gathered)));
        }
        if kind == Kind::Text {
            assembly.text.go_on(self.message.as_slice())?;
        }
        Ok(None)
    }

    fn event<'s, M>(
        &'s self,
        complete: Complete<'s>,
        keep: impl FnOnce(Heard<'s>) -> Result<M, Failure>,
    ) -> Result<Event<'s, M>, Failure> {
        let (opcode, payload) = match complete {
            Complete::Message(kind, place) => {
                let payload = place.payload(&self.message);
                return keep(Heard { kind, payload }).map(Event::Message);
            }
            Complete::Control(opcode, place) => (opcode, place.payload(&self.control).plain()),
        };
        Ok(match opcode {
            Opcode::Close => Event::Close(Close::read(payload)?),
            Opcode::Ping => Event::Ping(payload),
            _ => Event::Pong(payload),
        })
    }
}

impl<'i> Place<'i> {
    fn payload(self, gathered: &'i Gathered) -> Payload<'i> {
        match self {
            Self::Input(masked) => Payload::Input(masked),
            Self::Gathered => Payload::Gathered(gathered.as_slice()),
        }
    }
}

impl Arriving {
    /// Takes as much of the payload as is there.
    fn take_payload<'i>(&mut self, input: &mut &'i mut [u8]) -> Masked<'i> {
        let there = input.len();
        let taken = usize::try_from(self.missing).map_or(there, |missing| missing.min(there));
        let (bytes, rest) = std::mem::take(input).split_at_mut(taken);
        *input = rest;
        self.missing -= taken as u64;
        let mask = self.mask;
        self.mask = turned(mask, taken);
        Masked { bytes, mask }
    }
}

fn advance(input: &mut &mut [u8], count: usize) {
    *input = &mut std::mem::take(input)[count..];
}

/// Bytes that stand for one, at most: a byte that is compressed and flushed by itself takes seven.
const MOST_INFLATED: usize = 8;

/// Bytes that an empty message may take.
const LEAST_INFLATED: usize = 1 << 10;
