//! How long a client may take over the header of the PROXY protocol.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::rc::Rc;
use std::time::Duration;

use rgunicorn_core::app::App;
use rgunicorn_core::listen::Bind;
use rgunicorn_core::listen::Listener;
use rgunicorn_core::proxy::ProxySettings;
use rgunicorn_core::proxy_protocol::Versions;
use rgunicorn_core::request::Request;
use rgunicorn_core::responder::Responder;
use rgunicorn_core::server::Server;
use rgunicorn_core::settings::Settings;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::time::timeout;

/// Long enough for any machine; reached only by a bug.
const DEADLINE: Duration = Duration::from_secs(20);

struct Unreachable;

impl App for Unreachable {
    fn call(&self, _: Request<'_>, _: Responder) {
        unreachable!("no request is complete");
    }

    fn running(&self) -> usize {
        0
    }
}

/// All that the server says to a client that sends these bytes and nothing more.
fn answer_to(bytes: &[u8]) -> String {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        let bind: Bind = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(&bind, 16).unwrap();
        let port = listener.port().unwrap();
        let settings = Settings {
            head_timeout: Some(Duration::from_millis(10)),
            drain_idle: Duration::ZERO,
            proxy: ProxySettings {
                protocol: Some(Versions::Both),
                ..ProxySettings::default()
            },
            ..Settings::default()
        };
        let server = Server::new(Unreachable, vec![listener], settings, None).unwrap();
        let running = Rc::clone(&server);
        let running = tokio::task::spawn_local(async move { running.run().await });
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = String::new();
        timeout(DEADLINE, stream.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        drop(stream);
        server.drain();
        timeout(DEADLINE, running).await.unwrap().unwrap();
        answer
    })
}

#[test]
fn a_header_that_does_not_arrive_in_time_is_a_408() {
    for part in [
        &b"PROX"[..],
        b"PROXY TCP4 192.0.2.1",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0",
    ] {
        let answer = answer_to(part);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
}

#[test]
fn a_request_that_does_not_follow_the_header_in_time_is_no_error() {
    assert_eq!(answer_to(b"PROXY UNKNOWN\r\n"), "");
    let answer = answer_to(b"PROXY UNKNOWN\r\nGET /");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}
