//! The protocol alone, on a thread for each connection: sends back what it hears.
//!
//! `cargo run -p rgunicorn-websocket --example echo -- 9001`, and then, for example,
//! `scripts/conformance websocket --url ws://127.0.0.1:9001`.

use std::env;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::thread;

use rgunicorn_websocket::Carrier;
use rgunicorn_websocket::Deflate;
use rgunicorn_websocket::DeflateSettings;
use rgunicorn_websocket::Event;
use rgunicorn_websocket::Handshake;
use rgunicorn_websocket::Role;
use rgunicorn_websocket::Session;
use rgunicorn_websocket::SessionSettings;

fn main() -> io::Result<()> {
    let port = env::args().nth(1).and_then(|text| text.parse().ok());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(9001)))?;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || serve(stream));
    }
    Ok(())
}

/// A client that breaks off ends its thread, and that is all.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let deflate = shake_hands(&mut stream)?;
    let settings = SessionSettings {
        deflate,
        ..SessionSettings::default()
    };
    let Session {
        mut receiver,
        mut sender,
    } = Session::new(Role::Server, &settings);
    let mut buffer = vec![0; 64 << 10];
    let mut output = Vec::new();
    while !(sender.is_closing() && receiver.has_ended()) {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        let mut input = &mut buffer[..count];
        loop {
            match receiver.receive(&mut input) {
                Ok(None) => break,
                Ok(Some(Event::Message(message))) => {
                    // It is dropped where the session is closing: nobody would hear it.
                    let _ = sender.message(message, &mut output);
                }
                Ok(Some(Event::Ping(payload))) => sender.pong(payload, &mut output),
                Ok(Some(Event::Pong(_))) => {}
                Ok(Some(Event::Close(close))) => sender.answer(close, &mut output),
                Err(failure) => sender.fail(&failure, &mut output),
            }
        }
        stream.write_all(&output)?;
        output.clear();
    }
    Ok(())
}

/// Reads a request and accepts it, as far as the rules permit.
fn shake_hands(stream: &mut TcpStream) -> io::Result<Option<Deflate>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let fields: Vec<_> = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let fields = fields
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let handshake = Handshake::read(Carrier::Upgrade, "GET", fields).map_err(io::Error::other)?;
    let acceptance = handshake.accept(None, Some(&DeflateSettings::default()));
    let mut answer = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    answer.extend_from_slice(b"upgrade: websocket\r\nconnection: upgrade\r\n");
    for (name, value) in &acceptance.fields {
        answer.extend_from_slice(&[name, &b": "[..], value, b"\r\n"].concat());
    }
    answer.extend_from_slice(b"\r\n");
    stream.write_all(&answer)?;
    Ok(acceptance.deflate)
}
