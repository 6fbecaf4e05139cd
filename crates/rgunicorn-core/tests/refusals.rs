//! Refusals that need a clock: what both logs say when a head comes too late.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use rgunicorn_core::access_log::AccessFormat;
use rgunicorn_core::access_log::AccessLog;
use rgunicorn_core::app::App;
use rgunicorn_core::listen::Bind;
use rgunicorn_core::listen::Listener;
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

struct Uncalled;

impl App for Uncalled {
    fn call(&self, _: Request<'_>, _: Responder) {
        unreachable!("no request is complete");
    }

    fn running(&self) -> usize {
        0
    }
}

/// What is logged, kept for the test.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends `start` of a head and nothing more. Returns the answer and the access log.
async fn halt(start: &[u8]) -> (String, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let format = AccessFormat::parse("%(r)s %(s)s %(B)s").unwrap();
    let log = AccessLog::open(file.path(), format).unwrap();
    let listener = Listener::bind(&"127.0.0.1:0".parse::<Bind>().unwrap(), 16).unwrap();
    let port = listener.port().unwrap();
    let settings = Settings {
        head_timeout: Some(Duration::from_millis(1)),
        ..Settings::default()
    };
    let server = Server::new(Uncalled, vec![listener], settings, Some(log)).unwrap();
    let running = Rc::clone(&server);
    let running = tokio::task::spawn_local(async move { running.run().await });
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(start).await.unwrap();
    let mut answer = String::new();
    let reading = stream.read_to_string(&mut answer);
    timeout(DEADLINE, reading).await.unwrap().unwrap();
    drop(stream);
    server.drain();
    timeout(DEADLINE, running).await.unwrap().unwrap();
    (answer, std::fs::read_to_string(file.path()).unwrap())
}

#[test]
fn a_head_that_is_late_has_a_line_in_both_logs() {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(log);
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap();
    let (answer, access) = runtime.block_on(halt(b"GET /a HTTP/1.1\r\nhost: x\r\nb"));
    let reason = "request head was not received in time";
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.ends_with(&format!("\r\n\r\n{reason}\n")), "{answer}");
    assert_eq!(
        access,
        format!("GET /a HTTP/1.1 408 {}\n", reason.len() + 1)
    );
    let error = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let expected = format!("Invalid request from ip=127.0.0.1: {reason}: \"GET /a HTTP/1.1\"\n");
    assert!(
        error.contains(" WARN ") && error.ends_with(&expected),
        "{error}"
    );
}
