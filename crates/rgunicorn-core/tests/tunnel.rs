//! A connection that a client upgrades, byte for byte.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use rgunicorn_core::app::App;
use rgunicorn_core::chunk::Chunk;
use rgunicorn_core::error::Misuse;
use rgunicorn_core::error::SendError;
use rgunicorn_core::exchange::Part;
use rgunicorn_core::listen::Bind;
use rgunicorn_core::listen::Listener;
use rgunicorn_core::request::Request;
use rgunicorn_core::responder::Responder;
use rgunicorn_core::response::ResponseHead;
use rgunicorn_core::server::Server;
use rgunicorn_core::settings::Settings;
use rgunicorn_core::tunnel::Placement;
use rgunicorn_core::tunnel::Read;
use rgunicorn_core::tunnel::Watcher;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::time::timeout;

/// Long enough for any machine; reached only by a bug.
const DEADLINE: Duration = Duration::from_secs(20);

const UPGRADE: &[u8] =
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: shout\r\n\r\n";
const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nserver: rgunicorn\r\nupgrade: shout\r\nconnection: upgrade\r\ndate: now\r\n\r\n";

/// A protocol that gives everything back in capitals, and ends at an exclamation mark.
struct Shout {
    responder: Responder,
    heard: Rc<RefCell<Vec<&'static str>>>,
    landing: Rc<Landing>,
    landed: RefCell<Vec<u8>>,
}

/// Where a shout has bytes read to.
#[derive(Default)]
struct Landing {
    /// The room that each offer finds, in turns. None is no answer to the offer.
    rooms: Vec<Option<usize>>,
    offers: Cell<usize>,
    /// Bytes that came so.
    landed: Cell<usize>,
}

impl Watcher for Shout {
    fn came(&self) {
        let mut input = self.landed.take();
        if input.is_empty() {
            input = self.responder.take_input();
        } else {
            input.extend(self.responder.take_input());
        }
        input.make_ascii_uppercase();
        let end = input.contains(&b'!');
        let part = if end { Part::Last } else { Part::More };
        let _ = self.responder.body(Chunk::Borrowed(&input), part);
        self.responder.give_back(input);
    }

    fn land(&self, read: Read<'_>) {
        let Landing { rooms, offers, .. } = &*self.landing;
        let offer = offers.get();
        offers.set(offer + 1);
        if let Some(room) = rooms[offer % rooms.len()] {
            let mut memory = vec![0; room];
            let mut room = ReadBuf::new(&mut memory);
            read(&mut room);
            let count = room.filled().len();
            self.landing.landed.set(self.landing.landed.get() + count);
            self.landed.borrow_mut().extend(&memory[..count]);
        }
    }

    fn drain(&self) {
        self.heard.borrow_mut().push("drain");
        let _ = self.responder.body(Chunk::Borrowed(b"closing"), Part::Last);
    }

    fn look(&self, _now: Instant) {
        if !self.heard.borrow().contains(&"look") {
            self.heard.borrow_mut().push("look");
        }
    }

    fn ended(&self) {
        self.heard.borrow_mut().push("ended");
    }
}

#[derive(Clone, Default)]
struct Shouting {
    heard: Rc<RefCell<Vec<&'static str>>>,
    refused: Rc<RefCell<Vec<Misuse>>>,
    landing: Rc<Landing>,
}

impl App for Shouting {
    fn call(&self, _: Request<'_>, responder: Responder) {
        let shout = Rc::new(Shout {
            responder,
            heard: Rc::clone(&self.heard),
            landing: Rc::clone(&self.landing),
            landed: RefCell::default(),
        });
        shout.responder.watch(Rc::<Shout>::clone(&shout));
        let mut head = ResponseHead::switching_to("shout");
        head.field(b"date", b"now").unwrap();
        head.field(b"content-length", b"5").unwrap();
        match shout.responder.tunnel(head) {
            Ok(()) if self.landing.rooms.is_empty() => {}
            Ok(()) => shout.responder.place(Placement::Offered),
            Err(SendError::Misuse(misuse)) => self.refused.borrow_mut().push(misuse),
            Err(other) => panic!("{other}"),
        }
    }

    fn running(&self) -> usize {
        0
    }
}

/// Runs `client` against a server, then drains the server. Returns what the watchers heard.
fn served(client: impl AsyncFnOnce(TcpStream, &Server<Shouting>)) -> Shouting {
    served_landing(Vec::new(), client)
}

/// The same, with rooms that each read finds.
fn served_landing(
    rooms: Vec<Option<usize>>,
    client: impl AsyncFnOnce(TcpStream, &Server<Shouting>),
) -> Shouting {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap();
    let app = Shouting {
        landing: Rc::new(Landing {
            rooms,
            ..Landing::default()
        }),
        ..Shouting::default()
    };
    runtime.block_on(async {
        let bind: Bind = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(&bind, 16).unwrap();
        let port = listener.port().unwrap();
        let settings = Settings {
            drain_idle: Duration::ZERO,
            ..Settings::default()
        };
        let server = Server::new(app.clone(), vec![listener], settings, None).unwrap();
        let running = Rc::clone(&server);
        let running = tokio::task::spawn_local(async move { running.run().await });
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        timeout(DEADLINE, client(stream, &server)).await.unwrap();
        server.drain();
        timeout(DEADLINE, running).await.unwrap().unwrap();
    });
    app
}

async fn read(stream: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

async fn upgrade(stream: &mut TcpStream) {
    stream.write_all(UPGRADE).await.unwrap();
    assert_eq!(read(stream, ACCEPTED.len()).await, ACCEPTED);
}

#[test]
fn bytes_go_both_ways_as_they_are_until_our_side_ends() {
    let app = served(async |mut stream, _| {
        upgrade(&mut stream).await;
        for word in ["hello", "GET / HTTP/1.1\r\n\r\n", "5\r\n"] {
            stream.write_all(word.as_bytes()).await.unwrap();
            assert_eq!(read(&mut stream, word.len()).await, word.to_uppercase());
        }
        stream.write_all(b"the end!").await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "THE END!");
    });
    assert_eq!(app.heard.borrow().last(), Some(&"ended"));
}

#[test]
fn what_comes_with_the_request_belongs_to_the_tunnel() {
    served(async |mut stream, _| {
        let sent = [UPGRADE, b"early"].concat();
        stream.write_all(&sent).await.unwrap();
        assert_eq!(
            read(&mut stream, ACCEPTED.len() + 5).await,
            format!("{ACCEPTED}EARLY")
        );
    });
}

#[test]
fn megabytes_arrive_in_order() {
    served(send_megabytes);
}

#[test]
fn megabytes_arrive_in_order_wherever_they_are_read_to() {
    for rooms in [
        vec![Some(1 << 20)],
        vec![Some(70_000), Some(1), None],
        vec![Some(100_000), Some(0), None, None],
    ] {
        let app = served_landing(rooms, send_megabytes);
        assert!(app.landing.landed.get() > 0);
    }
}

#[test]
fn where_no_room_is_found_bytes_come_as_ever() {
    for room in [None, Some(0)] {
        let app = served_landing(vec![room], send_megabytes);
        assert!(app.landing.offers.get() > 0);
        assert_eq!(app.landing.landed.get(), 0);
    }
}

#[test]
fn what_waits_to_be_taken_is_before_what_would_land() {
    let app = served_landing(vec![Some(100)], async |mut stream, _| {
        let sent = [UPGRADE, b"early"].concat();
        stream.write_all(&sent).await.unwrap();
        stream.write_all(b" and late").await.unwrap();
        assert_eq!(
            read(&mut stream, ACCEPTED.len() + 14).await,
            format!("{ACCEPTED}EARLY AND LATE")
        );
        stream.write_all(b"landed").await.unwrap();
        assert_eq!(read(&mut stream, 6).await, "LANDED");
    });
    assert!(app.landing.landed.get() >= 6);
}

#[test]
fn a_client_that_leaves_where_bytes_would_land_ends_it() {
    let app = served_landing(vec![Some(100)], async |mut stream, server| {
        upgrade(&mut stream).await;
        drop(stream);
        while server.connections() > 0 {
            tokio::task::yield_now().await;
        }
    });
    assert!(app.landing.offers.get() > 0);
    assert_eq!(app.heard.borrow().last(), Some(&"ended"));
}

async fn send_megabytes(mut stream: TcpStream, _: &Server<Shouting>) {
    upgrade(&mut stream).await;
    let sent: Vec<u8> = (0..4 << 20)
        .map(|index| b'a' + (index % 23) as u8)
        .collect();
    let expected = sent.to_ascii_uppercase();
    let (mut reader, mut writer) = stream.split();
    let mut received = vec![0; sent.len()];
    let (sent, read) = tokio::join!(writer.write_all(&sent), reader.read_exact(&mut received));
    sent.unwrap();
    let _ = read.unwrap();
    assert!(received == expected);
}

#[test]
fn a_client_that_leaves_ends_it() {
    let app = served(async |mut stream, server| {
        upgrade(&mut stream).await;
        drop(stream);
        while server.connections() > 0 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(app.heard.borrow().last(), Some(&"ended"));
}

#[test]
fn a_drain_is_told_at_once() {
    let app = served(async |mut stream, server| {
        upgrade(&mut stream).await;
        server.drain();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "closing");
    });
    let heard = app.heard.borrow();
    let heard: Vec<_> = heard.iter().filter(|it| **it != "look").collect();
    assert_eq!(heard, [&"drain", &"ended"]);
}

#[test]
fn every_tunnel_is_looked_at_now_and_then() {
    let app = served(async |mut stream, _| {
        upgrade(&mut stream).await;
        let mut buffer = [0];
        // Silence for longer than the time between two looks.
        let silence = timeout(Duration::from_millis(1200), stream.read(&mut buffer)).await;
        assert!(silence.is_err());
    });
    assert_eq!(app.heard.borrow().first(), Some(&"look"));
}

#[test]
fn nobody_is_upgraded_who_did_not_ask_or_sends_a_body() {
    for request in [
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nupgrade: shout\r\n\r\n",
        "GET / HTTP/1.0\r\nconnection: upgrade\r\nupgrade: shout\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: shout\r\ncontent-length: 9\r\n\r\n12",
    ] {
        let app = served(async |mut stream, _| {
            stream.write_all(request.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut rest = String::new();
            stream.read_to_string(&mut rest).await.unwrap();
            assert!(!rest.contains("101"), "{rest}");
        });
        assert_eq!(*app.refused.borrow(), [Misuse::NoTunnel], "{request}");
    }
}
