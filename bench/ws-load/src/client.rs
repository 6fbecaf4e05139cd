//! One client: its handshake, its socket, and what it hears.

use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::time::Duration;

use mio::Interest;
use mio::Registry;
use mio::Token;
use rgunicorn_websocket::Deflate;
use rgunicorn_websocket::DeflateSettings;
use rgunicorn_websocket::Event;
use rgunicorn_websocket::Message;
use rgunicorn_websocket::Role;
use rgunicorn_websocket::Session;
use rgunicorn_websocket::SessionSettings;
use rgunicorn_websocket::WindowBits;
use rgunicorn_websocket::accept_key;

use crate::options::Mode;
use crate::options::Options;

/// The example of RFC 6455: nobody minds that all clients have it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// How long a handshake may take, on a loaded machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connected client.
pub struct Client {
    stream: mio::net::TcpStream,
    session: Session,
    output: Vec<u8>,
    /// How much of it has been written.
    written: usize,
    /// What the server answered about compression.
    pub extensions: String,
    pub pings: u64,
    pub is_open: bool,
}

/// What a client offers: everything, and no threshold.
fn offered() -> DeflateSettings {
    DeflateSettings {
        server_window: WindowBits::MOST,
        client_window: WindowBits::MOST,
        threshold: 0,
        ..DeflateSettings::default()
    }
}

impl Client {
    /// Connects and shakes hands, and waits for both.
    pub fn connect(options: &Options) -> io::Result<Self> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, options.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request(options).as_bytes())?;
        let head = read_head(&mut stream)?;
        let extensions = check_answer(&head)?;
        let deflate = match extensions.as_str() {
            "" if options.deflate && options.mode != Mode::Idle => {
                return Err(io::Error::other("declined compression"));
            }
            "" => None,
            answer => Some(
                Deflate::accepted(answer.as_bytes(), &offered())
                    .ok_or_else(|| io::Error::other(format!("answered {answer:?}")))?,
            ),
        };
        stream.set_nonblocking(true)?;
        let settings = SessionSettings {
            max_message_size: usize::MAX,
            deflate,
        };
        Ok(Self {
            stream: mio::net::TcpStream::from_std(stream),
            session: Session::new(Role::Client { seed: 1 }, &settings),
            output: Vec::new(),
            written: 0,
            extensions,
            pings: 0,
            is_open: true,
        })
    }

    pub fn register(&mut self, registry: &Registry, number: usize) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut self.stream, Token(number), interest)
    }

    /// `message` as bytes that may be sent again and again: compressed, it refers to nothing before
    /// it.
    pub fn encode(&mut self, message: Message<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.session.sender.rest();
        let outcome = self.session.sender.message(message, &mut bytes);
        outcome.expect("nobody has closed a session that has just begun");
        bytes
    }

    /// Sends as much as the socket takes, the rest when it takes more.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.extend_from_slice(bytes);
        self.flush()
    }

    pub fn flush(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(())
    }

    /// Reads all there is, and says how many messages it was. All are to be `expected`.
    pub fn receive(&mut self, buffer: &mut [u8], expected: Message<'_>) -> io::Result<usize> {
        let mut heard = 0;
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => {
                    self.is_open = false;
                    return Ok(heard);
                }
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(heard),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let mut input = &mut buffer[..count];
            let Session { receiver, sender } = &mut self.session;
            while let Some(event) = receiver.receive(&mut input).map_err(io::Error::other)? {
                match event {
                    Event::Message(message) if message == expected => heard += 1,
                    Event::Message(other) => {
                        let length = other.payload().len();
                        let wrong = format!("heard another message, of {length} bytes");
                        return Err(io::Error::other(wrong));
                    }
                    Event::Ping(payload) => {
                        self.pings += 1;
                        sender.pong(payload, &mut self.output);
                    }
                    Event::Pong(_) => {}
                    Event::Close(close) => {
                        return Err(io::Error::other(format!("closed: {}", close.number())));
                    }
                }
            }
            self.flush()?;
            // epoll(7): a short read has emptied the socket.
            if count < buffer.len() {
                return Ok(heard);
            }
        }
    }
}

fn request(options: &Options) -> String {
    let extensions = if options.deflate {
        format!(
            "Sec-WebSocket-Extensions: {}\r\n",
            Deflate::offer(&offered())
        )
    } else {
        String::new()
    };
    format!(
        "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{extensions}\r\n",
        options.path, options.port
    )
}

/// The head of the answer. The server says nothing before it is asked, so nothing follows.
fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            let head = String::from_utf8_lossy(&head).into_owned();
            return Err(io::Error::other(format!("ended the handshake: {head:?}")));
        }
        head.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

/// What is said about compression, if the answer accepts.
fn check_answer(head: &str) -> io::Result<String> {
    let field = |wanted: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        let found = fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let is_accepted = field("sec-websocket-accept") == accept_key(KEY.as_bytes());
    if !head.starts_with("HTTP/1.1 101 ") || !is_accepted {
        return Err(io::Error::other(format!("refused the handshake: {head:?}")));
    }
    Ok(field("sec-websocket-extensions"))
}
