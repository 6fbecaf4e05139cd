//! What a client sees, byte for byte, of a server whose application is written in Rust.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use rgunicorn_core::app::App;
use rgunicorn_core::app::Bodies;
use rgunicorn_core::chunk::Chunk;
use rgunicorn_core::exchange::Interest;
use rgunicorn_core::exchange::Part;
use rgunicorn_core::listen::Bind;
use rgunicorn_core::listen::Listener;
use rgunicorn_core::request::Request;
use rgunicorn_core::responder::Flow;
use rgunicorn_core::responder::Received;
use rgunicorn_core::responder::Responder;
use rgunicorn_core::response::ResponseHead;
use rgunicorn_core::server::Server;
use rgunicorn_core::settings::Settings;
use rgunicorn_core::spool::Spooled;
use socket2::SockRef;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::UnixStream;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::time::timeout;

/// Long enough for any machine; reached only by a bug.
const DEADLINE: Duration = Duration::from_secs(20);

struct Script<F>(F);

impl<F: Fn(&Request<'_>, Responder) + 'static> App for Script<F> {
    fn call(&self, request: Request<'_>, responder: Responder) {
        (self.0)(&request, responder);
    }

    fn running(&self) -> usize {
        0
    }
}

/// Runs `client` against a server whose application is `script`, then drains the server.
fn served<F>(script: F, client: impl AsyncFnOnce(TcpStream))
where
    F: Fn(&Request<'_>, Responder) + 'static,
{
    serving("127.0.0.1:0", Script(script), async |port| {
        let port = port.unwrap();
        client(TcpStream::connect(("127.0.0.1", port)).await.unwrap()).await;
    });
}

/// Runs `clients`, who are told the port, against a server of `app`, then drains the server.
fn serving<A: App>(bind: &str, app: A, clients: impl AsyncFnOnce(Option<u16>)) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        let bind: Bind = bind.parse().unwrap();
        let listener = Listener::bind(&bind, 16).unwrap();
        let port = listener.port();
        let settings = Settings {
            drain_idle: Duration::ZERO,
            ..Settings::default()
        };
        let server = Server::new(app, vec![listener], settings, None).unwrap();
        let running = Rc::clone(&server);
        let running = tokio::task::spawn_local(async move { running.run().await });
        timeout(DEADLINE, clients(port)).await.unwrap();
        server.drain();
        timeout(DEADLINE, running).await.unwrap().unwrap();
    });
}

fn head(fields: &[(&str, &str)]) -> ResponseHead {
    let mut head = ResponseHead::new(200).unwrap();
    head.field(b"date", b"now").unwrap();
    for (name, value) in fields {
        head.field(name.as_bytes(), value.as_bytes()).unwrap();
    }
    head
}

fn answer(responder: &Responder, parts: &[&[u8]]) {
    responder.start(head(&[])).unwrap();
    for (index, part) in parts.iter().enumerate() {
        let end = if index + 1 == parts.len() {
            Part::Last
        } else {
            Part::More
        };
        let _ = responder.body(Chunk::Borrowed(part), end).unwrap();
    }
}

async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while !all.ends_with(end) {
        assert_ne!(
            stream.read_buf(&mut all).await.unwrap(),
            0,
            "{}",
            all.escape_ascii()
        );
    }
    all
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[test]
fn one_part_is_sized_and_the_connection_serves_again() {
    served(
        |_, responder| answer(&responder, &[b"hello"]),
        async |mut stream| {
            for _ in 0..2 {
                stream.write_all(GET).await.unwrap();
                let expected: &[u8] = b"HTTP/1.1 200 OK\r\nserver: rgunicorn\r\ndate: now\r\n\
                    content-length: 5\r\n\r\nhello";
                assert_eq!(read_until(&mut stream, b"hello").await, expected);
            }
        },
    );
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let echo_path = |request: &Request<'_>, responder: Responder| {
        answer(&responder, &[request.head.path().as_bytes()]);
    };
    served(echo_path, async |mut stream| {
        let mut wire = Vec::new();
        for number in 0..500 {
            wire.extend_from_slice(format!("GET /{number} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
        }
        stream.write_all(&wire).await.unwrap();
        let all = String::from_utf8(read_until(&mut stream, b"\r\n\r\n/499").await).unwrap();
        let bodies: Vec<_> = all
            .lines()
            .filter_map(|line| line.strip_prefix('/'))
            .map(|line| {
                line.trim_end_matches("HTTP/1.1 200 OK")
                    .parse::<u32>()
                    .unwrap()
            })
            .collect();
        assert_eq!(bodies, (0..500).collect::<Vec<_>>());
    });
}

/// More than the sockets' own buffers take, so that some of it must wait.
const LARGE: usize = 8 << 20;

#[test]
fn a_chunked_body_ends_once_however_many_writes_it_takes() {
    let large = Bytes::from(vec![b'x'; LARGE]);
    let script = move |_: &Request<'_>, responder: Responder| {
        responder.start(head(&[])).unwrap();
        let _ = responder
            .body(Chunk::Shared(large.clone()), Part::More)
            .unwrap();
        let _ = responder.body(Chunk::Borrowed(b""), Part::Last).unwrap();
    };
    served(script, async |mut stream| {
        stream.write_all(GET).await.unwrap();
        stream.write_all(GET).await.unwrap(); // the connection must be usable again
        let mut expected = b"HTTP/1.1 200 OK\r\nserver: rgunicorn\r\ndate: now\r\n\
            transfer-encoding: chunked\r\n\r\n800000\r\n"
            .to_vec();
        expected.resize(expected.len() + LARGE, b'x');
        expected.extend_from_slice(b"\r\n0\r\n\r\n");
        for _ in 0..2 {
            let mut all = vec![0; expected.len()];
            stream.read_exact(&mut all).await.unwrap();
            assert!(all == expected, "the body differs");
        }
    });
}

#[test]
fn a_client_that_does_not_read_makes_the_application_wait() {
    let script = |_: &Request<'_>, responder: Responder| {
        responder.start(head(&[])).unwrap();
        tokio::task::spawn_local(async move {
            let part = Bytes::from(vec![b'x'; 1 << 20]);
            let mut waited = 0u32;
            for _ in 0..32 {
                if responder
                    .body(Chunk::Shared(part.clone()), Part::More)
                    .unwrap()
                    == Flow::Full
                {
                    waited += 1;
                    let (wake, woken) = tokio::sync::oneshot::channel();
                    let interest = Rc::new(Interest::default());
                    let notify = Box::new(move || assert_eq!(wake.send(()), Ok(())));
                    responder.when_writable(&interest, notify);
                    woken.await.unwrap();
                }
            }
            assert!(waited > 1, "the application never waited");
            let _ = responder.body(Chunk::Borrowed(b"end"), Part::Last).unwrap();
        });
    };
    served(script, async |mut stream| {
        stream.write_all(GET).await.unwrap();
        let all = read_until(&mut stream, b"3\r\nend\r\n0\r\n\r\n").await;
        assert!(all.len() > 32 << 20);
    });
}

#[test]
fn a_responder_that_is_dropped_unfinished_cuts_the_connection() {
    let script = |_: &Request<'_>, responder: Responder| {
        responder
            .start(head(&[("content-type", "text/event-stream")]))
            .unwrap();
        tokio::task::spawn_local(async move {
            let _ = responder
                .body(Chunk::Borrowed(b"half"), Part::More)
                .unwrap();
            tokio::task::yield_now().await;
            drop(responder);
        });
    };
    served(script, async |mut stream| {
        stream.write_all(GET).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        assert!(!all.ends_with(b"0\r\n\r\n"), "{}", all.escape_ascii());
    });
}

#[test]
fn a_responder_that_is_dropped_unused_answers_500() {
    served(
        |_, responder| drop(responder),
        async |mut stream| {
            stream.write_all(GET).await.unwrap();
            let mut all = String::new();
            stream.read_to_string(&mut all).await.unwrap();
            assert!(
                all.starts_with("HTTP/1.1 500 Internal Server Error\r\n"),
                "{all}"
            );
            assert!(all.ends_with("\r\n\r\nInternal Server Error"), "{all}");
        },
    );
}

#[test]
fn a_body_arrives_whole_however_it_is_cut() {
    let script = |_: &Request<'_>, responder: Responder| {
        tokio::task::spawn_local(async move {
            let mut all = Vec::new();
            loop {
                match responder.receive(<[u8]>::to_vec) {
                    Received::Body(data, part) => {
                        all.extend_from_slice(&data);
                        if part == Part::Last {
                            return answer(&responder, &[&all]);
                        }
                    }
                    Received::Disconnected => return,
                    Received::Pending => {
                        let (wake, woken) = tokio::sync::oneshot::channel();
                        let interest = Rc::new(Interest::default());
                        let notify = Box::new(move || assert_eq!(wake.send(()), Ok(())));
                        responder.when_readable(&interest, notify);
                        woken.await.unwrap();
                    }
                }
            }
        });
    };
    served(script, async |mut stream| {
        stream.set_nodelay(true).unwrap();
        for byte in b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\
            3;a=b\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let all = read_until(&mut stream, b"abcde").await;
        assert!(
            all.ends_with(b"content-length: 5\r\n\r\nabcde"),
            "{}",
            all.escape_ascii()
        );
        let large = vec![b'y'; LARGE];
        let post = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {LARGE}\r\n\r\n");
        let (mut reader, mut writer) = stream.split();
        let upload = async {
            writer.write_all(post.as_bytes()).await.unwrap();
            writer.write_all(&large).await.unwrap();
        };
        let mut echoed = Vec::new();
        let expected = format!(
            "HTTP/1.1 200 OK\r\nserver: rgunicorn\r\ndate: now\r\ncontent-length: {LARGE}\r\n\r\n"
        );
        let download = async {
            while echoed.len() < expected.len() + LARGE {
                assert_ne!(reader.read_buf(&mut echoed).await.unwrap(), 0);
            }
        };
        tokio::join!(upload, download);
        assert!(echoed.starts_with(expected.as_bytes()) && echoed.ends_with(&large));
    });
}

/// An application that wants whole bodies and tells how long they are; `/slow` takes its time.
struct Whole;

impl App for Whole {
    fn call(&self, request: Request<'_>, responder: Responder) {
        if request.head.path() == "/slow" {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(20) {}
        }
        let length = match responder.take_body() {
            None => 0,
            Some(Spooled::Memory(body)) => body.len() as u64,
            Some(Spooled::File(file)) => file.metadata().unwrap().len(),
        };
        answer(&responder, &[format!("{length} bytes").as_bytes()]);
    }

    fn bodies(&self) -> Bodies {
        Bodies::Whole
    }

    fn running(&self) -> usize {
        0
    }
}

#[test]
fn a_connection_is_read_on_after_it_had_to_wait_for_a_slow_call_of_another() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let bind = format!("unix:{}", path.display());
    serving(&bind, Whole, async |_| {
        let mut streams = Vec::new();
        for _ in 0..3 {
            let mut stream = UnixStream::connect(&path).await.unwrap();
            stream.write_all(GET).await.unwrap();
            read_until(&mut stream, b"0 bytes").await;
            streams.push(stream);
        }
        let [mut one, mut patient, mut other] = <[UnixStream; 3]>::try_from(streams).unwrap();
        SockRef::from(&patient)
            .set_send_buffer_size(200_000)
            .unwrap();
        // More than one turn reads, and as much as one reads.
        for length in [300_000, 256 * 1024 - LONG_POST_HEAD] {
            let slow = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n";
            let mut post =
                format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n")
                    .into_bytes();
            assert_eq!(post.len(), LONG_POST_HEAD);
            post.resize(post.len() + length, b'x');
            // All of it is there before the first is read: server and clients share a thread. And
            // whatever the order in which a turn takes them, a slow one comes before the patient one.
            assert_eq!(one.try_write(slow).unwrap(), slow.len());
            assert_eq!(patient.try_write(&post).unwrap(), post.len());
            assert_eq!(other.try_write(slow).unwrap(), slow.len());
            read_until(&mut one, b"0 bytes").await;
            read_until(&mut other, b"0 bytes").await;
            read_until(&mut patient, format!("{length} bytes").as_bytes()).await;
            patient.write_all(GET).await.unwrap();
            read_until(&mut patient, b"\r\n\r\n0 bytes").await;
        }
    });
}

const LONG_POST_HEAD: usize = 52;
