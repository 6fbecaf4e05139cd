//! What the clients do: echo, broadcast, or nothing.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use std::time::Instant;

use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use mio::unix::SourceFd;
use rgunicorn_websocket::Message;

use crate::client::Client;
use crate::figures::Figures;
use crate::options::Kind;
use crate::options::Options;

/// How long nothing may happen where something should.
const PATIENCE: Duration = Duration::from_secs(10);

/// Standard input, behind all clients.
const STDIN: Token = Token(usize::MAX >> 1);

/// The clients, and the loop over them.
struct Crowd {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    /// How many of them the server has cut off.
    lost: usize,
    buffer: Vec<u8>,
}

impl Crowd {
    fn gather(options: &Options) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(options.connections);
        for number in 0..options.connections {
            let mut client = Client::connect(options)?;
            client.register(poll.registry(), number)?;
            clients.push(client);
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            clients,
            lost: 0,
            buffer: vec![0; 256 << 10],
        })
    }

    /// Waits until some clients can go on. Of those that heard something, `heard` gets the number
    /// and how many messages it was. Says whether anything happened at all.
    fn turn(
        &mut self,
        expected: Message<'_>,
        patience: Duration,
        mut heard: impl FnMut(&mut Client, usize, usize) -> io::Result<()>,
    ) -> io::Result<bool> {
        self.poll.poll(&mut self.events, Some(patience))?;
        for event in &self.events {
            let number = event.token().0;
            let Some(client) = self.clients.get_mut(number) else {
                continue; // standard input
            };
            if event.is_writable() {
                client.flush()?;
            }
            if event.is_readable() && client.is_open {
                let count = client.receive(&mut self.buffer, expected)?;
                if count > 0 {
                    heard(client, number, count)?;
                }
                if !client.is_open {
                    self.lost += 1;
                }
            }
        }
        Ok(!self.events.is_empty())
    }

    /// Fails where nothing happened, or a client was sent away.
    fn check(&self, happened: bool) -> io::Result<()> {
        if !happened {
            let patience = PATIENCE.as_secs();
            return Err(io::Error::other(format!("nothing came for {patience} s")));
        }
        if self.lost > 0 {
            return Err(io::Error::other(format!(
                "{} clients were cut off",
                self.lost
            )));
        }
        Ok(())
    }

    fn finish(self, figures: Figures) -> Figures {
        Figures {
            open: self.clients.len() - self.lost,
            pings: self.clients.iter().map(|client| client.pings).sum(),
            extensions: self.clients[0].extensions.clone(),
            ..figures
        }
    }
}

/// Text of a chat: words that come again. Bytes: some that do not.
fn payload(options: &Options) -> Vec<u8> {
    let line = r#"{"type":"message","room":"lobby","from":"somebody","text":"hello, number "#;
    let text = (0..).flat_map(|number: u32| format!("{line}{}\"}}", number * 7919).into_bytes());
    let bytes = (1_u64..).map(|number| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8);
    match options.kind {
        Kind::Text => text.take(options.size).collect(),
        Kind::Binary => bytes.take(options.size).collect(),
    }
}

fn message<'a>(options: &Options, payload: &'a [u8]) -> io::Result<Message<'a>> {
    Ok(match options.kind {
        Kind::Text => Message::Text(str::from_utf8(payload).map_err(io::Error::other)?),
        Kind::Binary => Message::Binary(payload),
    })
}

/// Every client sends a message, and again whenever it comes back.
pub fn echo(options: &Options) -> io::Result<Figures> {
    let mut crowd = Crowd::gather(options)?;
    let payload = payload(options);
    let expected = message(options, &payload)?;
    let bytes = crowd.clients[0].encode(expected);
    let mut figures = Figures::default();
    let start = Instant::now();
    let mut sent = vec![start; crowd.clients.len()];
    for client in &mut crowd.clients {
        client.send(&bytes)?;
    }
    while start.elapsed() < options.seconds {
        let happened = crowd.turn(expected, PATIENCE, |client, number, _| {
            let now = Instant::now();
            figures.note(now - sent[number], payload.len());
            sent[number] = now;
            client.send(&bytes)
        })?;
        crowd.check(happened)?;
    }
    figures.took = start.elapsed();
    Ok(crowd.finish(figures))
}

/// The first client sends a message that all are to hear, and the next one as soon as no more than
/// a window of them is on its way.
pub fn broadcast(options: &Options) -> io::Result<Figures> {
    let mut crowd = Crowd::gather(options)?;
    let payload = payload(options);
    let expected = message(options, &payload)?;
    let bytes = crowd.clients[0].encode(expected);
    let mut figures = Figures::default();
    let mut rounds = Rounds::new(crowd.clients.len());
    let start = Instant::now();
    while start.elapsed() < options.seconds {
        while rounds.on_their_way() < options.window {
            rounds.begin();
            crowd.clients[0].send(&bytes)?;
        }
        let happened = crowd.turn(expected, PATIENCE, |_, number, count| {
            for _ in 0..count {
                figures.note(rounds.hear(number), payload.len());
            }
            Ok(())
        })?;
        crowd.check(happened)?;
    }
    figures.took = start.elapsed();
    Ok(crowd.finish(figures))
}

/// The clients do nothing but answer pings, until the time is over or standard input ends.
pub fn idle(options: &Options) -> io::Result<Figures> {
    let mut crowd = Crowd::gather(options)?;
    println!("CONNECTED {}", crowd.clients.len());
    // A file has no end that could be waited for: that cannot be watched, and need not.
    let _ = crowd
        .poll
        .registry()
        .register(&mut SourceFd(&0), STDIN, Interest::READABLE);
    let start = Instant::now();
    while let Some(left) = options.seconds.checked_sub(start.elapsed()) {
        crowd.turn(Message::Text("nothing"), left, |_, _, _| Ok(()))?;
        if crowd.events.iter().any(|event| event.token() == STDIN) {
            break;
        }
    }
    let figures = Figures {
        took: start.elapsed(),
        ..Figures::default()
    };
    Ok(crowd.finish(figures))
}

/// The messages of a broadcast: when each was sent, and who has heard it.
struct Rounds {
    /// When those were sent that not all have heard.
    begun: VecDeque<Instant>,
    /// How many before them all have heard.
    done: usize,
    /// How many each client has heard.
    heard: Vec<usize>,
    /// How many clients have heard each of `begun`.
    hearers: VecDeque<usize>,
}

impl Rounds {
    fn new(clients: usize) -> Self {
        Self {
            begun: VecDeque::new(),
            done: 0,
            heard: vec![0; clients],
            hearers: VecDeque::new(),
        }
    }

    fn on_their_way(&self) -> usize {
        self.begun.len()
    }

    fn begin(&mut self) {
        self.begun.push_back(Instant::now());
        self.hearers.push_back(0);
    }

    /// How long it took until this client heard its next message.
    fn hear(&mut self, number: usize) -> Duration {
        let place = self.heard[number] - self.done;
        self.heard[number] += 1;
        let took = self.begun[place].elapsed();
        self.hearers[place] += 1;
        while self.hearers.front() == Some(&self.heard.len()) {
            self.hearers.pop_front();
            self.begun.pop_front();
            self.done += 1;
        }
        took
    }
}
